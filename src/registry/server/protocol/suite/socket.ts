import { connect } from "node:net";

/** Sends a request that promises more than it sends, and hangs up. */
export function cut(port: number, target: string, promised: number, sent: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${promised}\r\n\r\n${sent}`, () =>
        setTimeout(() => socket.destroy(), 50),
      );
    });
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}

/** The answer to a request line as it is, with nothing resolved on the way. */
export function raw(port: number, line: string, rest = "Connection: close\r\n\r\n"): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(`${line} HTTP/1.1\r\nHost: x\r\n${rest}`));
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}
