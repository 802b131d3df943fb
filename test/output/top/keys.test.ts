import { expect, test } from 'vitest';
import { keysIn, press, type Act, type Choice } from '../../../src/output/top/keys.ts';

const start: Choice = { sort: 'instance', filter: '', isTyping: false, row: 0, isOpen: false };

/** What is chosen after all these keys; the first act that is no choice ends it. */
function after(sent: string, from: Choice = start): Act {
  let choice = from;
  for (const key of keysIn(sent).keys) {
    const act = press(key, choice, 10);
    if (typeof act === 'string') return act;
    choice = act;
  }
  return choice;
}

test.each([
  ['jj', { row: 2 }],
  ['\x1b[B\x1bOB\x1b[A', { row: 1 }],
  ['kk', { row: 0 }],
  ['\x1b[6~\x1b[6~\x1b[5~', { row: 10 }],
  ['\x1b[F\x1b[H', { row: 0 }],
  ['\r', { isOpen: true }],
  ['\r\r', { isOpen: false }],
  ['\r\x1b', { isOpen: false }],
  ['s', { sort: 'state' }],
  ['S', { sort: 'job' }],
  ['jj/mail.1', { filter: 'mail.1', isTyping: true, row: 0 }],
  ['/q\r', { filter: 'q', isTyping: false }],
  ['/導🚀\x7f', { filter: '導' }],
  ['/abc\x15d', { filter: 'd' }],
  ['/mail\x1b', { filter: '', isTyping: false }],
  ['/mail\r\x1b', { filter: '' }],
  ['/\x1b[A\x07a', { filter: 'a' }],
])('the keys %j must choose %j', (sent, chosen) => {
  expect(after(sent)).toMatchObject(chosen);
});

test.each([
  ['q', 'quit'],
  ['\x03', 'interrupt'],
  ['/q\x03', 'interrupt'],
  ['\x1a', 'suspend'],
  ['/\x0c', 'redraw'],
])('the keys %j must %s', (sent, act) => {
  expect(after(sent)).toBe(act);
});

test('a sequence that comes in parts must be one key', () => {
  const first = keysIn('j\x1b[');
  expect(first).toEqual({ keys: ['j'], rest: '\x1b[' });
  expect(keysIn(`${first.rest}6~`)).toEqual({ keys: ['\x1b[6~'], rest: '' });
  expect(keysIn('\x1b')).toEqual({ keys: ['\x1b'], rest: '' });
});
