import { formatNames } from '../core/basics/names.ts';
import type { FleetStop } from '../core/rules/fleet-turns.ts';
import { hostStates, type HostOutcome, type HostState } from '../core/rules/host-outcome.ts';
import type { HostStatus } from '../core/views/fleet-status.ts';
import { counted } from '../core/events/phrases.ts';
import type { Colours } from './plain.ts';
import { formatTable } from './table.ts';

/** The hosts of a fleet: how many instances are ready, on which release, and what is not as wanted. */
export function formatFleetStatus(
  hosts: readonly HostStatus[],
  colours: Colours,
  columns?: number,
): string {
  const rows = hosts.map((one) => [
    one.host,
    one.wanted === undefined ? '?' : `${String(one.ready)}/${String(one.wanted)}`,
    formatReleases(one.releases),
    detailOf(one),
  ]);
  const [head = '', ...lines] = formatTable(
    [['HOST', 'READY', 'RELEASE', 'STATE'], ...rows],
    columns,
  )
    .trimEnd()
    .split('\n');
  const painted = lines.map((line, index) => paint(hosts[index]?.state, line, colours));
  return [colours.bold(head), ...painted, '', summaryOf(hosts), ''].join('\n');
}

/** A host after a restart of the fleet. */
export interface RestartedHost extends HostOutcome {
  readonly releases?: Readonly<Record<string, number>>;
  readonly ready?: number | undefined;
  readonly wanted?: number | undefined;
}

/** Which hosts were restarted and which were not, with what each runs now, and why the rest was left out. */
export function formatFleetRestart(
  hosts: readonly RestartedHost[],
  stop: FleetStop | 'interrupted' | undefined,
  colours: Colours,
  columns?: number,
): string {
  const rows = hosts.map(({ host, state, ready, wanted, releases = {}, problem = '' }) => [
    host,
    stateWords[state],
    wanted === undefined ? '?' : `${String(ready)}/${String(wanted)}`,
    wanted === undefined ? '?' : formatReleases(releases),
    problem,
  ]);
  const [head = '', ...lines] = formatTable(
    [['HOST', 'RESTART', 'READY', 'RELEASE', ''], ...rows],
    columns,
  )
    .trimEnd()
    .split('\n');
  const painted = lines.map((line, index) => paint(hosts[index]?.state, line, colours));
  const why = stop === undefined ? [] : [stopWords[stop]];
  return ['', colours.bold(head), ...painted, '', ...why, formatFleetSummary(hosts)].join('\n');
}

const stateWords: Readonly<Record<HostState, string>> = {
  done: 'done',
  short: 'short',
  timed_out: 'timed out',
  ended: 'ended',
  unknown: 'unknown',
  failed: 'failed',
  untouched: 'not begun',
};

const stopWords: Readonly<Record<FleetStop | 'interrupted', string>> = {
  interrupted: 'interrupted: hosts that were begun go on, and no other was begun',
  canary: 'the canary was not restarted: no other host was begun',
  max_failed: 'more hosts failed than max_failed allows: no other host was begun',
};

/** `12 hosts: 10 done, 1 failed, 1 not begun`. */
export function formatFleetSummary(hosts: readonly HostOutcome[]): string {
  const counts = hostStates
    .map((state) => [hosts.filter((one) => one.state === state).length, stateWords[state]] as const)
    .filter(([count]) => count > 0)
    .map(([count, words]) => `${count} ${words}`);
  return `${counted(hosts.length, 'host')}: ${counts.join(', ')}\n`;
}

/** `9f8e7d6`, or `9f8e7d6 (3), a1b2c3d (1)`; `-` if none is known. */
export function formatReleases(releases: Readonly<Record<string, number>>): string {
  const names = Object.keys(releases);
  if (names.length < 2) return names[0] ?? '-';
  return formatNames(names.map((name) => `${name} (${String(releases[name])})`));
}

function detailOf({ state, problem, others }: HostStatus): string {
  const words = [problem ?? '', formatNames(others)].filter((word) => word !== '').join('; ');
  switch (state) {
    case 'done':
      return words === '' ? 'ok' : words;
    case 'unknown':
      return `unknown: ${words}`;
    case 'failed':
    case 'short':
    case 'timed_out':
    case 'ended':
    case 'untouched':
      return words;
  }
}

function paint(state: HostState | undefined, line: string, { red, yellow }: Colours): string {
  if (state === 'done' || state === 'untouched' || state === undefined) return line;
  return state === 'short' || state === 'timed_out' ? yellow(line) : red(line);
}

function summaryOf(hosts: readonly HostStatus[]): string {
  const sum = (of: (host: HostStatus) => number | undefined): number =>
    hosts.reduce((all, host) => all + (of(host) ?? 0), 0);
  const count = (state: HostState, words: string): string => {
    const found = hosts.filter((host) => host.state === state && host.wanted === undefined).length;
    return found === 0 ? '' : `; ${found} ${words}`;
  };
  const known = hosts.filter(({ wanted }) => wanted !== undefined).length;
  const instances = `${sum(({ ready }) => ready)} of ${counted(
    sum(({ wanted }) => wanted),
    'instance',
  )} ready`;
  return `${counted(known, 'host')}: ${instances}${count('failed', 'failed')}${count('unknown', 'unknown')}`;
}
