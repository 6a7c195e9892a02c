import { readFile } from "node:fs/promises";

/** The token in a file, which somebody replaces before it ends: so it is read anew each time. `what` names the file in errors. */
export async function readToken(file: string, what: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(({ code }: NodeJS.ErrnoException) => {
    throw new Error(`${what} ${file} cannot be read: ${code}`);
  });
  const token = text.trim();
  if (token === "") throw new Error(`${what} ${file} is empty`);
  if (!/^[\x20-\x7e]*$/.test(token)) throw new Error(`${what} ${file} is not one line of text`);
  return token;
}
