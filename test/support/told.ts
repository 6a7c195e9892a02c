import { renderError, toStrakeError } from "../../src/errors/index.ts";

/** What a person reads of an error, with HOST in place of an address that is another one each time. */
export async function told(work: Promise<unknown>, host: string): Promise<{ code: string; text: string }> {
  const error = await work.then(
    () => {
      throw new Error("it did not fail");
    },
    (thrown) => toStrakeError(thrown),
  );
  return { code: error.code, text: renderError(error).replaceAll(host, "HOST") };
}
