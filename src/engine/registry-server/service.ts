import { readFileSync, statSync } from "node:fs";
import { asksNobody, type Registry, type ServerConfig } from "../../registry/server/index.ts";
import { LogFile, standardOutput } from "./log-file.ts";
import { LogWriter } from "./log-writer.ts";
import { changeableOptions, namedFiles } from "./options.ts";
import { configOf, type ServeRegistryRequest, startConfigured } from "./serve.ts";

export interface ReloadReport {
  /** Settings that changed and take effect only when the registry is started again. */
  readonly later: readonly string[];
}

export type RegistryServiceRequest = Omit<ServeRegistryRequest, "log">;

/** Settings that a running registry cannot change. */
const fixed = [
  "storage",
  "listen",
  "open",
  "metrics",
  "log",
  "proxy",
  "names",
  "trustedProxies",
] as const satisfies (keyof ServerConfig)[];
const watchInterval = 1000;

/** A registry as a program that runs for months: its configuration, certificate and log are followed while it serves. */
export class RegistryService {
  readonly registry: Registry;
  readonly #request: RegistryServiceRequest;
  readonly #started: ServerConfig;
  readonly #writer: LogWriter | undefined;
  readonly #file: LogFile | undefined;
  #config: ServerConfig;
  #versions: string;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Errors: as {@link startRegistry}. */
  static async start(request: RegistryServiceRequest): Promise<RegistryService> {
    const config = configOf(request);
    const file = config.log === "stdout" || config.log === "none" ? undefined : new LogFile(config.log);
    const writer = config.log === "none" ? undefined : new LogWriter(file?.write ?? standardOutput());
    const registry = await startConfigured(config, { ...request, log: writer?.log });
    return new RegistryService(request, { registry, config, writer, file });
  }

  private constructor(
    request: RegistryServiceRequest,
    parts: {
      registry: Registry;
      config: ServerConfig;
      writer: LogWriter | undefined;
      file: LogFile | undefined;
    },
  ) {
    this.#request = request;
    this.registry = parts.registry;
    this.#started = parts.config;
    this.#config = parts.config;
    this.#writer = parts.writer;
    this.#file = parts.file;
    this.#versions = this.#stat();
  }

  /** Whether there are rules about who may do what, and nobody whom they could be about. */
  get nobodyCanLogIn(): boolean {
    const { access } = this.#config;
    if (access === undefined || asksNobody(access)) return false;
    return access.htpasswd === undefined || !/^[^#\s]/m.test(readFileSync(access.htpasswd, "utf8"));
  }

  /** Calls `onChange` after the configuration file, or one it names, has changed and been left alone for a moment. */
  watch(onChange: () => void): void {
    let seen = this.#versions;
    this.#timer = setInterval(() => {
      const versions = this.#stat();
      // Who writes a file makes it empty first: read then, it would say that there are no rules.
      if (versions !== this.#versions && versions === seen) {
        this.#versions = versions;
        onChange();
      }
      seen = versions;
    }, watchInterval);
    this.#timer.unref();
  }

  /**
   * Reads the configuration again, and opens the log file anew. When it throws, the registry goes on as before.
   * Errors: REGISTRY_SERVER_CONFIG, REGISTRY_OPEN, USAGE.
   */
  async reload(): Promise<ReloadReport> {
    this.#writer?.flush();
    this.#file?.reopen();
    // Looked at before they are read: what is written from here on is a change that is still to be read.
    this.#versions = this.#stat();
    const { config } = this.#request;
    const own = config === undefined ? [] : [versionOf(config)];
    const next = configOf(this.#request);
    const versions = [...own, ...namedFiles(next).map(versionOf)].join(" ");
    await this.registry.reconfigure(changeableOptions(next, this.#writer?.log));
    this.#config = next;
    this.#versions = versions;
    return { later: fixed.filter((name) => !Bun.deepEquals(next[name], this.#started[name])) };
  }

  /** Lets what is being answered finish for as long as the configuration says. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.registry.stop({ grace: this.#config.stopTimeout });
    this.#writer?.[Symbol.dispose]();
    this.#file?.close();
  }

  #stat(): string {
    const { config } = this.#request;
    const files = [...(config === undefined ? [] : [config]), ...namedFiles(this.#config)];
    return files.map(versionOf).join(" ");
  }
}

function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino}/${stat.size}/${stat.mtimeNs}` : "absent";
}
