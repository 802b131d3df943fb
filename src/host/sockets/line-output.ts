import type { Socket } from 'node:net';
import type { Duration } from '../../core/basics/time.ts';

/** How much may wait for one client, and how long. */
export interface OutputLimits {
  /** A client with more unsent bytes than this is disconnected at the next line. */
  readonly waitingBytes: number;
  /** How long a client for which something waits may read nothing. */
  readonly stall: Duration;
}

/** What is given to the kernel at once: progress is seen in such steps. */
const pieceBytes = 16 * 1024;

export interface Output {
  /** Lines that nothing comes between. A client with too many unsent bytes is disconnected. */
  readonly write: (lines: readonly string[]) => void;
  /** Resolves when at most this many bytes wait, or the client is gone. */
  readonly room: (bytes: number) => Promise<void>;
}

/**
 * The lines that wait for a client. They wait as strings, not as bytes: a line for many clients is in memory once.
 */
export function outputOf(socket: Socket, limits: OutputLimits): Output {
  let lines: string[] = [];
  let bytes = 0;
  let isWriting = false;
  let waiters: { bytes: number; resolve: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;

  const wake = (): void => {
    const [ready, others] = [waiters.filter((one) => bytes <= one.bytes), waiters];
    waiters = others.filter((one) => bytes > one.bytes);
    for (const { resolve } of ready) resolve();
  };
  const stalled = (): void => {
    socket.destroy();
  };
  const flush = (): void => {
    clearTimeout(timer);
    if (lines.length === 0) return;
    const piece = Buffer.from(
      lines.splice(0, countWithin(lines, pieceBytes)).join('\r\n') + '\r\n',
    );
    isWriting = true;
    timer = setTimeout(stalled, limits.stall);
    socket.write(piece, () => {
      isWriting = false;
      bytes -= piece.length;
      if (!socket.destroyed) flush();
      wake();
    });
  };
  socket.once('close', () => {
    clearTimeout(timer);
    lines = [];
    bytes = 0;
    wake();
  });
  return {
    write: (more) => {
      if (socket.destroyed) return;
      if (bytes > limits.waitingBytes) {
        socket.destroy();
        return;
      }
      for (const line of more) {
        lines.push(line);
        bytes += Buffer.byteLength(line) + 2;
      }
      if (!isWriting) flush();
    },
    room: (atMost) =>
      new Promise((resolve) => {
        waiters.push({ bytes: atMost, resolve });
        wake();
      }),
  };
}

/** How many of the first lines make about this many bytes; at least one. */
function countWithin(lines: readonly string[], bytes: number): number {
  let [count, sum] = [0, 0];
  while (count < lines.length && sum < bytes) {
    sum += lines[count]?.length ?? 0;
    count += 1;
  }
  return count;
}
