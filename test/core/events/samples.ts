import { expect } from 'vitest';
import type { Event, EventBody } from '../../../src/core/events/event.ts';
import type { EventKindName } from '../../../src/core/events/table.ts';
import type { Level } from '../../../src/core/events/event-kind.ts';
import { noon, noonPlus, seconds } from '../builders.ts';

/** An event, and its expected forms. */
export interface Sample<Kind extends EventKindName = EventKindName> {
  readonly body: EventBody & { readonly kind: Kind };
  /** `mail.1` if missing. */
  readonly instance?: string;
  readonly level: Level;
  /** For people, after the name. */
  readonly sentence: string;
  /** The whole line in the log of `watch`, if MogileFS has words of its own for it. */
  readonly watch?: string;
  /** The members in JSON that only its kind has. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The command that the documentation names; `restart` if missing. */
  readonly command?: string;
}

const pid = 5841;
const run = { runId: '2298f067' };
const job = 'job 212';
const release = 'a1b2c3d';
const logFile = '/srv/app/log/mail.1.log';
const log = ['no such queue: mial'];
const cause = 'restart of 12:00:00 by ann@web1';
const requestedBy = 'bob@web1';
const until = noonPlus(seconds(60));
export const untilIso = new Date(until).toISOString();
const killed = { kind: 'signalled', signal: 9, coreDumped: false } as const;
const killedJson = { kind: 'signalled', signal: 'SIGKILL', core_dumped: false };

/** One event of each kind, with all members that it can have. */
export const samples: { readonly [Kind in EventKindName]: Sample<Kind> } = {
  adopted: {
    body: { kind: 'adopted', pid, cause: 'it runs, but no record claims it' },
    level: 'info',
    sentence: 'adopted pid 5841: it runs, but no record claims it',
    json: { pid, cause: 'it runs, but no record claims it' },
    command: 'bootcheck',
  },
  pidfile_written: {
    body: { kind: 'pidfile_written', pid, cause: 'it was missing' },
    level: 'info',
    sentence: 'pidfile rewritten for pid 5841: it was missing',
    json: { pid, cause: 'it was missing' },
    command: 'bootcheck',
  },
  pidfile_removed: {
    body: { kind: 'pidfile_removed', cause: 'pid 5841 is gone' },
    level: 'info',
    sentence: 'pidfile removed: pid 5841 is gone',
    json: { cause: 'pid 5841 is gone' },
    command: 'bootcheck',
  },
  started: {
    body: { kind: 'started', pid: 5902, cause: 'pid 5841 exited as asked: status 0' },
    level: 'info',
    sentence: 'started pid 5902 (pid 5841 exited as asked: status 0)',
    json: { pid: 5902, cause: 'pid 5841 exited as asked: status 0' },
  },
  launching: {
    body: { kind: 'launching', pid: 5840, cause: 'was not running' },
    level: 'info',
    sentence: 'started the command, which forks away, as pid 5840 (was not running)',
    json: { pid: 5840, cause: 'was not running' },
  },
  adopt_failed: {
    body: { kind: 'adopt_failed', pid: 5840, problem: 'ENOSPC: no space left on device' },
    level: 'error',
    sentence: 'pid 5840 runs, but could not be taken over: ENOSPC: no space left on device',
    json: { pid: 5840, problem: 'ENOSPC: no space left on device' },
  },
  ready: {
    body: { kind: 'ready', pid: 5902, release },
    level: 'info',
    sentence: 'pid 5902 is ready on release a1b2c3d',
    json: { pid: 5902, release },
  },
  start_failed: {
    body: {
      kind: 'start_failed',
      problem: 'pid 5902 exited before it was ready: status 1',
      logFile,
      log,
      logError: 'no queue (RuntimeError)',
      logger: 'logger -t mail.1',
    },
    level: 'error',
    sentence:
      'start failed: pid 5902 exited before it was ready: status 1; its log says: no queue (RuntimeError)',
    json: {
      problem: 'pid 5902 exited before it was ready: status 1',
      log_file: logFile,
      log,
      log_error: 'no queue (RuntimeError)',
      logger: 'logger -t mail.1',
    },
  },
  backoff: {
    body: {
      kind: 'backoff',
      failures: 3,
      delay: seconds(60),
      startsAt: until,
      problem: 'failed 3 times in a row: exit status 1',
    },
    level: 'warning',
    sentence:
      'next start at 12:01:00 (failed 3 times in a row: exit status 1); to start it now: workerctl start mail.1',
    json: {
      failures: 3,
      delay_seconds: 60,
      starts_at: untilIso,
      problem: 'failed 3 times in a row: exit status 1',
    },
    command: 'bootcheck',
  },
  missing: {
    body: { kind: 'missing', running: 2, wanted: 4, starting: 1 },
    instance: 'mail',
    level: 'info',
    sentence: '2 of 4 running; starting 1',
    watch: 'Job mail has only 2, wants 4, making 1.',
    json: { running: 2, wanted: 4, starting: 1 },
    command: 'watch',
  },
  draining: {
    body: { kind: 'draining', pid, signal: 'TERM', limit: seconds(900), cause },
    level: 'info',
    sentence: `asked pid 5841 to finish (SIGTERM, killed after 15m): ${cause}`,
    json: { pid, signal: 'SIGTERM', limit_seconds: 900, cause },
  },
  quieted: {
    body: { kind: 'quieted', pid, signal: 'TSTP', stopsWhenIdle: true, cause },
    level: 'info',
    sentence: `asked pid 5841 to take no new jobs (SIGTSTP): ${cause}`,
    json: { pid, signal: 'SIGTSTP', stops_when_idle: true, cause },
  },
  not_quieted: {
    body: { kind: 'not_quieted', pid, problem: 'exit status 69 (no node)' },
    level: 'warning',
    sentence:
      'pid 5841 may take new jobs, because stop.quiet failed: exit status 69 (no node); it is asked to exit when its job has ended',
    json: { pid, problem: 'exit status 69 (no node)' },
  },
  quiet_failed: {
    body: { kind: 'quiet_failed', pid, problem: 'exit status 69' },
    level: 'error',
    sentence: 'pid 5841 may take new jobs, because stop.quiet failed: exit status 69',
    json: { pid, problem: 'exit status 69' },
    command: 'quiet',
  },
  resume_failed: {
    body: { kind: 'resume_failed', pid, problem: 'exit status 69' },
    level: 'error',
    sentence:
      'pid 5841 takes no jobs, because stop.resume failed: exit status 69; it is replaced when it is idle',
    json: { pid, problem: 'exit status 69' },
    command: 'resume',
  },
  resumed: {
    body: { kind: 'resumed', pid, signal: 'CONT' },
    level: 'info',
    sentence: 'asked pid 5841 to take jobs again (SIGCONT)',
    json: { pid, signal: 'SIGCONT' },
    command: 'resume',
  },
  retired: {
    body: { kind: 'retired', pid },
    level: 'info',
    sentence: 'pid 5841 finishes beside its replacement',
    json: { pid },
  },
  finished: {
    body: { kind: 'finished', pid, death: { kind: 'exited', status: 0 } },
    level: 'info',
    sentence: 'pid 5841 exited when done: status 0',
    json: { pid, death: { kind: 'exited', exit_status: 0 } },
  },
  exited: {
    body: {
      kind: 'exited',
      pid,
      death: { kind: 'exited', status: 0 },
      drained: seconds(130.5),
      job,
      leftovers: [{ pid: 5850, name: 'ruby' }],
    },
    level: 'info',
    sentence: expect.stringMatching(
      /^pid 5841 exited as asked after 2m 10s \(job 212\): status 0; .*5850 \(ruby\)/,
    ) as string,
    json: {
      pid,
      death: { kind: 'exited', exit_status: 0 },
      drained_seconds: 130.5,
      job,
      leftovers: [{ pid: 5850, name: 'ruby' }],
    },
  },
  signal_sent: {
    body: { kind: 'signal_sent', pid, signal: 'USR1' },
    level: 'info',
    sentence: 'sent SIGUSR1 to pid 5841',
    json: { pid, signal: 'SIGUSR1' },
    command: 'signal',
  },
  signal_failed: {
    body: { kind: 'signal_failed', pid, problem: 'it belongs to another user' },
    level: 'error',
    sentence: 'could not signal pid 5841: it belongs to another user',
    json: { pid, problem: 'it belongs to another user' },
  },
  unresponsive: {
    body: { kind: 'unresponsive', pid, ...run, job, cause: 'no sign of life for 31s (limit 30s)' },
    level: 'warning',
    sentence: 'pid 5841 does not respond during job 212: no sign of life for 31s (limit 30s)',
    json: { pid, run_id: '2298f067', job, cause: 'no sign of life for 31s (limit 30s)' },
    command: 'watch',
  },
  drain_long: {
    body: {
      kind: 'drain_long',
      pid,
      ...run,
      drained: seconds(1800),
      limit: seconds(7200),
      job,
      cause: 'restart by deploy@web1',
    },
    level: 'warning',
    sentence:
      'pid 5841 has been draining for 30m during job 212 (killed after 2h): restart by deploy@web1',
    json: {
      pid,
      run_id: '2298f067',
      drained_seconds: 1800,
      limit_seconds: 7200,
      job,
      cause: 'restart by deploy@web1',
    },
    command: 'watch',
  },
  recycling_futile: {
    body: {
      kind: 'recycling_futile',
      count: 2,
      limit: 20 * 1024 * 1024,
      memory: 48 * 1024 * 1024,
      age: seconds(61),
    },
    level: 'warning',
    sentence:
      'recycle.memory (20MB) is below what it needs: it had 48MB 1m 1s after its start, 2 times in a row; raise the limit. Until then it is recycled less and less often',
    json: { count: 2, limit_bytes: 20971520, memory_bytes: 50331648, age_seconds: 61 },
  },
  dump_requested: {
    body: { kind: 'dump_requested', pid, signal: 'QUIT', cause: 'no sign of life for 30s' },
    level: 'warning',
    sentence: 'asked pid 5841 to dump what it is doing (SIGQUIT): no sign of life for 30s',
    json: { pid, signal: 'SIGQUIT', cause: 'no sign of life for 30s' },
    command: 'watch',
  },
  killed: {
    body: {
      kind: 'killed',
      pid,
      processCount: 3,
      job,
      isWatchdog: true,
      cause: 'no sign of life for 32s (limit 30s)',
    },
    level: 'error',
    sentence:
      'killed pid 5841 and its session (3 processes) during job 212: no sign of life for 32s (limit 30s)',
    watch:
      'Watchdog killing worker 5841 (mail.1) during job 212: no sign of life for 32s (limit 30s)',
    json: {
      pid,
      process_count: 3,
      job,
      watchdog: true,
      cause: 'no sign of life for 32s (limit 30s)',
    },
    command: 'watch',
  },
  died: {
    body: {
      kind: 'died',
      pid,
      ...run,
      death: { ...killed, outOfMemory: 'certain' },
      verdict: 'unexpected',
      cause: `while it drained (${cause})`,
      uptime: seconds(3600),
      drained: seconds(2),
      release,
      job,
      rss: 530_000_000,
      log,
      logError: 'no queue (RuntimeError)',
    },
    level: 'error',
    sentence:
      'pid 5841 died unexpectedly during job 212: signal 9 (SIGKILL), out of memory; its log says: no queue (RuntimeError)',
    watch:
      'Child 5841 (mail.1) died: 9 (UNEXPECTED): signal 9 (SIGKILL), out of memory during job 212',
    json: {
      pid,
      run_id: '2298f067',
      death: { ...killedJson, out_of_memory: 'certain' },
      verdict: 'unexpected',
      cause: `while it drained (${cause})`,
      uptime_seconds: 3600,
      drained_seconds: 2,
      release,
      job,
      rss_bytes: 530_000_000,
      log,
      log_error: 'no queue (RuntimeError)',
    },
    command: 'watch',
  },
  death_explained: {
    body: {
      kind: 'death_explained',
      pid,
      ...run,
      death: { kind: 'exited', status: 0 },
      verdict: 'requested',
      cause,
      drained: seconds(2),
    },
    level: 'info',
    sentence: 'pid 5841 exited as asked: status 0 (reported late)',
    json: {
      pid,
      run_id: '2298f067',
      death: { kind: 'exited', exit_status: 0 },
      verdict: 'requested',
      cause,
      drained_seconds: 2,
    },
  },
  job_lost: {
    body: { kind: 'job_lost', pid, ...run, death: killed, job },
    level: 'error',
    sentence: 'job 212 was lost: pid 5841 died: signal 9 (SIGKILL)',
    json: { pid, run_id: '2298f067', death: killedJson, job },
    command: 'watch',
  },
  survivors: {
    body: { kind: 'survivors', pid, processes: [{ pid: 5850, name: 'node' }] },
    level: 'error',
    sentence:
      'pid 5841 has exited, but 5850 (node) of its session was not reached by the stop: it runs on; start the worker with exec, or set stop.to: session (workerctl check says more); stop.leftovers: leave accepts them',
    json: { pid, processes: [{ pid: 5850, name: 'node' }] },
  },
  leftovers: {
    body: {
      kind: 'leftovers',
      pid,
      processes: [{ pid: 5850, name: 'ruby' }],
      fate: 'killed',
    },
    level: 'warning',
    sentence: 'killed what pid 5841 left behind: 5850 (ruby)',
    json: { pid, processes: [{ pid: 5850, name: 'ruby' }], fate: 'killed' },
  },
  rollout_continues: {
    body: { kind: 'rollout_continues', release },
    level: 'info',
    sentence: 'ready on release a1b2c3d; continuing with the others',
    json: { release },
  },
  rollout_aborted: {
    body: { kind: 'rollout_aborted', problem: 'pid 5902 is not ready after 1m', pendingCount: 2 },
    level: 'error',
    sentence:
      'restart aborted: pid 5902 is not ready after 1m; 2 instances keep running the old release',
    json: { problem: 'pid 5902 is not ready after 1m', pending_count: 2 },
  },
  rollout_superseded: {
    body: { kind: 'rollout_superseded', requestedBy, requestedAt: noon },
    level: 'warning',
    sentence: 'superseded by the restart of 12:00:00 by bob@web1',
    json: { requested_by: requestedBy, requested_at: new Date(noon).toISOString() },
  },
  worker_unknown: {
    body: { kind: 'worker_unknown' },
    instance: 'mail',
    level: 'error',
    sentence:
      'the config does not have this worker any more; its restart goes on when it is back; to end it: workerctl rollout cancel',
    json: {},
  },
  rollout_pinned: {
    body: { kind: 'rollout_pinned', directory: '/srv/releases/1', release },
    instance: 'mail',
    level: 'warning',
    sentence: 'rolled back: pinned to a1b2c3d (/srv/releases/1) until the next restart',
    json: { directory: '/srv/releases/1', release },
  },
  rollout_paused: {
    body: { kind: 'rollout_paused', requestedBy, until },
    instance: 'mail',
    level: 'info',
    sentence:
      'restart by bob@web1 paused until 12:01:00; instances that were asked to stop are still replaced',
    json: { requested_by: requestedBy, until: untilIso },
    command: 'rollout',
  },
  rollout_continued: {
    body: { kind: 'rollout_continued', requestedBy },
    instance: 'mail',
    level: 'info',
    sentence: 'restart by bob@web1 continues',
    json: { requested_by: requestedBy },
    command: 'rollout',
  },
  rollout_cancelled: {
    body: { kind: 'rollout_cancelled', requestedBy, pendingCount: 2, underWayCount: 1 },
    instance: 'mail',
    level: 'info',
    sentence:
      'restart by bob@web1 cancelled; 2 instances keep running the old release; 1 is under way and still replaced',
    json: { requested_by: requestedBy, pending_count: 2, under_way_count: 1 },
    command: 'rollout',
  },
  rollout_finished: {
    body: {
      kind: 'rollout_finished',
      requestedBy,
      how: 'aborted',
      instanceCount: 3,
      release,
      problem: 'pid 5902 is not ready after 1m',
    },
    instance: 'mail',
    level: 'error',
    sentence: 'restart by bob@web1 aborted on release a1b2c3d: pid 5902 is not ready after 1m',
    json: {
      requested_by: requestedBy,
      how: 'aborted',
      instance_count: 3,
      release,
      problem: 'pid 5902 is not ready after 1m',
    },
  },
  held: {
    body: { kind: 'held', until },
    level: 'info',
    sentence: 'held until 12:01:00',
    json: { until: untilIso },
    command: 'hold',
  },
  unheld: {
    body: { kind: 'unheld' },
    level: 'info',
    sentence: 'hold removed',
    json: {},
    command: 'unhold',
  },
  count_set: {
    body: { kind: 'count_set', count: 500, previous: 5, maxCount: 500 },
    instance: 'mail',
    level: 'info',
    sentence: '500 wanted (was 5, max_count is 500)',
    watch: "Now desiring 500 children doing 'mail'. (max_count is 500)",
    json: { count: 500, previous: 5, max_count: 500 },
    command: 'want',
  },
  log_rotated: {
    body: { kind: 'log_rotated', logFile, size: 52_428_800 },
    level: 'info',
    sentence: `rotated ${logFile}: 50MB moved to ${logFile}.1`,
    json: { log_file: logFile, size_bytes: 52_428_800 },
    command: 'bootcheck',
  },
  hook_run: {
    body: {
      kind: 'hook_run',
      hook: 'lost',
      problem: 'exit status 1',
      took: seconds(0.2),
      output: ['1 row freed'],
    },
    level: 'warning',
    sentence: 'hook lost failed after 0.2s: exit status 1',
    json: { hook: 'lost', problem: 'exit status 1', took_seconds: 0.2, output: ['1 row freed'] },
    command: 'watch',
  },
  notified: {
    body: {
      kind: 'notified',
      eventCount: 3,
      took: seconds(2),
      problem: 'notify.webhook: the server answered 500',
      attempts: 1,
      nextAt: until,
    },
    instance: 'notify',
    level: 'warning',
    sentence:
      'could not deliver a message about 3 events: notify.webhook: the server answered 500; next attempt at 12:01:00',
    json: {
      event_count: 3,
      took_seconds: 2,
      problem: 'notify.webhook: the server answered 500',
      attempts: 1,
      next_at: untilIso,
    },
    command: 'bootcheck',
  },
  config_reloaded: {
    body: { kind: 'config_reloaded' },
    instance: 'watch',
    level: 'info',
    sentence: 'config reloaded',
    json: {},
    command: 'watch',
  },
  config_rejected: {
    body: { kind: 'config_rejected', problem: 'workerctl.yaml:3:5: expected a map' },
    instance: 'watch',
    level: 'error',
    sentence:
      'config not reloaded, the previous one stays in force: workerctl.yaml:3:5: expected a map',
    json: { problem: 'workerctl.yaml:3:5: expected a map' },
    command: 'watch',
  },
  watch_impaired: {
    instance: 'watch',
    body: { kind: 'watch_impaired', problem: 'state.json: ENOSPC: no space left on device' },
    level: 'error',
    sentence:
      'cannot do all of its work: state.json: ENOSPC: no space left on device; it keeps trying, and the workers keep running',
    json: { problem: 'state.json: ENOSPC: no space left on device' },
    command: 'watch',
  },
  watch_recovered: {
    instance: 'watch',
    body: {
      kind: 'watch_recovered',
      problem: 'state.json: ENOSPC: no space left on device',
      lasted: seconds(60),
    },
    level: 'info',
    sentence: 'works again after 1m (state.json: ENOSPC: no space left on device)',
    json: { problem: 'state.json: ENOSPC: no space left on device', lasted_seconds: 60 },
    command: 'watch',
  },
  warning: {
    body: { kind: 'warning', problem: 'mail.1.json: expected a record, found nothing' },
    level: 'warning',
    sentence: 'mail.1.json: expected a record, found nothing',
    json: { problem: 'mail.1.json: expected a record, found nothing' },
    command: 'bootcheck',
  },
  already_running: {
    body: { kind: 'already_running', pid },
    level: 'info',
    sentence: 'already running: pid 5841',
    json: { pid },
  },
  already_stopped: {
    body: { kind: 'already_stopped' },
    level: 'info',
    sentence: 'already stopped',
    json: {},
  },
  already_quiet: {
    body: { kind: 'already_quiet' },
    level: 'info',
    sentence: 'already quiet',
    json: {},
  },
  trap: {
    body: { kind: 'trap', preset: 'rq', trap: 'a second TERM kills the running job' },
    instance: 'mail',
    level: 'warning',
    sentence: 'rq: a second TERM kills the running job',
    json: { preset: 'rq', trap: 'a second TERM kills the running job' },
    command: 'stop',
  },
  replaced_to_resume: {
    body: { kind: 'replaced_to_resume' },
    level: 'info',
    sentence:
      'has no stop.resume: replaced so that it takes jobs again, one instance of a worker after the other',
    json: {},
    command: 'resume',
  },
  not_quiet: { body: { kind: 'not_quiet' }, level: 'info', sentence: 'was not quiet', json: {} },
  not_paused: {
    body: { kind: 'not_paused', requestedBy },
    instance: 'mail',
    level: 'info',
    sentence: 'restart by bob@web1 was not paused',
    json: { requested_by: requestedBy },
    command: 'rollout',
  },
  not_running: { body: { kind: 'not_running' }, level: 'info', sentence: 'not running', json: {} },
  up_to_date: {
    body: { kind: 'up_to_date', release },
    level: 'info',
    sentence: 'skipped: already runs release a1b2c3d',
    json: { release },
  },
  skipped_stopped: {
    body: { kind: 'skipped_stopped', requestedBy },
    level: 'info',
    sentence: 'skipped: stopped by bob@web1; to start it: workerctl start mail.1',
    json: { requested_by: requestedBy },
  },
  skipped_held: {
    body: { kind: 'skipped_held', requestedBy, until },
    level: 'info',
    sentence: 'skipped: held by bob@web1 until 12:01:00; to end that: workerctl unhold mail.1',
    json: { requested_by: requestedBy, until: untilIso },
  },
  skipped_done: {
    body: { kind: 'skipped_done' },
    level: 'info',
    sentence: 'skipped: it is done; workerctl start or restart with its name runs it again',
    json: {},
  },
  skipped_surplus: {
    body: { kind: 'skipped_surplus' },
    level: 'info',
    sentence: 'skipped: no longer wanted',
    json: {},
  },
  start_refused: {
    body: { kind: 'start_refused', pid, draining: seconds(12), stoppedBy: requestedBy },
    level: 'error',
    sentence:
      'still draining: pid 5841, for 12s; the stop by bob@web1 is cancelled; once it has exited, the next bootcheck or a running watch starts the instance',
    json: { pid, draining_seconds: 12, stopped_by: requestedBy },
  },
  started_again: {
    body: { kind: 'started_again' },
    level: 'error',
    sentence: 'not stopped: another command has started it again',
    json: {},
  },
};

/** The sample as an event at noon. */
export const sampleEvent = (kind: EventKindName): Event => {
  const { body, instance = 'mail.1' } = samples[kind];
  return { ...body, at: noon, instance };
};
