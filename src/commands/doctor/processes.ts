import { fine, problem, warning, type Finding } from '../../core/views/finding.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { isRetiring, shownName } from '../../core/model/leaving.ts';
import {
  drainingSince,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { isSameProcess, type LiveProcess } from '../../core/model/process.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import type { Config } from '../../core/model/config.ts';

/** A process that is an instance's by its marker, whatever the files say. */
export interface Marked {
  readonly instance: string;
  readonly process: LiveProcess;
}

/** Processes that no record claims, that are there twice, that nobody wants or that do nothing; pidfiles that lie. */
export function processFindings(
  config: Config,
  observation: Observation,
  marked: readonly Marked[],
): Finding[] {
  const all = [...observation.instances.values()];
  const strays = strayAmong(all, marked);
  const findings = [
    ...doubled(all, strays),
    ...strays.map(stray),
    ...all.flatMap((one) => [...unwanted(one, config), ...frozen(one), ...stalePidfile(one)]),
  ];
  if (findings.length > 0) return findings;
  const up = all.filter(({ presence }) => presence.kind === 'alive').length;
  return [fine('processes', `${up} up, each claimed by one record`)];
}

const strayAmong = (all: readonly ObservedInstance[], marked: readonly Marked[]): Marked[] =>
  marked.filter(
    ({ process }) =>
      !all.some(
        ({ presence }) => presence.kind === 'alive' && isSameProcess(presence.process, process),
      ),
  );

const stray = ({ instance, process }: Marked): Finding =>
  warning(instance, `pid ${process.pid} bears its marker, but no record claims it`, [
    'its files were lost; until a pass has adopted it nobody watches it',
    'run workerctl bootcheck, which adopts it',
  ]);

/** Old processes that leave beside their replacement are none of these. */
function doubled(all: readonly ObservedInstance[], strays: readonly Marked[]): Finding[] {
  const pids = new Map<string, number[]>();
  const add = (name: string, pid: number): void => {
    pids.set(name, [...(pids.get(name) ?? []), pid]);
  };
  for (const { name, presence } of all)
    if (presence.kind === 'alive' && !isRetiring(name)) add(name, presence.process.pid);
  for (const { instance, process } of strays) add(instance, process.pid);
  return [...pids].flatMap(([name, these]) =>
    these.length < 2
      ? []
      : [
          problem(name, `${these.length} processes: pids ${these.join(', ')}`, [
            'two processes with one identifier may do the same job twice',
            'find out which one is to stay, and TERM the other one by its pid',
          ]),
        ],
  );
}

function unwanted(observed: ObservedInstance, { workers }: Config): Finding[] {
  const { name, presence } = observed;
  if (presence.kind !== 'alive' || isRetiring(name)) return [];
  const { pid } = presence.process;
  const worker = workers.find((one) => one.name === workerNameOf(name));
  if (worker === undefined) {
    return [
      warning(name, `pid ${pid} runs, but the config has no worker ${workerNameOf(name)}`, [
        'nobody replaces it, and it runs the code it was started with for ever',
        `workerctl stop ${name}, if no other config of this state directory has it`,
      ]),
    ];
  }
  const isWanted = instanceNames(worker).includes(name);
  if (isWanted || drainingSince(observed) !== undefined) return [];
  return [
    warning(name, `pid ${pid} runs, but the config does not want this one of ${worker.name}`, [
      'the next bootcheck asks it to finish and leave',
      'none needed; raise count or name it in identifiers if it is to stay',
    ]),
  ];
}

function frozen(observed: ObservedInstance): Finding[] {
  const { name, presence } = observed;
  if (presence.kind !== 'alive' || presence.process.activity !== 'stopped') return [];
  const { pid } = presence.process;
  const drains = drainingSince(observed) === undefined ? '' : ', and it will never leave';
  return [
    problem(shownName(name), `pid ${pid} is stopped (SIGSTOP, or a debugger)`, [
      `it does nothing${drains}`,
      `kill -CONT ${pid}`,
    ]),
  ];
}

function stalePidfile({ name, presence, pidfile }: ObservedInstance): Finding[] {
  if (pidfile.kind === 'absent') return [];
  const about = `pidfile of ${name}`;
  const cost = [
    'kill $(cat …), monit and the like may reach another process by it; workerctl never believes it',
    'run workerctl bootcheck, which writes it anew or removes it',
  ] as const;
  if (pidfile.kind === 'broken')
    return [warning(about, `expected a pid, found ${pidfile.found}`, cost)];
  if (presence.kind === 'alive' && presence.process.pid === pidfile.pid) return [];
  const words =
    presence.kind === 'alive' ? `the process is pid ${presence.process.pid}` : 'nothing runs';
  return [warning(about, `it holds ${pidfile.pid}, but ${words}`, cost)];
}
