import { expect, test } from 'vitest';
import {
  controlAddress,
  formatTcpAddress,
  metricsAddress,
  parseTcpAddress,
} from '../../../src/core/protocols/tcp-address.ts';

test.each([
  ['127.0.0.1:7001', { host: '127.0.0.1', port: 7001 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ['9464', { host: '127.0.0.1', port: 9464 }],
])('%s must be read as an address', (text, address) => {
  expect(parseTcpAddress(text)).toEqual(address);
});

test.each([
  '',
  ':7001',
  '127.0.0.1',
  '127.0.0.1:',
  '::1:7001',
  '127.0.0.1:65536',
  '9464x',
  'a b:1',
])('%j must not be read as an address', (text) => {
  expect(parseTcpAddress(text)).toBeUndefined();
});

test.each([controlAddress, metricsAddress, '[::1]:7001'])(
  '%s must be written as it was read',
  (text) => {
    const address = parseTcpAddress(text);
    expect(address && formatTcpAddress(address)).toBe(text);
  },
);
