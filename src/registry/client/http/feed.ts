import type { ClientRequest } from "node:http";
import type { RequestBody } from "./message.ts";

/** Sends the body as fast as the other side takes it; stops when there is an answer already (a refusal). */
export async function feed(
  request: ClientRequest,
  body: RequestBody,
  { isOver, moved }: { readonly isOver: () => boolean; readonly moved: () => void },
): Promise<void> {
  for await (const chunk of body.open()) {
    if (isOver()) return;
    moved();
    if (!request.write(chunk)) await room(request);
  }
  if (!isOver()) request.end();
}

const goesOn = ["drain", "close", "error", "response"] as const;

function room(request: ClientRequest): Promise<void> {
  if (request.destroyed || request.writableNeedDrain === false) return Promise.resolve();
  return new Promise((resolve) => {
    const go = () => {
      for (const event of goesOn) request.off(event, go);
      resolve();
    };
    for (const event of goesOn) request.on(event, go);
  });
}
