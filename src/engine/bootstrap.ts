import { checkOptions, type OptionKinds, StrakeError } from "../errors/index.ts";
import type { Emit } from "../events/index.ts";
import { formatReference, parseReference, withDefaultTag } from "../oci/index.ts";
import type { Image, Store } from "../store/index.ts";

export interface BootstrapOptions {
  /** `debian`, `debian:SUITE` or `busybox`. */
  readonly kind: string;
  /** Default: `debian:SUITE` by code name, or `busybox`. */
  readonly tags?: readonly string[];
  readonly include?: readonly string[];
  readonly variant?: string;
  readonly mirror?: string;
  /** Lets pip install into the system, as the images that carry Python do. */
  readonly pip?: boolean;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/** PEP 668 guards a machine's own Python from pip; in an image the system is what one installs into. */
const pipEnvironment = ["PIP_BREAK_SYSTEM_PACKAGES=1", "PIP_ROOT_USER_ACTION=ignore"];

const optionKinds: OptionKinds<BootstrapOptions> = {
  ...{ kind: "string", tags: "strings?", include: "strings?", variant: "string?", mirror: "string?" },
  ...{ pip: "boolean?", signal: "signal?", emit: "function?" },
};

export async function bootstrap(store: Store, options: BootstrapOptions): Promise<Image> {
  checkOptions("bootstrap", options, optionKinds);
  const [name = "", suite = ""] = options.kind.split(":");
  const { bootstrapBusybox, bootstrapDebian, suiteName } = await import("../archive/index.ts");
  const env = options.pip ? pipEnvironment : [];
  const wanted = options.tags?.length
    ? options.tags
    : [name === "debian" ? `debian:${suiteName(suite)}` : "busybox"];
  const references = wanted.map((tag) => withDefaultTag(parseReference(tag)));
  using lease = store.lease("bootstrap");
  let image: Image;
  if (name === "debian") image = await bootstrapDebian(store, { ...options, suite, env, lease });
  else if (name === "busybox" && suite === "") image = await bootstrapBusybox(store, { env, lease });
  else
    throw new StrakeError("USAGE", `cannot make ${JSON.stringify(options.kind)}`, {
      hint: "debian, debian:bookworm or busybox",
    });
  for (const reference of references) store.images.tag(reference, image.id);
  options.emit?.({ type: "image", id: image.id, tags: references.map(formatReference), at: Date.now() });
  return store.images.find(image.id);
}
