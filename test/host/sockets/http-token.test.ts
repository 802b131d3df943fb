import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { tokenOf } from '../../../src/host/sockets/http-token.ts';

const secret = 'a-token-of-24-characters';
const token = tokenOf(secret, 9001);

const requestWith = (headers: Readonly<Record<string, string>>): IncomingMessage =>
  ({ headers }) as unknown as IncomingMessage;

const cookie = token.cookie.split(';', 1)[0] ?? '';

test.each([
  [{}, false],
  [{ authorization: `Bearer ${secret}` }, true],
  [{ authorization: `bearer   ${secret}` }, true],
  [{ authorization: `Bearer ${secret.slice(1)}` }, false],
  [{ authorization: `Bearer ${secret} ${secret}` }, false],
  [{ authorization: secret }, false],
  [{ cookie }, true],
  [{ cookie: `theme=dark; ${cookie}; x=y` }, true],
  [{ cookie: `${cookie}x` }, false],
  [{ cookie: `workerctl_9001=${secret}` }, false],
  [{ cookie: cookie.replace('9001', '9002') }, false],
  [{ cookie: `xworkerctl_9001=${cookie.split('=')[1] ?? ''}` }, false],
  // A wrong token is not saved by a right cookie.
  [{ authorization: 'Bearer wrong', cookie }, false],
])('a request with %j must be admitted: %s', (headers, isAdmitted) => {
  expect(token.isIn(requestWith(headers as Record<string, string>))).toBe(isAdmitted);
});

test('the cookie must not hold the token, and no script or other site must have it', () => {
  expect(token.cookie).not.toContain(secret);
  expect(token.cookie).toContain('; HttpOnly; SameSite=Strict; Path=/');
  expect(tokenOf(`${secret}x`, 9001).cookie).not.toBe(token.cookie);
});
