import { busyWith } from '../../../src/core/model/activity.ts';
import { expect, test } from 'vitest';
import { drainFindings, timeoutFindings } from '../../../src/commands/doctor/time-limits.ts';
import { processFindings } from '../../../src/commands/doctor/processes.ts';
import { listed, type Findings } from '../../../src/core/views/finding.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import {
  aConfig,
  alive,
  aWorker,
  dead,
  retiring,
  noon,
  noonPlus,
  observation,
  process,
  seconds,
  stopOf,
  upAtNoon,
} from '../../core/builders.ts';

/** Each finding as `level about: found`. */
const lines = (findings: Findings): string[] =>
  listed(findings).map(({ level, about, found }) => `${level} ${about}: ${found}`);

const config = aConfig(aWorker('mail', ['1', '2']));
const frozen = (name: string, pid: number): ObservedInstance => ({
  ...alive(name, pid),
  presence: {
    ...(alive(name, pid).presence as Extract<ObservedInstance['presence'], { kind: 'alive' }>),
    process: process(pid, { activity: 'stopped' }),
  },
});

test('processes with one record each must be ok', () => {
  const seen = observation(alive('mail.1', 71), retiring('mail.1', 51), dead('mail.2', 61));
  const marked = [71, 51].map((pid) => ({ instance: 'mail.1', process: process(pid) }));
  expect(lines(processFindings(config, seen, marked))).toEqual([
    'ok processes: 2 up, each claimed by one record',
  ]);
});

test('a process without a record must be a warning, and beside a living process a problem', () => {
  const seen = observation(alive('mail.1', 71), dead('mail.2', 61));
  const marked = [
    { instance: 'mail.1', process: process(72) },
    { instance: 'mail.2', process: process(62) },
  ];
  expect(lines(processFindings(config, seen, marked))).toEqual([
    'problem mail.1: 2 processes: pids 71, 72',
    'warning mail.1: pid 72 is running, but its record is lost',
    'warning mail.2: pid 62 is running, but its record is lost',
  ]);
});

test('unwanted processes, stopped ones and wrong pidfiles must be reported', () => {
  const seen = observation(
    alive('old.1', 71),
    alive('mail.9', 79),
    alive('mail.8', 78, { stop: stopOf(78) }),
    frozen('mail.1', 72),
    dead('mail.2', 61, { pidfile: { kind: 'holds', pid: 4 } }),
    alive('mail.3', 73, {
      stop: stopOf(73),
      pidfile: { kind: 'broken', problem: 'expected a pid, found "x"' },
    }),
  );
  expect(lines(processFindings(config, seen, []))).toEqual([
    'warning old.1: pid 71 is running, but the config has no worker old',
    'warning mail.9: pid 79 is running, but this instance of mail is not wanted',
    'problem mail.1: pid 72 is stopped (SIGSTOP, or a debugger)',
    'warning pidfile of mail.2: names pid 4, but nothing is running',
    'warning pidfile of mail.3: expected a pid, found "x"',
  ]);
});

test('a drain must be reported if its limit is long over, or if it has none and takes hours', () => {
  const drains = (pid: number, more: Parameters<typeof stopOf>[2]) =>
    observation(alive('mail.1', pid, { stop: stopOf(pid, true, more) }));
  const late = durationOf(upAtNoon - 100_000);
  expect(lines(drainFindings(noDesired, drains(71, { deadline: late })))).toEqual([
    'problem mail.1: pid 71 has been draining for 0s (restart); its limit was over 1m 40s ago',
  ]);
  const soon = durationOf(upAtNoon - 10_000);
  const hours = momentOf(noon - 7 * 3_600_000);
  expect(lines(drainFindings(noDesired, drains(71, { deadline: soon, at: hours })))).toEqual([
    'ok drains: 1, none for too long',
  ]);
  expect(lines(drainFindings(noDesired, drains(71, { at: hours })))).toEqual([
    'warning mail.1: pid 71 has been draining for 7h (restart), without a limit',
  ]);
  expect(lines(drainFindings(noDesired, observation(alive('mail.1', 71))))).toEqual([
    'ok drains: none',
  ]);
});

test('limits that contradict jobs, the command or each other must be warnings', () => {
  const long = aWorker('mail', ['1'], { stop: { signal: 'TERM', timeout: seconds(60) } });
  const job = busyWith([{ what: 'job 7', since: noonPlus(seconds(-90)) }]);
  const seen = observation(alive('mail.1', 71, { activity: job }));
  expect(lines(timeoutFindings(aConfig(long), seen))).toEqual([
    'warning workers.mail.stop.timeout: 1m, but the job of mail.1 has taken 1m 30s so far',
  ]);
  const sidekiq = aWorker('jobs', ['1'], {
    command: ['bundle', 'exec', 'sidekiq', '--timeout', '600'],
    stop: { signal: 'TERM', timeout: seconds(60) },
  });
  expect(lines(timeoutFindings(aConfig(sidekiq), seen))).toEqual([
    'warning workers.jobs.stop.timeout: 1m, but the command gives its jobs 10m',
  ]);
  const beats = aWorker('beats', ['1'], {
    ready: { kind: 'file', path: '/r', timeout: seconds(60) },
    heartbeat: { timeout: seconds(30), grace: seconds(2) },
  });
  expect(lines(timeoutFindings(aConfig(beats), seen))).toEqual([
    'warning workers.beats.heartbeat.timeout: 30s, less than its ready.timeout (1m)',
  ]);
  expect(lines(timeoutFindings(config, seen))).toEqual(['ok timeouts: consistent']);
});
