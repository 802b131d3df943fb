import { expect, test } from 'vitest';
import { isLoopback } from '../../../src/host/sockets/tcp.ts';

test.each(['127.0.0.1', '127.255.1.2', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost'])(
  'only this host must count as able to reach %s',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.each([
  '0.0.0.0',
  '::',
  '126.0.0.1',
  '128.0.0.1',
  '::2',
  '::ffff:10.0.0.1',
  '192.168.1.1',
  '127.1',
  '127.0.0.256',
  '127.0.0.1.example.org',
  'localhost.example.org',
  'ip6-localhost',
  'web1',
  '',
])('other hosts must count as able to reach %j', (host) => {
  expect(isLoopback(host)).toBe(false);
});
