import type { Event, EventBody } from '../../../src/core/events/event.ts';
import { noon, seconds } from '../builders.ts';

type Sample<Kind extends Event['kind']> = EventBody & { readonly kind: Kind };

const cause = 'restart of 12:00:00 by ann@web1';
const since = noon;
const [logFile, log] = ['/srv/app/log/mail.1.log', ['no such queue: mial']];

/** Of each kind one event, with all that it can have. */
export const samples: { readonly [Kind in Event['kind']]: Sample<Kind> } = {
  adopted: { kind: 'adopted', pid: 5841, cause: 'it bears the marker of mail.1' },
  repaired: { kind: 'repaired', pid: 5841, cause: 'it was missing' },
  forgotten: { kind: 'forgotten', cause: 'pid 5841 is gone' },
  asked: { kind: 'asked', pid: 5841, signal: 'TERM', limit: seconds(900), cause },
  quieted: { kind: 'quieted', pid: 5841, signal: 'TSTP', stopsWhenIdle: true, cause },
  resumed: { kind: 'resumed', pid: 5841, signal: 'CONT' },
  moved: { kind: 'moved', pid: 5841 },
  killed: {
    kind: 'killed',
    pid: 5841,
    processes: 3,
    job: 'job 212',
    isWatchdog: true,
    cause: 'no sign of life for 32s (limit 30s)',
  },
  dumped: { kind: 'dumped', pid: 5841, signal: 'QUIT', cause: 'no sign of life for 30s' },
  ask_failed: { kind: 'ask_failed', pid: 5841, reason: 'it belongs to another user' },
  left: {
    kind: 'left',
    pid: 5841,
    death: { kind: 'exited', status: 0 },
    drained: seconds(130.5),
    job: 'job 212',
  },
  started: { kind: 'started', pid: 5902, cause: 'pid 5841 has left: exit status 0' },
  launching: { kind: 'launching', pid: 5840, cause: 'it is not running' },
  ready: { kind: 'ready', pid: 5902, release: 'a1b2c3d' },
  proven: { kind: 'proven', release: 'a1b2c3d' },
  aborted: { kind: 'aborted', reason: 'pid 5902 is not ready after 1m', untouched: 2 },
  taken_over: { kind: 'taken_over', by: 'bob@web1', since },
  start_failed: { kind: 'start_failed', reason: 'pid 5902 died: exit status 1', logFile, log },
  refused: { kind: 'refused', pid: 5841, draining: seconds(12) },
  already_running: { kind: 'already_running', pid: 5841 },
  already_stopped: { kind: 'already_stopped' },
  left_stopped: { kind: 'left_stopped', by: 'bob@web1' },
  left_held: { kind: 'left_held', by: 'bob@web1', until: noon },
  left_unwanted: { kind: 'left_unwanted' },
  started_again: { kind: 'started_again' },
  up_to_date: { kind: 'up_to_date', release: 'a1b2c3d' },
  held: { kind: 'held', until: noon },
  unheld: { kind: 'unheld' },
  wanted: { kind: 'wanted', count: 500, most: 500 },
  died: {
    kind: 'died',
    pid: 5841,
    runId: '2298f067',
    death: { kind: 'signalled', signal: 9, coreDumped: false, outOfMemory: 'certain' },
    verdict: 'lost',
    uptime: seconds(3600),
    release: 'a1b2c3d',
    job: 'job 212',
    rss: 530_000_000,
    log,
  },
  leftovers: {
    kind: 'leftovers',
    pid: 5841,
    processes: [{ pid: 5850, name: 'ruby' }],
    fate: 'left',
  },
  rotated: { kind: 'rotated', logFile, bytes: 52_428_800 },
  backoff: {
    kind: 'backoff',
    count: 3,
    delay: seconds(4),
    until: noon,
    why: 'pid 5841 died: exit status 1, 3 times in a row before it was ready',
  },
  lost: {
    kind: 'lost',
    pid: 5841,
    runId: '2298f067',
    death: { kind: 'signalled', signal: 9, coreDumped: false },
    job: 'job 212',
  },
  unresponsive: {
    kind: 'unresponsive',
    pid: 5841,
    runId: '2298f067',
    job: 'job 212',
    cause: 'no sign of life for 31s (limit 30s)',
  },
  rolled_out: { kind: 'rolled_out', by: 'bob@web1', instances: 3, release: 'a1b2c3d' },
  hooked: { kind: 'hooked', hook: 'lost', took: seconds(0.2), output: ['1 row freed'] },
  short: { kind: 'short', has: 2, counts: 3 },
  config_refused: { kind: 'config_refused', problem: 'workerctl.yaml:3:5: expected a map' },
  config_read: { kind: 'config_read' },
  already_quiet: { kind: 'already_quiet' },
  not_quiet: { kind: 'not_quiet' },
  not_running: { kind: 'not_running' },
  warning: { kind: 'warning', problem: 'mail.1.json: expected a record, found nothing' },
};

const ofOthers: Readonly<Partial<Record<Event['kind'], string>>> = {
  wanted: 'mail',
  short: 'mail',
  rolled_out: 'mail',
  config_refused: 'watch',
  config_read: 'watch',
};

/** The same as an event of `mail.1` at noon. */
export const sampleEvent = (kind: Event['kind']): Event => ({
  ...samples[kind],
  at: noon,
  instance: ofOthers[kind] ?? 'mail.1',
});
