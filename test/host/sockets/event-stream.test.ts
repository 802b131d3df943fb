import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import { openEventStream, type EventStream } from '../../../src/host/sockets/event-stream.ts';
import { until } from '../../rig/wait.ts';

const limits = { waitingBytes: 64 * 1024, stall: durationOf(60_000) };

/** Clients of a server that answers each of them with a stream. */
async function streaming(): Promise<
  () => Promise<{ readonly socket: Socket; readonly stream: EventStream; isOver: () => boolean }>
> {
  const streams: EventStream[] = [];
  const server = createServer((_, response) => {
    streams.push(openEventStream(response, {}, limits));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return async () => {
    const before = streams.length;
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
    const stream = await until('its stream', () => streams[before]);
    let isClosed = false;
    stream.onClose(() => (isClosed = true));
    return { socket, stream, isOver: () => isClosed };
  };
}

test('a client that does not read must be disconnected, and another one must hear everything', async () => {
  const client = await streaming();
  const [sleeper, reader] = [await client(), await client()];
  let heard = '';
  reader.socket.on('data', (part) => (heard += part.toString()));
  const text = 'x'.repeat(128 * 1024);
  let sent = 0;
  // What the kernel holds for a client comes on top of the limit.
  await until('the end of the one that sleeps', async () => {
    sleeper.stream.send('view', text);
    reader.stream.send('view', `${text}${(sent += 1)}`);
    await until('the other to have read', () => heard.endsWith(`x${sent}\r\n\r\n`));
    return sleeper.isOver();
  });
  expect(reader.isOver()).toBe(false);
  expect(heard.match(/^data: x+\d+\r$/gm)).toHaveLength(sent);
});

test('a client that has left must be noticed, also one that left before it was asked about', async () => {
  const client = await streaming();
  const { socket, stream, isOver } = await client();
  socket.destroy();
  await until('its end', isOver);
  let isTold = false;
  stream.onClose(() => (isTold = true));
  expect(isTold).toBe(true);
  stream.send('view', 'nothing happens');
});
