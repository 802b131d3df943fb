import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { peerUserOf, userIn } from '../../../src/host/sockets/peer-user.ts';

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200007F:D431 0100007F:2329 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 20 4 30 10 -1
   1: 0100007F:D431 0100007F:2329 01 00000000:00000000 00:00000000 00000000  1003        0 2 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:2329 0100007F:D431 01 00000000:00000000 00:00000000 00000000    33        0 3 1 0000000000000000 20 4 30 10 -1
`;

test('the user must be the one of the other end, whatever else has the same ports', () => {
  const remote = '0100007F:2329';
  expect(userIn(table, { local: '0100007F:D431', remote })).toBe(1003);
  expect(userIn(table, { local: '0200007F:D431', remote })).toBe(0);
  expect(userIn(table, { local: '0300007F:D431', remote })).toBeUndefined();
  expect(userIn('', { local: '0100007F:D431', remote })).toBeUndefined();
});

test.each(['127.0.0.1', '127.1.2.3', '::1'])(
  'the kernel must name us as the client of %s',
  async (host) => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const client = connect({ host, port: (server.address() as AddressInfo).port });
    const [accepted] = (await once(server, 'connection')) as [Socket];
    expect(peerUserOf(accepted)).toBe(process.getuid?.());
    client.destroy();
    accepted.destroy();
    server.close();
  },
);
