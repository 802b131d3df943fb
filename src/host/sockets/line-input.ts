import type { Socket } from 'node:net';

/** A line of a client, or why there will be no more. */
export type Input =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'problem'; readonly problem: string };

const newline = 0x0a;

/** The lines that a client sends, ended by LF or CRLF. Nothing is read while a line is being answered. */
export async function* linesOf(socket: Socket, maxBytes: number): AsyncGenerator<Input> {
  let rest = Buffer.alloc(0);
  let isTooLong = false;
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    if (isTooLong) continue;
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(newline); end !== -1 && !isTooLong; end = rest.indexOf(newline)) {
      const line = rest.subarray(0, rest[end - 1] === 0x0d ? end - 1 : end);
      isTooLong = line.length > maxBytes;
      if (!isTooLong) yield { kind: 'line', line: line.toString() };
      rest = rest.subarray(end + 1);
    }
    isTooLong ||= rest.length > maxBytes + 1;
    if (isTooLong) yield { kind: 'problem', problem: 'line too long' };
    rest = isTooLong ? Buffer.alloc(0) : Buffer.from(rest); // a copy, so that the whole chunk can be freed
  }
  // Half of `!want 10 mail` may be `!want 1`: a line without an end is never obeyed.
  if (rest.length > 0) yield { kind: 'problem', problem: 'incomplete line: expected a newline' };
}
