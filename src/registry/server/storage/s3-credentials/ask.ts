import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTLS } from "node:https";

/** Nobody who gives credentials says more. */
const mostBytes = 256 << 10;

export interface Question {
  readonly method?: "GET" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for the whole answer. */
  readonly within: number;
  /** How often it is asked while there is no answer, or one of 429 or 5xx. */
  readonly attempts: number;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks a service of the machine itself. Never through a proxy, which would be given the answer, and without following redirects. What is thrown names
 * the host, and nothing of the headers.
 */
export async function ask(url: URL, question: Question): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt >= question.attempts;
    try {
      const answer = await askOnce(url, question);
      if (isLast || (answer.status < 500 && answer.status !== 429)) return answer;
    } catch (cause) {
      if (isLast) {
        const { code, message } = cause as { code?: string; message: string };
        throw new Error(`${url.host}: ${code && !message.includes(code) ? `${code}: ` : ""}${message}`);
      }
    }
    await Bun.sleep(50 * 2 ** attempt);
  }
}

async function askOnce(url: URL, { method = "GET", headers = {}, within }: Question): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = url.protocol === "https:" ? requestTLS : requestPlain;
  const read = (message: IncomingMessage) => {
    const chunks: Buffer[] = [];
    let length = 0;
    message.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > mostBytes) sent.destroy(new Error("the answer is too long"));
      else chunks.push(chunk);
    });
    message.on("end", () =>
      resolve({ status: message.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
    );
    message.on("error", reject);
    message.on("close", () => reject(new Error("the answer is cut off")));
  };
  const sent = request(url, { method, headers: { ...headers }, agent: false }, read);
  sent.on("error", reject);
  const timer = setTimeout(() => {
    const error = new Error(`no answer within ${within / 1000} seconds`);
    reject(error);
    sent.destroy(error);
  }, within);
  sent.end();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
