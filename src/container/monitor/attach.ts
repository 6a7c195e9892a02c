import { connectSeqpacket, shutdownWrite } from "../../sys/index.ts";

/** conmon takes at most this much in one message. */
const messageSize = 8192;

const streamOfByte = { 2: "stdout", 3: "stderr" } as const;

export type OutputStream = "stdout" | "stderr";

/** A connection to the standard streams of a running container. */
export interface Attachment {
  /** Hands bytes to the container's stdin. Resolves when the monitor has taken them. */
  write(data: Uint8Array): Promise<void>;
  /** End of stdin. */
  closeInput(): void;
  /** Lets go; the container runs on. */
  detach(): void;
  /** Resolves when the container's output is over, or after `detach`. */
  readonly closed: Promise<void>;
}

export interface AttachOptions {
  /**
   * Called in order. While a returned promise is pending nothing more is read, which in the end holds the container
   * back: memory does not grow.
   */
  readonly onOutput: (stream: OutputStream, data: Uint8Array) => void | Promise<void>;
}

interface Packets {
  write(data: Uint8Array): number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

/**
 * Connects to conmon's attach socket: SOCK_SEQPACKET, each message from it begins with a byte that names the stream (2 or 3; a
 * terminal has only 2), messages to it are stdin as it is.
 */
export async function attach(socketPath: string, options: AttachOptions): Promise<Attachment> {
  const fd = connectSeqpacket(socketPath);
  let isOpen = true;
  let whenClosed = () => {};
  const closed = new Promise<void>((resolve) => {
    whenClosed = resolve;
  });
  let whenDrained = () => {};
  let pending: Promise<void> = Promise.resolve();
  let queued = 0;
  const deliver = (socket: Packets, data: Uint8Array) => {
    const stream = streamOfByte[data[0] as 2 | 3];
    if (stream === undefined) return;
    const body = data.subarray(1);
    if (queued === 0) {
      const result = options.onOutput(stream, body);
      if (!result) return;
      hold(socket, result);
    } else {
      const copy = body.slice();
      hold(
        socket,
        pending.then(() => options.onOutput(stream, copy)),
      );
    }
  };
  const hold = (socket: Packets, result: Promise<void>) => {
    queued++;
    socket.pause();
    pending = result.finally(() => {
      if (--queued === 0 && isOpen) socket.resume();
    });
  };
  const finish = () => {
    isOpen = false;
    whenDrained();
    void pending.then(whenClosed, whenClosed);
  };
  const socket = (await Bun.connect({
    fd,
    socket: {
      data: deliver,
      drain: () => whenDrained(),
      end: finish,
      close: finish,
      error: finish,
    },
  } as unknown as Parameters<typeof Bun.connect>[0])) as unknown as Packets;

  let writing: Promise<void> = Promise.resolve();
  const send = async (data: Uint8Array) => {
    for (let at = 0; at < data.length && isOpen; ) {
      const sent = socket.write(data.subarray(at, at + messageSize));
      if (sent > 0) at += sent;
      else if (sent < 0) return;
      else
        await new Promise<void>((resolve) => {
          whenDrained = resolve;
        });
    }
  };
  return {
    write: (data) => {
      writing = writing.then(() => send(data));
      return writing;
    },
    closeInput: () => {
      void writing.then(() => {
        if (isOpen) shutdownWrite(fd);
      });
    },
    detach: () => {
      if (isOpen) socket.terminate();
      finish();
    },
    closed,
  };
}
