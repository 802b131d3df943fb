import { busyWith } from '../../src/core/model/activity.ts';
import { expect, test } from 'vitest';
import type { Progress, ProgressView } from '../../src/core/views/phase.ts';
import { durationOf, momentOf } from '../../src/core/basics/time.ts';
import { formatSignOfLife } from '../../src/output/progress.ts';
import { noon } from '../core/builders.ts';

const item = (instance: string, phase: Progress['phase'], more: Partial<Progress> = {}) => ({
  instance,
  phase,
  detail: '',
  ...more,
});
const viewOf = (...items: Progress[]): ProgressView => ({
  command: 'restart',
  at: noon,
  elapsed: durationOf(70_000),
  items,
});
const many = (count: number, phase: Progress['phase']): Progress[] =>
  Array.from({ length: count }, (_, index) => item(`mail.${index}`, phase));

test('a sign of life must name the instances that the command waits for, and why', () => {
  const view = viewOf(
    item('mail.2', 'starting'),
    item('delayed_job.3', 'draining', {
      pid: 5843,
      since: durationOf(140_000),
      activity: busyWith([{ what: 'job 212', since: momentOf(noon - 130_000) }]),
    }),
    item('mail.1', 'draining', { pid: 77, since: durationOf(3_000) }),
    ...many(9, 'done'),
  );
  expect(formatSignOfLife(view)).toBe(
    '12:00:00 waiting for 3 of 12: 2 draining: delayed_job.3 (pid 5843, job 212 for 2m 10s, no limit), mail.1 (pid 77, 3s); 1 starting: mail.2\n',
  );
});

test('it must say when a draining process is killed, and further remarks', () => {
  const view = viewOf(
    item('a', 'draining', {
      retiring: '2298f067',
      pid: 7,
      since: durationOf(3_000),
      limit: durationOf(57_000),
    }),
    item('b', 'draining', { activity: { kind: 'idle' }, limit: durationOf(-10) }),
    item('c', 'down', { detail: 'next start in 4s' }),
    item('d', 'waiting', { pid: 8, since: durationOf(9_000), detail: 'for its turn' }),
  );
  expect(formatSignOfLife(view)).toBe(
    '12:00:00 waiting for 4 of 4: 2 draining: a (retiring) (pid 7, 3s, limit in 57s), b (idle, limit in 0s); 1 down: c (next start in 4s); 1 waiting: d\n',
  );
});

test('it must name five at most and count the others', () => {
  expect(formatSignOfLife(viewOf(...many(60, 'waiting'), ...many(3, 'down')))).toBe(
    '12:00:00 waiting for 63 of 63: 3 down: mail.0, mail.1, mail.2; 60 waiting: mail.0, mail.1 and 58 more\n',
  );
  expect(formatSignOfLife(viewOf(...many(60, 'waiting'), ...many(5, 'down')))).toBe(
    '12:00:00 waiting for 65 of 65: 5 down: mail.0, mail.1, mail.2, mail.3, mail.4; 60 waiting\n',
  );
});

test('it must be silent when nothing is pending', () => {
  expect(formatSignOfLife(viewOf(item('a', 'done'), item('b', 'failed')))).toBe('');
  expect(formatSignOfLife(viewOf())).toBe('');
});
