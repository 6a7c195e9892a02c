declare const BUILD_VERSION: string | undefined;

/** The version of this executable; a run from source says so. */
export const version = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "0.1.0-source";
