import { visibleInLine } from '../core/basics/visible.ts';
import { countsAs, type InstanceState } from '../core/views/instance-state.ts';
import type { InstanceStatus } from '../core/views/instance-status.ts';
import type { Status } from '../core/views/status.ts';
import { summaries } from '../core/views/worker-summary.ts';

/**
 * The exit codes of a plugin.
 * Source: https://nagios-plugins.org/doc/guidelines.html, "Plugin Return Codes"
 */
export const nagiosCodes = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;

export type Severity = keyof typeof nagiosCodes;

/** What each state means: what comes up or finishes its job is no problem, however long it takes. */
const severities: Readonly<Record<InstanceState, Severity>> = {
  ready: 'OK',
  starting: 'OK',
  late: 'CRITICAL',
  quiet: 'OK',
  frozen: 'CRITICAL',
  draining: 'OK',
  retiring: 'OK',
  missing: 'CRITICAL',
  backoff: 'CRITICAL',
  stopped: 'OK',
  done: 'OK',
  failed: 'CRITICAL',
  surplus: 'WARNING',
  gone: 'OK',
};

interface Finding {
  readonly severity: Severity;
  readonly text: string;
}

/** The output of a plugin and its exit code: one line, and one more for each problem. */
export function formatNagios(status: Status): { readonly text: string; readonly code: number } {
  const found = findingsIn(status);
  const severity = worst(found);
  const [first] = found;
  const what = first === undefined ? '' : `: ${first.text}`;
  const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
  const { wanted, up, ready } = status;
  const head = `WORKERCTL ${severity} - ${ready} of ${wanted} ready, ${up} up${what}${more}`;
  const lines = found.length > 1 ? found.map(({ severity: of, text }) => `${of}: ${text}`) : [];
  const text = [`${head} | ${performanceData(status)}`, ...lines].join('\n');
  return { text: `${text}\n`, code: nagiosCodes[severity] };
}

/** What a plugin prints if it could not find out. */
export const nagiosUnknown = (problem: string): string =>
  `WORKERCTL UNKNOWN - ${inLine(problem)}\n`;

/** The worst first. */
function findingsIn(status: Status): Finding[] {
  const { stateProblem } = status;
  const all: Finding[] = [
    ...status.instances.flatMap(ofInstance),
    ...status.rollouts.flatMap(({ by, aborted }): Finding[] =>
      aborted === undefined
        ? []
        : [{ severity: 'WARNING', text: `restart by ${by} aborted: ${aborted}` }],
    ),
  ];
  if (stateProblem !== undefined)
    all.push({
      severity: stateProblem.isUnknown ? 'UNKNOWN' : 'WARNING',
      text: stateProblem.problem,
    });
  return all
    .map((one) => ({ ...one, text: inLine(one.text) }))
    .sort((one, other) => rank[other.severity] - rank[one.severity]);
}

function ofInstance({ name, state, detail, logProblem }: InstanceStatus): Finding[] {
  const severity = severities[state];
  if (severity !== 'OK')
    return [{ severity, text: `${name} ${state}${detail === '' ? '' : `: ${detail}`}` }];
  return logProblem === undefined ? [] : [{ severity: 'WARNING', text: `${name}: ${logProblem}` }];
}

/** What is not known may be as bad as anything. */
const rank: Readonly<Record<Severity, number>> = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 };

const worst = (found: readonly Finding[]): Severity => found[0]?.severity ?? 'OK';

/** A bar would begin the performance data. */
const inLine = (text: string): string => visibleInLine(text).replaceAll('|', '/');

/** `'label'=value[unit];[warn];[crit];[min];[max]`. Source: the same guidelines, "Performance data". */
function performanceData(status: Status): string {
  const { instances, desired, wanted, up, ready } = status;
  const count = (label: string, value: number, most = ''): string =>
    `'${label}'=${value};;;0;${most}`;
  const down = instances.filter(({ state }) => countsAs('missing', state)).length;
  const draining = instances.filter(({ state }) => countsAs('draining', state)).length;
  return [
    count('wanted', wanted),
    count('up', up),
    count('ready', ready, String(wanted)),
    count('missing', down),
    count('draining', draining),
    ...summaries(instances, desired).flatMap((one) => [
      count(`${one.worker} ready`, one.ready, String(one.wanted)),
      count(`${one.worker} restarts_24h`, one.restarts.all),
      `'${one.worker} memory'=${one.memory}B;;;0`,
      `'${one.worker} cpu'=${one.cpu / 1000}s;;;0`,
    ]),
  ].join(' ');
}
