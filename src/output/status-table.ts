import type { InstanceState } from '../core/views/instance-state.ts';
import type { InstanceStatus } from '../core/views/instance-status.ts';
import { visibleInLine } from '../core/basics/visible.ts';
import { formatSize } from '../core/basics/bytes.ts';
import { formatDuration, formatDayAndTime } from '../core/basics/time.ts';
import { formatActivity } from '../core/model/activity.ts';
import { formatRollout } from '../core/views/rollout-status.ts';
import { type Status, isShort } from '../core/views/status.ts';
import type { Colours } from './plain.ts';
import { formatTable } from './table.ts';

/** The table of `status` and its summary; lines are cut off at `columns`. */
export function formatStatus(status: Status, colours: Colours, columns?: number): string {
  if (status.instances.length === 0)
    return `no instances are wanted and none runs\n${stateLine(status, colours)}`;
  const paint: Record<InstanceState, (text: string) => string> = {
    ready: colours.green,
    starting: colours.yellow,
    late: colours.red,
    quiet: colours.yellow,
    frozen: colours.yellow,
    draining: colours.yellow,
    retiring: colours.yellow,
    surplus: colours.yellow,
    missing: colours.red,
    backoff: colours.red,
    stopped: colours.dim,
    done: colours.dim,
    failed: colours.red,
    gone: colours.dim,
  };
  const hasReleases = areReleasesShown(status);
  const hasMemory = status.instances.some(({ memory }) => memory !== undefined);
  const rows = status.instances.map((one) => [
    one.name,
    one.state,
    one.pid === undefined ? '-' : String(one.pid),
    one.uptime === undefined ? '-' : formatDuration(one.uptime),
    ...(hasMemory ? [one.memory === undefined ? '-' : formatSize(one.memory)] : []),
    ...(hasReleases ? [one.release ?? '-'] : []),
    detailOf(one, status),
  ]);
  const header = [
    'INSTANCE',
    'STATE',
    'PID',
    'UPTIME',
    ...(hasMemory ? ['MEMORY'] : []),
    ...(hasReleases ? ['RELEASE'] : []),
    'DETAIL',
  ];
  const table = formatTable([header, ...rows], columns);
  const summary = formatSummary(status, colours);
  if (colours.level === 0) return table + summary;
  const [first = '', ...others] = table.trimEnd().split('\n');
  const painted = others.map((line, index) => {
    const state = status.instances[index]?.state ?? 'gone';
    const from = line.indexOf(` ${state} `) + 1;
    return from === 0
      ? line
      : line.slice(0, from) + paint[state](state) + line.slice(from + state.length);
  });
  return `${[colours.bold(first), ...painted].join('\n')}\n${summary}`;
}

/** A release that never changes, such as the name of the application's directory, is not worth a column. */
const areReleasesShown = ({ instances, isReleaseNamed }: Status): boolean =>
  instances.some(({ release }) => release !== undefined) &&
  (isReleaseNamed || new Set(instances.flatMap(({ release }) => release ?? [])).size > 1);

function detailOf({ isOutdated, state, detail, activity }: InstanceStatus, { at }: Status): string {
  if (!isOutdated && activity === undefined) return detail;
  const parts = [
    isOutdated && state !== 'draining' && state !== 'retiring' ? 'outdated' : '',
    activity === undefined ? '' : formatActivity(activity, at),
    detail,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function formatSummary(status: Status, colours: Colours): string {
  const counts = new Map<InstanceState, number>();
  for (const { state } of status.instances) counts.set(state, (counts.get(state) ?? 0) + 1);
  const others = (
    [
      'starting',
      'late',
      'quiet',
      'frozen',
      'draining',
      'retiring',
      'missing',
      'backoff',
      'stopped',
      'done',
      'failed',
      'surplus',
    ] as const
  ).flatMap((state) => {
    const count = counts.get(state) ?? 0;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  const { wanted, up, ready } = status;
  const line = [`${wanted} wanted, ${up} up, ${ready} ready`, ...others].join(', ');
  const rollouts = status.rollouts.map((rollout) => {
    const text = visibleInLine(formatRollout(rollout));
    return `${rollout.aborted === undefined ? text : colours.red(text)}\n`;
  });
  const pinned = Object.entries(status.pins).map(
    ([worker, { release, directory, at }]) =>
      `${worker}: pinned to ${visibleInLine(release ?? directory)} since ${formatDayAndTime(at, status.at)}, as its restart failed; the next restart ends that\n`,
  );
  const changed = status.counts.map(
    (want) =>
      `${want.worker}: ${want.count} wanted by ${want.by} since ${formatDayAndTime(want.at, status.at)}; the config says ${want.configured}\n`,
  );
  return `\n${isShort(status) ? colours.red(line) : line}\n${changed.join('')}${pinned.join('')}${rollouts.join('')}${notRun(status)}${stateLine(status, colours)}`;
}

/** What is not known because the config is not trusted. */
function notRun({ unrun }: Status): string {
  if (unrun === undefined) return '';
  const { keys, distrust } = unrun;
  const unknown = keys.includes('release.command') ? ', so it is unknown what is outdated' : '';
  return `${keys.join(' and ')} not run${unknown}: the config is not trusted: ${distrust}\n`;
}

const stateLine = ({ stateProblem }: Status, colours: Colours): string =>
  stateProblem === undefined ? '' : `${colours.red(stateProblem.problem)}\n`;
