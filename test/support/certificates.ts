import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certified {
  readonly cert: string;
  readonly key: string;
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** An authority of openssl's, and what it signs. */
export class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), "strake-authority-"));
  /** Its certificate in PEM. */
  readonly cert: string;

  constructor(name: string) {
    const files = ["-keyout", this.#path("ca.key"), "-out", this.#path("ca.crt")];
    openssl("req", "-x509", ...curve, ...files, "-subj", `/CN=${name}`, "-days", "9");
    this.cert = readFileSync(this.#path("ca.crt"), "utf8");
  }

  /** A server's certificate; with -1 `days` it ended yesterday. `names`: as in subjectAltName, `IP:127.0.0.1`. */
  sign(names: string, days = 5): Certified {
    const files = ["-keyout", this.#path("key"), "-out", this.#path("request")];
    openssl("req", "-new", ...curve, ...files, "-subj", "/CN=a registry");
    writeFileSync(this.#path("names"), `subjectAltName=${names}`);
    openssl(
      ...["x509", "-req", "-in", this.#path("request"), "-out", this.#path("crt"), "-days", String(days)],
      ...["-CA", this.#path("ca.crt"), "-CAkey", this.#path("ca.key"), "-CAcreateserial"],
      ...["-extfile", this.#path("names")],
    );
    return { cert: readFileSync(this.#path("crt"), "utf8"), key: readFileSync(this.#path("key"), "utf8") };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args]);
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
