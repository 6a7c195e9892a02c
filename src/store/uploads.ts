import { readFileSync, writeFileSync } from "node:fs";
import { sha256 } from "../oci/index.ts";
import { LeftFiles } from "./left-files.ts";

const mark = "_upload_";

/** Milliseconds after which a note is not believed any more: the registries that drop uploads soonest do so after a day. */
const lifetime = 24 * 3600 * 1000;

/** Whether a temporary file of this name is a note that somebody may come back for. */
export function isKeptUpload(name: string, age: number): boolean {
  return name.includes(mark) && age < lifetime;
}

/**
 * Notes of how far uploads are, so that one that was interrupted goes on in the next process. What is noted may be secret: only the owner of the
 * store reads it, and names of files do not tell it. A note is a temporary file of its process; a kill leaves at worst one that leads nowhere.
 */
export class Uploads {
  readonly #files: LeftFiles;

  /** `folder`: of the store's temporary files. */
  constructor(folder: string) {
    this.#files = new LeftFiles(folder);
  }

  /**
   * Makes the newest note of an upload ours, or begins one. `names` say what is sent and where to: the first is what it is noted under from now on, under
   * the others it may have been before. What another process is at is not taken.
   */
  take(names: readonly [string, ...string[]]): UploadNote {
    const endings = names.map((name) => endingOf(name));
    const left = this.#files.left((name) => name.includes(mark)).sort((a, b) => a.age - b.age);
    for (const { path, age } of left) if (age >= lifetime) this.#files.forget(path);
    for (const ending of endings)
      for (const { path, age } of left) {
        if (age >= lifetime || !path.endsWith(`_${ending}`)) continue;
        const own = this.#files.adopt(path, endings[0]!);
        const text = own && textOf(own);
        if (text) return new UploadNote(this.#files, endings[0]!, { path: own, text });
        if (own) this.#files.forget(own);
      }
    return new UploadNote(this.#files, endings[0]!);
  }
}

/** What is noted of one upload. No other has it until `release`. */
export class UploadNote {
  /** What an earlier process, or call, had noted last. */
  readonly before: string | undefined;
  readonly #files: LeftFiles;
  readonly #ending: string;
  #path: string | undefined;

  constructor(files: LeftFiles, ending: string, found?: { readonly path: string; readonly text: string }) {
    this.#files = files;
    this.#ending = ending;
    this.#path = found?.path;
    this.before = found?.text;
  }

  /** Notes this in place of what was noted. That it cannot be written is no reason to send nothing: then nothing is noted. */
  write(text: string): void {
    const path = this.#files.begin(this.#ending);
    const before = this.#path;
    this.#path = path;
    try {
      writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    } catch {
      this.forget();
    }
    this.#drop(before);
  }

  /** There is nothing to go on with. */
  forget(): void {
    const path = this.#path;
    this.#path = undefined;
    this.#drop(path);
  }

  /** Whoever comes next may have it. Idempotent. */
  release(): void {
    if (this.#path !== undefined) this.#files.release(this.#path, this.#ending);
    this.#path = undefined;
  }

  /** What cannot be removed (a disk that turned read-only) goes with a later collection. */
  #drop(path: string | undefined): void {
    try {
      if (path !== undefined) this.#files.forget(path);
    } catch {
      // An upload does not end for it.
    }
  }
}

function endingOf(name: string): string {
  return `${mark.slice(1)}${sha256(name).slice("sha256:".length)}`;
}

/** Empty where a kill came before the text, undefined where a collection was faster. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
