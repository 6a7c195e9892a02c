/**
 * The closed set of error classes and, for each, how the outside world sees it:
 * HTTP status (Engine API, registry), OCI distribution error code, process exit code.
 */
export const errorClasses = {
  "not-found": { http: 404, oci: "NAME_UNKNOWN", exit: 1 },
  "already-exists": { http: 409, oci: "DENIED", exit: 1 },
  invalid: { http: 400, oci: "UNSUPPORTED", exit: 1 },
  conflict: { http: 409, oci: "DENIED", exit: 1 },
  precondition: { http: 412, oci: "DENIED", exit: 1 },
  unauthorized: { http: 401, oci: "UNAUTHORIZED", exit: 1 },
  denied: { http: 403, oci: "DENIED", exit: 1 },
  unavailable: { http: 503, oci: "TOOMANYREQUESTS", exit: 1 },
  unsupported: { http: 501, oci: "UNSUPPORTED", exit: 1 },
  exhausted: { http: 507, oci: "TOOMANYREQUESTS", exit: 1 },
  "data-loss": { http: 500, oci: "DIGEST_INVALID", exit: 1 },
  canceled: { http: 499, oci: "UNSUPPORTED", exit: 130 },
  internal: { http: 500, oci: "UNSUPPORTED", exit: 1 },
} as const;

export type ErrorClass = keyof typeof errorClasses;

/**
 * Every code the project may raise, with its class and one line of meaning.
 * `docs/errors.md` is compared with this table in both directions by a test.
 * Codes are stable: programs match on them.
 */
export const errorCodes = {
  // general
  CANCELED: ["canceled", "the operation was interrupted by its caller"],
  INTERNAL: ["internal", "a defect in strake itself; please report it"],
  NEEDS_BUN: ["unsupported", "a part of the library that runs on Bun was imported on another runtime"],
  USAGE: ["invalid", "the command line or the options of a call do not make sense"],
  // oci
  DIGEST_INVALID: ["invalid", "a digest is not `algorithm:hex` of a supported algorithm and length"],
  REFERENCE_INVALID: ["invalid", "an image reference does not follow the reference grammar"],
  PLATFORM_INVALID: ["invalid", "a platform is not `os/arch[/variant]`"],
  DESCRIPTOR_INVALID: [
    "invalid",
    "a content descriptor misses a field or holds one of the wrong type or size",
  ],
  MANIFEST_INVALID: ["invalid", "an image manifest is malformed, too large or ambiguous"],
  INDEX_INVALID: ["invalid", "an image index is malformed, too large or ambiguous"],
  CONFIG_INVALID: ["invalid", "an image configuration is malformed or too large"],
  MEDIA_TYPE_UNSUPPORTED: [
    "unsupported",
    "a media type is known but not supported here (for example Docker schema 1)",
  ],
  // tar
  TAR_INVALID: ["invalid", "a tar archive is malformed (bad checksum, bad number, bad PAX record)"],
  TAR_TRUNCATED: ["data-loss", "a tar archive ends in the middle of an entry"],
  TAR_LIMIT: ["exhausted", "a tar archive exceeds a limit (PAX size, path length, number of entries)"],
  TAR_UNSUPPORTED: ["unsupported", "a tar entry uses a feature that cannot be represented"],
  // erofs
  EROFS_INVALID: ["invalid", "a layer index is malformed"],
  EROFS_LIMIT: ["exhausted", "a layer does not fit what the index format can express"],
  LAYER_ENTRY_INVALID: [
    "invalid",
    "a layer holds an entry that no unpacking could make sense of (root not a directory, bad whiteout, dangling hardlink)",
  ],
  // tree
  TREE_NOT_FOUND: ["not-found", "a path does not exist in the image"],
  TREE_NOT_DIRECTORY: ["invalid", "a path in the image is not a directory"],
  TREE_NOT_FILE: ["invalid", "a path in the image is not a file (or symbolic link) that could be read"],
  TREE_LOOP: ["invalid", "a path in the image follows more than 40 symbolic links"],
  TREE_LIMIT: ["exhausted", "a file in the image is larger than its reader accepts"],
  ACCOUNT_NOT_FOUND: ["not-found", "a user or group name is not in the image's accounts files"],
  ACCOUNT_INVALID: ["invalid", "a user or group id is out of range, or an accounts file is too large"],
  // sys
  SYS_NOT_FOUND: ["not-found", "the kernel found no such file, process or attribute"],
  SYS_EXISTS: ["already-exists", "the kernel refused to make what already exists"],
  SYS_DENIED: ["denied", "the kernel refused a call for lack of rights"],
  SYS_BUSY: ["conflict", "a file, mount or lock is in use by somebody else"],
  SYS_EXHAUSTED: ["exhausted", "the machine is out of disk space, quota, memory, inodes or file descriptors"],
  SYS_INVALID: [
    "invalid",
    "a value handed to the kernel makes no sense to it (bad path, bad option, wrong file type)",
  ],
  SYS_UNSUPPORTED: ["unsupported", "this kernel, file system or operating system cannot do what was asked"],
  SYS_IO: ["data-loss", "the device or file system failed to read or write"],
  SYS_INTERRUPTED: ["unavailable", "a call was interrupted or would have had to wait"],
  SYS_FAILED: ["internal", "the kernel refused a call for a reason that has no class of its own"],
  // store
  STORE_ROOT: [
    "precondition",
    "the data root cannot be used (foreign folder, foreign owner, no right to write)",
  ],
  STORE_CLOSED: ["precondition", "an engine or store was used after it was closed"],
  STORE_VERSION: ["unsupported", "the data root was written by a newer version of strake"],
  STORE_FULL: ["exhausted", "the disk under the data root is full"],
  STORE_BUSY: ["unavailable", "another process holds the store's lock for too long"],
  STORE_CORRUPT: ["data-loss", "the store's database is damaged"],
  BLOB_NOT_FOUND: ["not-found", "no blob of this digest is in the store"],
  BLOB_MISMATCH: ["data-loss", "content does not have the digest or size that was promised for it"],
  BLOB_TOO_LARGE: ["exhausted", "a blob is larger than what is read at once"],
  LAYER_NOT_FOUND: ["not-found", "no layer of this diff ID is in the store"],
  LAYER_DAMAGED: ["data-loss", "files of a layer in the store are missing or have lost bytes"],
  IMAGE_NOT_FOUND: ["not-found", "no image has this name or ID"],
  IMAGE_AMBIGUOUS: ["conflict", "a short image ID fits several images"],
  IMAGE_INCOMPLETE: [
    "precondition",
    "an image cannot be recorded before its blobs and layers are in the store",
  ],
  IMAGE_IN_USE: ["conflict", "a container still uses the image"],
  RECORD_NOT_FOUND: ["not-found", "no container, network or volume has this name or ID"],
  RECORD_AMBIGUOUS: ["conflict", "a short ID fits several containers, networks or volumes"],
  RECORD_EXISTS: ["conflict", "another container, network or volume already has this name or ID"],
  RECORD_NAME_INVALID: [
    "invalid",
    "a name or ID of a container, network or volume could not be a folder's name",
  ],
  // layer
  LAYER_SOURCE_CHANGED: ["conflict", "a file changed or vanished while it was being copied into a layer"],
  LAYER_MISMATCH: [
    "data-loss",
    "a layer's content does not have the diff ID or size that was promised for it",
  ],
  LAYER_DIFF_UNSUPPORTED: [
    "unsupported",
    "a writable layer holds something that a layer's tar cannot express",
  ],
  COMPRESSION_INVALID: ["invalid", "compressed content is damaged"],
  COMPRESSION_TRUNCATED: ["data-loss", "compressed content ends too early"],
  COMPRESSION_LIMIT: [
    "exhausted",
    "compressed content unpacks to more, or needs more memory, than is allowed",
  ],
  COMPRESSION_PROGRAM_MISSING: [
    "precondition",
    "the program that unpacks xz or bzip2 is not installed on this machine",
  ],
  // build
  BUILD_NO_DOCKERFILE: ["not-found", "the Dockerfile named or implied does not exist"],
  BUILD_CONTEXT: ["not-found", "the build context does not exist or is not a folder"],
  BUILD_CONTEXT_CHANGED: ["conflict", "a file of the build context changed while it was being copied"],
  BUILD_TARGET_UNKNOWN: ["not-found", "the stage to build does not exist in the Dockerfile"],
  BUILD_STAGE_UNKNOWN: ["not-found", "an instruction names a stage that does not exist or comes later"],
  BUILD_STAGE_CYCLE: ["invalid", "stages of the Dockerfile depend on each other in a circle"],
  BUILD_BASE_NOT_FOUND: ["not-found", "the image named by FROM or --from is not in the store"],
  BUILD_INSTRUCTION: ["invalid", "an instruction's arguments make no sense once its variables are expanded"],
  BUILD_COPY_SOURCE: ["not-found", "a source of COPY or ADD does not exist"],
  BUILD_COPY_DEST: ["invalid", "the destination of COPY or ADD cannot take what is copied there"],
  BUILD_COPY_MODE: ["invalid", "the value of --chmod is not a file mode"],
  BUILD_UNSUPPORTED: ["unsupported", "a flag or form of an instruction that this version cannot execute"],
  BUILD_RUN_FAILED: ["invalid", "a command of RUN ended with an exit code that is not 0"],
  // dockerfile
  DOCKERFILE_EMPTY: ["invalid", "a Dockerfile holds no instruction or no build stage"],
  DOCKERFILE_SYNTAX: ["invalid", "an instruction of a Dockerfile does not follow its grammar"],
  DOCKERFILE_DIRECTIVE: [
    "invalid",
    "a parser directive at the top of a Dockerfile is repeated or has a bad value",
  ],
  DOCKERFILE_INSTRUCTION_UNKNOWN: [
    "invalid",
    "a line of a Dockerfile starts with a word that is no instruction",
  ],
  DOCKERFILE_FLAG_UNKNOWN: ["invalid", "an instruction has a flag that it does not know"],
  DOCKERFILE_FLAG_INVALID: ["invalid", "a flag of an instruction is repeated or has a bad value"],
  DOCKERFILE_HEREDOC: ["invalid", "a heredoc of a Dockerfile has no end or stands where none may stand"],
  DOCKERFILE_EXPANSION: ["invalid", "a word of a Dockerfile has a malformed quote or variable"],
  DOCKERFILE_VARIABLE_REQUIRED: ["invalid", "a variable that a `?` expansion demands is not set or is empty"],
  DOCKERFILE_LIMIT: [
    "exhausted",
    "a Dockerfile or an ignore file exceeds a limit (size, lines, nesting, pattern work)",
  ],
  DOCKERFILE_CHECK: ["invalid", "a Dockerfile whose `check` directive says error=true breaks a build check"],
  DOCKERFILE_PATTERN: ["invalid", "a pattern of an ignore file or of COPY is malformed"],
  // container
  CONTAINER_NOT_FOUND: ["not-found", "no container has this name or id"],
  CONTAINER_NAME_TAKEN: ["conflict", "another container already has this name"],
  CONTAINER_STATE: ["conflict", "the container is not in a state in which this can be done"],
  CONTAINER_OPTIONS_INVALID: ["invalid", "an option of a container does not make sense"],
  CONTAINER_PATH_INVALID: ["invalid", "a path in a container cannot be used"],
  CONTAINER_START_FAILED: ["internal", "the runtime could not make or start the container"],
  CONTAINER_COMMAND_NOT_FOUND: ["invalid", "the command does not exist in the container (exit code 127)"],
  CONTAINER_COMMAND_NOT_EXECUTABLE: [
    "invalid",
    "the command cannot be executed in the container (exit code 126)",
  ],
  CONTAINER_RIGHTS: [
    "denied",
    "this user may not make the mounts and namespaces that RUN and containers need",
  ],
  CONTAINER_TOOL_MISSING: ["precondition", "a program that containers need is not installed"],
  RUNTIME_UNKNOWN: ["invalid", "STRAKE_RUNTIME names a program that strake does not run containers with"],
  CAPABILITY_UNKNOWN: ["invalid", "a Linux capability of that name does not exist"],
  NETWORK_FAILED: ["internal", "the network of a container could not be set up"],
  NETWORK_EXHAUSTED: ["exhausted", "no free address or port is left"],
  PORT_INVALID: ["invalid", "a port to publish is not written as [address:][host:]container[/protocol]"],
  PORT_BUSY: ["conflict", "a port of the host is already in use"],
  VOLUME_INVALID: ["invalid", "a volume or mount is not written as it must be"],
  VOLUME_NOT_FOUND: ["not-found", "no volume has this name"],
  VOLUME_IN_USE: ["conflict", "a container still uses the volume"],
  // archive
  ARCHIVE_INVALID: [
    "invalid",
    "an image archive is neither a docker-archive nor an OCI layout, or contradicts itself",
  ],
  ARCHIVE_INCOMPLETE: ["data-loss", "an image archive names content that it does not hold"],
  ARCHIVE_MISMATCH: ["data-loss", "content of an image archive has another digest or size than promised"],
  ARCHIVE_LIMIT: ["exhausted", "an image archive holds more documents, images or nesting than is read"],
  ARCHIVE_FOREIGN_LAYER: [
    "unsupported",
    "a layer of an image archive is to be fetched from an address it names",
  ],
  ARTIFACT_INVALID: ["invalid", "an artifact is an index, or names its files as it may not"],
  IMAGE_PLATFORM: ["not-found", "an image of the store is not for the platform asked for"],
  MANIFEST_LIST_NOT_FOUND: ["not-found", "there is no such manifest list, or it holds no such image"],
  MANIFEST_LIST_EXISTS: ["conflict", "a manifest list of this name exists"],
  ARCHIVE_NOT_FOUND: ["not-found", "an image archive or layout holds no image of that name"],
  ARCHIVE_PLATFORM: ["not-found", "an image archive holds no image for the platform asked for"],
  BOOTSTRAP_TOOL_MISSING: ["precondition", "a program that makes base images is not installed"],
  BOOTSTRAP_FAILED: ["unavailable", "the program that makes base images failed"],
  // registry client
  REGISTRY_UNREACHABLE: [
    "unavailable",
    "no connection to a registry could be made, or it was lost again and again",
  ],
  REGISTRY_TLS: ["unavailable", "a registry's certificate is not trusted, or it does not speak TLS"],
  REGISTRY_PROXY: [
    "unavailable",
    "the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or hosts.toml names gave no connection to a registry",
  ],
  REGISTRY_PROXY_DENIED: [
    "denied",
    "a proxy wants credentials, or does not allow a connection to a registry",
  ],
  REGISTRY_STALLED: ["unavailable", "a registry stopped sending or taking bytes in the middle of a transfer"],
  REGISTRY_TRUNCATED: ["data-loss", "a registry's answer ended before all of it had come"],
  REGISTRY_RESPONSE: ["data-loss", "a registry's answer does not follow the distribution specification"],
  REGISTRY_FAILED: ["unavailable", "a registry reported a failure of its own (5xx)"],
  REGISTRY_RATE_LIMITED: ["unavailable", "a registry refused a request because there were too many"],
  REGISTRY_REFUSED: ["invalid", "a registry refused a request as malformed or not supported"],
  REGISTRY_UNAUTHORIZED: ["unauthorized", "a registry wants credentials, or refused those it was given"],
  REGISTRY_FULL: ["exhausted", "a registry has no room left for what is pushed to it"],
  REGISTRY_DENIED: ["denied", "a registry does not allow what was asked with these credentials"],
  REGISTRY_NOT_FOUND: ["not-found", "a registry has no such repository, tag, manifest or blob"],
  REGISTRY_TAG_SHARED: [
    "conflict",
    "a registry that deletes no single tags would take other tags of the manifest along",
  ],
  REGISTRY_BLOCKED: ["denied", "registries.conf or hosts.toml blocks the registry or repository"],
  REGISTRY_PLATFORM: ["not-found", "an image of a registry does not exist for the platform asked for"],
  REGISTRY_CONFIG: ["invalid", "a configuration file for registries or credentials is malformed"],
  CREDENTIAL_HELPER: ["unavailable", "a credential helper is missing or failed"],
  // registry server
  OBJECT_KEY_INVALID: ["invalid", "a key of the registry's storage is malformed"],
  OBJECT_CHANGED: [
    "precondition",
    "an object of the registry's storage was changed by somebody else meanwhile",
  ],
  UPLOAD_GONE: ["not-found", "an upload to the registry was cut off at its end, and cannot be continued"],
  REGISTRY_STORAGE: ["unavailable", "the registry's storage cannot be read or written"],
  REGISTRY_STORAGE_BUSY: ["conflict", "another process is serving the registry's folder"],
  WEBHOOK_FAILED: ["unavailable", "a webhook's receiver did not take an event"],
  REGISTRY_SERVER_CONFIG: [
    "invalid",
    "the configuration of the registry server or its password file is malformed",
  ],
  REGISTRY_OPEN: ["denied", "a registry without access rules was to serve other machines"],
  // snapshotter
  SNAPSHOTTER_UNKNOWN: ["invalid", "STRAKE_SNAPSHOTTER or a record names a snapshotter that does not exist"],
  SNAPSHOTTER_UNUSABLE: ["unsupported", "the snapshotter that was asked for cannot work on this machine"],
} as const satisfies Record<string, readonly [ErrorClass, string]>;

export type ErrorCode = keyof typeof errorCodes;
