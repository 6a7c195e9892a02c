/** What is read of a request, whoever parsed it: `url` holds the target as it came, nothing in it resolved. */
export type IncomingRequest = Pick<Request, "method" | "url" | "headers" | "body">;
