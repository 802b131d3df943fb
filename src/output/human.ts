import { formatEvent, isFailure, type Draining, type Event } from '../core/event.ts';
import type { ActOutcome } from '../core/outcome.ts';
import { formatPlan, type Plan } from '../core/plan.ts';
import { isShort, type InstanceState, type InstanceStatus, type Status } from '../core/status.ts';
import { formatDuration, formatTimeOfDay, type Moment } from '../core/time.ts';
import type { Colours } from './plain.ts';
import { formatTable } from './table.ts';

/** How many instances one line names before it only counts them. */
const namedAtMost = 5;

/** An event as a dated line, with the last log lines of what could not be started below it. */
export function formatEventLine(event: Event, colours: Colours): string {
  const words = formatEvent(event);
  const line = `${formatTimeOfDay(event.at)} ${isFailure(event) ? colours.red(words) : words}\n`;
  if (event.kind !== 'start_failed') return line;
  if (event.log.length === 0) return `${line}  it wrote nothing to ${event.logFile}\n`;
  return `${line}  last lines of ${event.logFile}:\n${event.log.map((text) => `  | ${text}\n`).join('')}`;
}

/** Who a waiting command waits for. */
export function formatWaiting(draining: readonly Draining[], at: Moment): string {
  if (draining.length === 0) return '';
  return `${formatTimeOfDay(at)} waiting for ${draining.length} to finish: ${formatDraining(draining)}\n`;
}

const formatDraining = (draining: readonly Draining[]): string =>
  formatNames(
    draining.map(
      ({ instance, pid, since }) => `${instance} (pid ${pid}, asked ${formatDuration(since)} ago)`,
    ),
  );

/** What a command would do. */
export const formatPlanned = (plan: Plan): string =>
  plan.length === 0 ? 'nothing to do\n' : formatPlan(plan);

/** How a command ended, in a line or two; nothing where a pass had nothing to do. */
export function formatOutcome(outcome: ActOutcome): string {
  const summary = summaryOf(outcome);
  const counted = summary === '' ? '' : `${summary}\n`;
  switch (outcome.end) {
    case 'reached':
      return counted;
    case 'not_waited':
      return counted + (outcome.command === 'bootcheck' ? '' : notWaited(outcome));
    case 'timed_out':
      return `${counted}the wait is over\n${stillDraining(outcome)}`;
    case 'interrupted':
      return `${counted}interrupted\n${stillDraining(outcome)}`;
  }
}

function summaryOf({ command, events }: ActOutcome): string {
  if (command === 'bootcheck') return '';
  const count = (kind: Event['kind']): number =>
    events.filter((event) => event.kind === kind).length;
  const parts: [number, string][] = [
    [count('started'), command === 'restart' ? 'restarted' : 'started'],
    [command === 'stop' ? count('left') + count('already_stopped') : 0, 'stopped'],
    [count('already_running'), 'running already'],
    [count('refused'), 'refused'],
    [count('left_stopped'), 'left stopped'],
    [count('start_failed'), 'failed'],
    [count('ask_failed'), 'could not be asked'],
  ];
  const words = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return [...words, ...longestDrain(events)].join(', ');
}

function longestDrain(events: readonly Event[]): string[] {
  const drains = events.flatMap((event) =>
    event.kind === 'left' && event.drained !== undefined
      ? [{ instance: event.instance, drained: event.drained }]
      : [],
  );
  const [longest] = drains.sort((a, b) => b.drained - a.drained);
  if (longest === undefined) return [];
  return [`longest drain ${formatDuration(longest.drained)} (${longest.instance})`];
}

function notWaited({ command, events }: ActOutcome): string {
  const asked = events.filter(({ kind }) => kind === 'asked').length;
  if (asked === 0) return '';
  const then = command === 'restart' ? '; the next bootcheck starts each replacement' : '';
  return `${asked} asked to finish; not waiting for them${then}\n`;
}

function stillDraining({ command, draining, pending }: ActOutcome): string {
  const asked = new Set(draining.map(({ instance }) => instance));
  const others = pending.filter((name) => !asked.has(name));
  const then =
    command === 'stop' ? 'they leave when their job is done' : 'the next bootcheck goes on';
  return [
    draining.length === 0 ? '' : `still draining: ${formatDraining(draining)}`,
    others.length === 0 ? '' : `not ready yet: ${formatNames(others)}`,
    `nothing is lost: ${then}`,
  ]
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('');
}

function formatNames(names: readonly string[]): string {
  const more = names.length - namedAtMost;
  return names.slice(0, namedAtMost).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** The table of `status` and its summary; lines are cut at `columns`. */
export function formatStatus(status: Status, colours: Colours, columns?: number): string {
  if (status.instances.length === 0) return 'no instances: the config wants none\n';
  const paint: Record<InstanceState, (text: string) => string> = {
    running: colours.green,
    starting: colours.yellow,
    draining: colours.yellow,
    surplus: colours.yellow,
    missing: colours.red,
    stopped: colours.dim,
    gone: colours.dim,
  };
  const rows = status.instances.map((one) => [
    one.name,
    one.state,
    one.pid === undefined ? '-' : String(one.pid),
    one.uptime === undefined ? '-' : formatDuration(one.uptime),
    detailOf(one),
  ]);
  const table = formatTable([['INSTANCE', 'STATE', 'PID', 'UPTIME', 'DETAIL'], ...rows], columns);
  if (colours.level === 0) return table + formatSummary(status, colours);
  const [header = '', ...lines] = table.trimEnd().split('\n');
  const painted = lines.map((line, index) => {
    const state = status.instances[index]?.state ?? 'gone';
    const from = line.indexOf(` ${state} `) + 1;
    return from === 0
      ? line
      : line.slice(0, from) + paint[state](state) + line.slice(from + state.length);
  });
  return `${[colours.bold(header), ...painted].join('\n')}\n${formatSummary(status, colours)}`;
}

function detailOf({ isOutdated, state, detail }: InstanceStatus): string {
  if (!isOutdated || state === 'draining') return detail;
  return detail === '' ? 'to be replaced' : `to be replaced; ${detail}`;
}

function formatSummary(status: Status, colours: Colours): string {
  const others = (['starting', 'draining', 'missing', 'stopped', 'surplus'] as const).flatMap(
    (state) => {
      const count = status.instances.filter((one) => one.state === state).length;
      return count === 0 ? [] : [`${count} ${state}`];
    },
  );
  const line = [`${status.wanted} wanted, ${status.ready} ready`, ...others].join(', ');
  return `\n${isShort(status) ? colours.red(line) : line}\n`;
}

/** What `init` has written, and what comes next. */
export function formatInit({ path, found }: { path: string; found: readonly string[] }): string {
  const from = found.length === 0 ? 'with an example worker' : `from ${found.join(', ')}`;
  return `wrote ${path} ${from}\nnext: edit it, then run workerctl check and workerctl start\n`;
}
