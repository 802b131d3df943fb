import { expect, test } from 'vitest';
import {
  guardingHeaders,
  isForeignRequest,
  isOwnHost,
} from '../../../src/host/sockets/http-guard.ts';

test.each([
  ['127.0.0.1', true],
  ['127.0.0.1:9001', true],
  ['localhost', true],
  ['LOCALHOST:8080', true],
  ['[::1]:9001', true],
  ['10.1.2.3:9001', true],
  ['web1:9001', true],
  ['evil.example', false],
  ['evil.example:9001', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example', false],
  ['localhost@evil.example', false],
  ['evil.example#localhost', false],
  ['[::1].evil.example', false],
  ['[evil]', false],
  ['', false],
  [undefined, false],
])('a Host of %j must be ours: %s', (header, isOwn) => {
  expect(isOwnHost(header, 'web1')).toBe(isOwn);
});

test('no part of the content policy must allow what is inline or elsewhere', () => {
  const policy = guardingHeaders['Content-Security-Policy'] ?? '';
  expect(policy).toMatch(/^default-src 'none';/);
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
});

test('only what a browser calls a request of another site must be foreign, links excepted', () => {
  expect(isForeignRequest({})).toBe(false);
  expect(isForeignRequest({ 'sec-fetch-site': 'same-origin' })).toBe(false);
  expect(isForeignRequest({ 'sec-fetch-site': 'none' })).toBe(false);
  expect(isForeignRequest({ 'sec-fetch-site': 'cross-site' })).toBe(true);
  expect(isForeignRequest({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' })).toBe(true);
  const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
  expect(isForeignRequest(link)).toBe(false);
});
