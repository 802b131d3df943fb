import { orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import type { Desired } from '../../core/model/desired.ts';
import { shownName } from '../../core/model/instance.ts';
import {
  allObserved,
  drainingSince,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { longestJob } from '../../core/rules/longest-job.ts';
import { deadlineOf } from '../../core/rules/snapshot.ts';
import {
  durationOf,
  elapsed,
  formatDuration,
  parseDuration,
  type Duration,
} from '../../core/basics/time.ts';
import type { Config, Worker } from '../../core/model/config.ts';

/** Jobs that are meant to take this long are rare. */
const veryLong = durationOf(6 * 3_600_000);

/** A pass needs some time to act after the limit. */
const grace = durationOf(90_000);

/** Drains that have outlasted their limit, and very long ones without a limit. */
export function drainFindings(desired: Desired, observation: Observation): Findings {
  const all = allObserved(observation);
  const draining = all.filter(
    (one) => one.presence.kind === 'alive' && drainingSince(one) !== undefined,
  );
  return orFine(
    all.map((one) => drainFinding(one, desired, observation)),
    'drains',
    draining.length === 0 ? 'none' : `${draining.length}, none for too long`,
  );
}

function drainFinding(
  observed: ObservedInstance,
  desired: Desired,
  observation: Observation,
): Findings {
  const { name, presence } = observed;
  const stop = drainingSince(observed);
  if (presence.kind !== 'alive' || stop === undefined) return [];
  const about = shownName(refOf(observed));
  const since = elapsed(stop.at, observation.now);
  const what = `pid ${presence.process.pid} has been draining for ${formatDuration(since)} (${stop.cause})`;
  const deadline = deadlineOf(observed, { desired });
  if (deadline !== undefined) {
    const late = observation.sinceBoot - deadline;
    if (late < grace) return [];
    return problem(about, `${what}; its limit was over ${formatDuration(durationOf(late))} ago`, [
      'no pass has run since then that would have killed it, so it is not replaced',
      'run workerctl bootcheck, and make sure that cron or a watch runs',
    ]);
  }
  if (since < veryLong) return [];
  return warning(about, `${what}, without a limit`, [
    'it is not replaced meanwhile, and may run old code',
    `see what it is doing; workerctl stop ${name} --now ends it, and its job is lost`,
  ]);
}

/** Limits that contradict each other, or the jobs that are running. */
export function timeoutFindings({ workers }: Config, observation: Observation): Findings {
  const findings = workers.map((worker) => [
    tooShortForJobs(worker, observation),
    shorterThanItsOwn(worker),
    beatBeforeReady(worker),
  ]);
  return orFine(findings, 'timeouts', 'consistent');
}

const key = ({ name }: Worker, rest: string): string => `workers.${name}.${rest}`;

/** A running job that has already taken longer than a stop would give it. */
function tooShortForJobs(worker: Worker, observation: Observation): Findings {
  const { timeout } = worker.stop;
  if (timeout === undefined) return [];
  const longest = longestJob(allObserved(observation), worker.name, observation.now);
  if (longest === undefined || longest.length <= timeout) return [];
  return warning(
    key(worker, 'stop.timeout'),
    `${formatDuration(timeout)}, but the job of ${longest.instance} has taken ${formatDuration(longest.length)} so far`,
    [
      'a stop or a restart would kill such a job in the middle',
      'set it to more than the longest job takes, or to never',
    ],
  );
}

/** Sidekiq itself ends its jobs some seconds (`-t`, `--timeout`) after it was asked, and puts them back. */
function shorterThanItsOwn(worker: Worker): Findings {
  const { timeout } = worker.stop;
  const own = ownTimeout(worker.command);
  if (timeout === undefined || own === undefined || timeout > own) return [];
  return warning(
    key(worker, 'stop.timeout'),
    `${formatDuration(timeout)}, but the command gives its jobs ${formatDuration(own)}`,
    ['it is killed before it has put its jobs back', `set it to more than ${formatDuration(own)}`],
  );
}

function ownTimeout(command: readonly string[]): Duration | undefined {
  if (!command.some((word) => /(?:^|\/)sidekiq$/.test(word))) return undefined;
  const text = command.join(' ');
  const [, seconds] = / (?:-t|--timeout)[ =](\d{1,6})(?: |$)/.exec(text) ?? [];
  return seconds === undefined ? undefined : parseDuration(`${seconds}s`);
}

/** The time until a worker is ready counts as silence, too. */
function beatBeforeReady(worker: Worker): Findings {
  const { heartbeat, ready } = worker;
  if (heartbeat === undefined || ready.kind === 'after' || heartbeat.timeout >= ready.timeout)
    return [];
  return warning(
    key(worker, 'heartbeat.timeout'),
    `${formatDuration(heartbeat.timeout)}, less than its ready.timeout (${formatDuration(ready.timeout)})`,
    [
      'a start that ready.timeout allows is killed for its silence, unless the worker beats while it starts',
      'set it to more than a start takes, or ready.timeout to less',
    ],
  );
}
