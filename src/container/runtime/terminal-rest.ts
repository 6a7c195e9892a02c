/** What crun reads at once when it empties the terminal of a process that has ended. */
const piece = 255;

/**
 * What a process left in its terminal. crun copies a terminal to its stdout while the process lives; what is still in there when it ends goes to
 * crun's log, in pieces of at most 255 bytes with a newline after each (crun 1.8.1, `flush_fd_to_err`). `log` is all of the log of a crun that
 * did not complain. A terminal ends lines with CR and LF, so a LF alone is crun's; where no line ends so, the terminal was made raw, and the
 * pieces are taken for full ones.
 */
export function terminalRest(log: Uint8Array): Uint8Array {
  const text = Buffer.from(log).toString("latin1");
  const rest = text.includes("\r\n") ? text.replace(/(?<!\r)\n/g, "") : joined(text);
  return Buffer.from(rest, "latin1");
}

function joined(text: string): string {
  let rest = "";
  for (let at = 0; at < text.length; at += piece + 1) rest += text.slice(at, at + piece);
  return text.length % (piece + 1) === 0 ? rest : rest.slice(0, -1);
}
