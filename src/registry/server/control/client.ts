import { type ErrorCode, StrakeError } from "../../../errors/index.ts";
import type { Digest } from "../../../oci/index.ts";
import type { Robot } from "../access/robots.ts";
import type { Administration, MadeRobot, NewRobot } from "../administration.ts";
import type { CollectOptions, CollectReport } from "../gc/collect.ts";
import type { ScrubOptions, ScrubReport } from "../gc/scrub.ts";
import type { TrashEntry } from "../gc/trash.ts";
import type { RetentionOptions, RetentionReport } from "../retention/retain.ts";
import type { RetentionRule } from "../retention/rules.ts";
import type { OperationName } from "./operations.ts";
import { socketAddress } from "./socket.ts";

/** Has the process that serves a folder do the administration's work. */
export class ControlClient implements Administration {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async collect({ signal, ...options }: CollectOptions = {}): Promise<CollectReport | undefined> {
    return (await this.#ask<CollectReport | null>("collect", options, signal)) ?? undefined;
  }

  retain(
    rules?: readonly RetentionRule[],
    { signal, ...options }: RetentionOptions = {},
  ): Promise<RetentionReport> {
    return this.#ask("retain", { rules, options }, signal);
  }

  scrub({ signal, ...options }: ScrubOptions = {}): Promise<ScrubReport> {
    return this.#ask("scrub", options, signal);
  }

  trash(repository?: string): Promise<TrashEntry[]> {
    return this.#ask("trash", { repository });
  }

  async restore(repository: string, digest: Digest): Promise<readonly string[] | undefined> {
    return (await this.#ask<string[] | null>("restore", { repository, digest })) ?? undefined;
  }

  emptyTrash(repository?: string): Promise<number> {
    return this.#ask("emptyTrash", { repository });
  }

  robots(): Promise<Robot[]> {
    return this.#ask("robots", {});
  }

  createRobot(robot: NewRobot): Promise<MadeRobot> {
    return this.#ask("createRobot", robot);
  }

  revokeRobot(name: string): Promise<boolean> {
    return this.#ask("revokeRobot", { name });
  }

  async #ask<T>(name: OperationName, input: object, signal?: AbortSignal): Promise<T> {
    using address = socketAddress(this.#path);
    const response = await fetch(`http://registry/${name}`, {
      ...{ method: "POST", body: JSON.stringify(input), signal, unix: address.path },
      timeout: false,
    } as RequestInit).catch((cause: unknown) => {
      if (signal?.aborted) throw new StrakeError("CANCELED", "interrupted", { cause });
      throw new StrakeError("REGISTRY_STORAGE_BUSY", "the process that serves the folder does not answer", {
        hint: `it listens at ${this.#path} when it was started by strake registry serve`,
        cause,
      });
    });
    if (response.ok) return (await response.json()) as T;
    const { code, message, hint } = (await response.json()) as Record<"code" | "message" | "hint", string>;
    throw new StrakeError(code as ErrorCode, message, { hint });
  }
}
