import type { ServerResponse } from 'node:http';
import { durationOf } from '../../core/basics/time.ts';
import { outputOf, type OutputLimits } from './line-output.ts';

/** A client that listens to server-sent events. One that does not read them is disconnected. */
export interface EventStream {
  /** Sends one message; `data` in one line, as JSON is. */
  readonly send: (event: string, data: string) => void;
  readonly onClose: (listener: () => void) => void;
}

const usualLimits: OutputLimits = { waitingBytes: 2 * 1024 * 1024, stall: durationOf(15_000) };

/** How soon a browser that has lost the connection tries again, in ms. */
const retryMs = 1_000;

/** Without a message for this long, a comment is sent: some proxies end what is silent, and a dead client is noticed. */
const silenceMs = 20_000;

/**
 * Answers a request with a stream of events.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html; lines may end in CRLF.
 */
export function openEventStream(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  limits: OutputLimits = usualLimits,
): EventStream {
  const { socket } = response;
  if (socket === null) return { send: () => undefined, onClose: () => undefined };
  // Its end is the end of the connection: so lines need no frames of HTTP around them.
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, {
    ...headers,
    'Content-Type': 'text/event-stream; charset=utf-8',
    'X-Accel-Buffering': 'no',
    Connection: 'close',
  });
  response.flushHeaders();
  const output = outputOf(socket, limits);
  output.write([`retry: ${retryMs}`, '']);
  const beat = setInterval(() => {
    output.write([':', '']);
  }, silenceMs).unref();
  socket.once('close', () => {
    clearInterval(beat);
  });
  return {
    send: (event, data) => {
      output.write([`event: ${event}`, `data: ${data}`, '']);
    },
    onClose: (listener) => {
      if (socket.destroyed) listener();
      else socket.once('close', listener);
    },
  };
}
