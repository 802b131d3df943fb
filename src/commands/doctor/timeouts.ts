import { orFine, warning, type Findings } from '../../core/views/finding.ts';
import {
  allObserved,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { elapsed, formatDuration, parseDuration, type Duration } from '../../core/basics/time.ts';
import type { Config, Worker } from '../../core/model/config.ts';

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
  const longest = allObserved(observation)
    .filter(({ name }) => workerNameOf(name) === worker.name)
    .map((one) => ({ name: one.name, length: jobLength(one, observation.now) }))
    .sort((a, b) => b.length - a.length)[0];
  if (longest === undefined || longest.length <= timeout) return [];
  return warning(
    key(worker, 'stop.timeout'),
    `${formatDuration(timeout)}, but the job of ${longest.name} has taken ${formatDuration(longest.length)} so far`,
    [
      'a stop or a restart would kill such a job in the middle',
      'set it to more than the longest job takes, or to never',
    ],
  );
}

const jobLength = ({ activity }: ObservedInstance, now: Observation['now']): Duration =>
  activity?.kind === 'busy' && activity.since !== undefined
    ? elapsed(activity.since, now)
    : (0 as Duration);

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
