import { durationOf, type Duration } from '../../core/basics/time.ts';
import {
  commandLine,
  groupLines,
  inWords,
  orderSlice,
  secondsOf,
  unitSection,
  unitText,
  userLine,
  type UnitFacts,
} from './unit-text.ts';

export interface WatchUnitFacts extends UnitFacts {
  /** How long a drain may take; undefined: there is no limit. */
  readonly longestJob: Duration | undefined;
  /** Whether workers need control groups of their own, which only root or the user's own systemd can make without this unit. */
  readonly delegates: boolean;
  /** Whether only a shutdown of the host drains the workers, not a stop or a restart of the unit. */
  readonly keepsWorkers: boolean;
}

/** All units of a user end with user@UID.service, after its 120 s. Source: user@.service(5). */
export const longestOfUser = durationOf(110_000);

/**
 * A unit for `workerctl watch`: see systemd.service(5). The workers are in its control group and outlive a crash of the
 * watch; a shutdown of the host waits for their jobs.
 */
export function formatWatchUnit(facts: WatchUnitFacts): string {
  const { program, config, configWords, user, keepsWorkers } = facts;
  const watch = [...program, 'watch', ...(keepsWorkers ? [] : ['--stop-on-exit'])];
  return unitText([
    ...unitSection(`workerctl watch --config ${config}`, facts),
    ...(user === undefined
      ? []
      : [
          '# At a boot the first pass comes before the first bootcheck of cron; at a shutdown cron ends first.',
          'Before=cron.service crond.service',
        ]),
    '# Workers that a deploy has started without this unit are in scopes, which systemd ends only after this unit has drained',
    `# them: those of ${user === undefined ? 'this systemd' : 'the system'} are ordered by an empty slice${user === undefined ? '' : ', the others are in the systemd of the user'}.`,
    `Wants=${orderSlice}`,
    `After=${[orderSlice, ...(user === undefined ? [] : [`user@${user.uid}.service`])].join(' ')}`,
    '# Never give up: a config may be repaired, a disk mounted late.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=notify',
    'NotifyAccess=all',
    'WatchdogSec=30',
    `ExecStart=${commandLine([...watch, ...configWords])}`,
    '# A config that the watch cannot use is refused, and the old one stays in force.',
    `ExecReload=${commandLine([...program, 'check', '--quiet', ...configWords])}`,
    `ExecReload=${commandLine([...program, 'trigger', '--reload', ...configWords])}`,
    ...(keepsWorkers ? drainAtShutdown(facts) : []),
    ...userLine(facts),
    'Restart=always',
    'RestartSec=5',
    ...stopLines(facts),
    ...groupLines,
    ...(facts.delegates
      ? [
          '# For the control groups of workers with limits.memory_max or limits.cpu.',
          'Delegate=yes',
        ]
      : []),
    '',
    '[Install]',
    `WantedBy=${user === undefined ? 'default' : 'multi-user'}.target`,
  ]);
}

/** systemd runs this at every stop of the unit, also at the first half of a restart. */
const drainAtShutdown = ({ program, configWords }: WatchUnitFacts): string[] => {
  const script = 'case "$(systemctl is-system-running)" in stopping) exec "$@" ;; esac';
  const stop = [...program, 'stop', '--until-boot', ...configWords];
  return [
    '# Only when the host shuts down: the workers finish their jobs, and stay down until the next boot.',
    `ExecStop=${commandLine(['/bin/sh', '-c', script, 'sh', ...stop])}`,
  ];
};

function stopLines({ user, longestJob, keepsWorkers }: WatchUnitFacts): string[] {
  const drains = keepsWorkers
    ? '# systemctl stop and restart end only the watch; the workers keep running.'
    : '# systemctl stop and restart let all workers finish their jobs. If the watch crashes, they keep running.';
  const limit =
    longestJob === undefined
      ? [
          '# As long as the longest job. A shutdown of the host takes 30 minutes at most: JobTimeoutSec of poweroff.target.',
          'TimeoutStopSec=infinity',
        ]
      : [
          `# The longest job: ${inWords(longestJob)}.${user === undefined ? ' All units of a user end after 120s: TimeoutStopSec of user@.service.' : ''}`,
          `TimeoutStopSec=${secondsOf(longestJob)}`,
        ];
  return [drains, 'KillMode=process', ...limit];
}
