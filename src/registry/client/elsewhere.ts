import { StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import { reasonOf } from "./answer-error.ts";
import type { HttpRequest, HttpResponse } from "./http/message.ts";

const refusals = new Set([400, 403, 410]);

/** Whether it is not the registry that refuses, but the store it sent us to. */
export function isRefusedElsewhere({ status, url }: HttpResponse, asked: Pick<HttpRequest, "url">): boolean {
  return refusals.has(status) && url.href !== asked.url.href;
}

/**
 * What a store says to an address that is not signed, or no longer: it is worth to ask the registry for another, so the error is one that may
 * pass. The address stays out of it: whoever has it may read.
 */
export async function refusedElsewhere(
  response: HttpResponse,
  {
    request,
    blob,
  }: { readonly request: Pick<HttpRequest, "url">; readonly blob: { readonly digest: Digest } },
): Promise<StrakeError> {
  const said = await reasonOf(response);
  const { host } = request.url;
  return new StrakeError(
    "REGISTRY_FAILED",
    `${host} sends to ${response.url.host} for blob ${blob.digest}, which refuses with status ${response.status}${said === "" ? "" : `: ${said}`}`,
    {
      hint: `the addresses that ${host} gives out are its administrator's affair: its clock, its key to the store`,
    },
  );
}
