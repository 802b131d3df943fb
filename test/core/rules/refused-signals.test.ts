import { expect, test } from 'vitest';
import {
  refusedSignal,
  signalIn,
  withoutHandler,
} from '../../../src/core/rules/refused-signals.ts';
import { aWorker } from '../builders.ts';

const { stop } = aWorker('mail', ['1']);
const mail = {
  name: 'mail',
  stop: { ...stop, signal: 'USR2', quiet: 'TSTP', resume: 'CONT' },
} as const;

test.each([
  ['USR2', 'workerctl stop mail '],
  ['TSTP', 'workerctl quiet mail '],
  ['CONT', 'workerctl resume mail '],
  ['TERM', 'workerctl stop mail '],
  ['INT', 'workerctl stop mail '],
  ['QUIT', 'workerctl stop mail '],
  ['KILL', 'workerctl stop mail --now '],
  ['ABRT', 'workerctl stop mail --now '],
  ['SEGV', 'workerctl stop mail --now '],
  ['STOP', 'workerctl quiet mail;'],
])('SIG%s must be refused, naming %j', (signal, command) => {
  const refused = refusedSignal(mail, signal);
  expect(refused?.problem).toMatch(new RegExp(`^mail: SIG${signal} `));
  expect(refused?.hint).toContain(command);
});

test.each(['HUP', 'USR1', 'WINCH', 'TTIN', 'URG', 'ALRM'])('SIG%s must be sent', (signal) => {
  expect(refusedSignal(mail, signal)).toBeUndefined();
});

test.each([
  ['USR1', 'USR1'],
  ['SIGUSR1', 'USR1'],
  ['usr1', 'USR1'],
  ['sighup', 'HUP'],
  ['', undefined],
  ['0', undefined],
  ['10', undefined],
  ['SIG', undefined],
  ['USR3', undefined],
  ['mail.1', undefined],
])('%j must be the signal %j', (text, name) => {
  expect(signalIn(text)).toBe(name);
});

test('what a signal does without a handler must be as in signal(7)', () => {
  expect(withoutHandler('USR1')).toBe('ends');
  expect(withoutHandler('PIPE')).toBe('ends');
  expect(withoutHandler('TTIN')).toBe('freezes');
  expect(withoutHandler('WINCH')).toBeUndefined();
  expect(withoutHandler('CONT')).toBeUndefined();
});
