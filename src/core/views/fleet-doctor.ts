import { formatNames } from '../basics/names.ts';
import { formatDuration, durationOf } from '../basics/time.ts';
import { shellWord } from '../basics/shell-word.ts';
import { counted } from '../events/phrases.ts';
import type { JsonObject } from '../protocols/json-reader.ts';
import {
  fine,
  listed,
  problem,
  warning,
  type Finding,
  type Findings,
  type Report,
} from './finding.ts';

/** What one host has shown. */
export interface ExaminedHost {
  readonly host: string;
  /** Why nothing is known of it. */
  readonly silent?: string;
  readonly version?: string;
  /** How far its clock is from ours, in milliseconds, beyond what the connection explains; 0: not at all. */
  readonly clockOffset?: number;
  /** Of the config in force there. */
  readonly digest?: string;
  /** Why the config there cannot be used. */
  readonly configProblem?: string;
  /** The releases that its processes run, in one text. */
  readonly releases?: string;
  /** Of its own doctor. */
  readonly findings?: readonly JsonObject[];
}

/** Less is of no consequence. */
const tolerableMs = 2_000;

/** What differs between hosts, and what keeps one from being reached or looked after. */
export const fleetReports = (hosts: readonly ExaminedHost[]): readonly Report[] =>
  Object.entries({
    connections: hosts.map(connectionFindings),
    versions: compared(hosts, 'version', 'versions of workerctl', [
      'a host of another version may not understand what it is asked',
      'install the same version on all hosts',
    ]),
    clocks: clockFindings(hosts),
    configs: [
      hosts.flatMap(configFindings),
      compared(hosts, 'digest', 'configs', [
        'hosts with different configs run different workers, or run them differently',
        'if that is not on purpose: compare the output of workerctl check on these hosts',
      ]),
    ],
    releases: compared(hosts, 'releases', 'releases', [
      'the hosts run different code',
      'workerctl fleet restart',
    ]),
    boot: hosts.map(caretakerFindings),
    doctor: hosts.map(ownFindings),
  }).map(([check, findings]) => ({ check, findings: listed(findings) }));

function connectionFindings({ host, silent }: ExaminedHost): Findings {
  if (silent === undefined) return undefined;
  const why = 'no command reaches it, and what it does is not known';
  if (/permission denied \(|authentication fail/i.test(silent))
    return problem(host, `asks for a password, or for a key that ssh has not got: ${silent}`, [
      why,
      `ssh-copy-id ${shellWord(host)}, or ssh-add; then: ssh -o BatchMode=yes ${shellWord(host)} true`,
    ]);
  return problem(host, silent, [why, `ssh -o BatchMode=yes ${shellWord(host)} true`]);
}

/** One finding: that all are alike, or who differs. */
function compared(
  hosts: readonly ExaminedHost[],
  member: 'version' | 'digest' | 'releases',
  about: string,
  [why, advice]: readonly [string, string],
): Findings {
  const groups = new Map<string, string[]>();
  for (const one of hosts) {
    const value = one[member];
    if (value !== undefined) groups.set(value, [...(groups.get(value) ?? []), one.host]);
  }
  const [first] = groups;
  if (first === undefined) return undefined;
  if (groups.size === 1)
    return fine(about, `the same on ${counted(first[1].length, 'host')}: ${first[0]}`);
  const parts = [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([value, names]) => `${value} on ${formatNames(names)}`);
  return warning(about, `differ: ${parts.join('; ')}`, [why, advice]);
}

function clockFindings(hosts: readonly ExaminedHost[]): Findings {
  const known = hosts.filter(({ clockOffset }) => clockOffset !== undefined);
  const wrong = known.filter(({ clockOffset = 0 }) => Math.abs(clockOffset) > tolerableMs);
  if (wrong.length === 0)
    return known.length === 0
      ? undefined
      : fine('clocks', `right on ${counted(known.length, 'host')}`);
  return wrong.map(({ host, clockOffset = 0 }) =>
    warning(
      host,
      `its clock is ${formatDuration(durationOf(Math.abs(clockOffset)))} ${clockOffset > 0 ? 'ahead of' : 'behind'} ours`,
      [
        'events of several hosts are shown in the wrong order',
        'let it follow a time server: timedatectl set-ntp true',
      ],
    ),
  );
}

const configFindings = ({ host, configProblem }: ExaminedHost): readonly Finding[] =>
  configProblem === undefined
    ? []
    : [
        problem(host, configProblem, [
          'no command can act there',
          `correct it; then: ssh ${shellWord(host)} workerctl check`,
        ]),
      ];

/** Without cron and watch, an instance that dies stays down. */
const caretakerFindings = ({ host, findings = [] }: ExaminedHost): Findings =>
  findings
    .filter(({ check, level }) => (check === 'cron' || check === 'watch') && level !== 'ok')
    .map(({ about, found, why, advice }) =>
      warning(`${host}: ${String(about)}`, String(found), [String(why), String(advice)]),
    );

function ownFindings({ host, findings }: ExaminedHost): Findings {
  if (findings === undefined) return undefined;
  const problems = findings.filter(({ level }) => level === 'problem').length;
  if (problems === 0) return fine(host, 'its own doctor finds no problem');
  return problem(host, `its own doctor finds ${counted(problems, 'problem')}`, [
    'they hurt now, or at the next occasion',
    `ssh ${shellWord(host)} workerctl doctor`,
  ]);
}
