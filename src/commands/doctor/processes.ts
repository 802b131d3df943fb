import { orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { instanceNames, shownName } from '../../core/model/instance.ts';
import {
  allObserved,
  drainingSince,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { leftWords } from '../../core/model/leftovers.ts';
import { sessionStop } from '../../core/rules/awaited.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import type { Config } from '../../core/model/config.ts';
import type { MarkedProcess } from '../../host/process/strays.ts';

/** Processes without a record, two with one name, unwanted ones and stopped ones; pidfiles that name another process. */
export function processFindings(
  config: Config,
  observation: Observation,
  marked: readonly MarkedProcess[],
  hasShim: (record: ProcessRecord) => boolean = () => true,
): Findings {
  const all = allObserved(observation);
  const strays = strayAmong(all, marked);
  const up = all.filter(({ presence }) => presence.kind === 'alive').length;
  return orFine(
    [
      doubled(all, strays),
      strays.map(stray),
      all.map((one) => [unwanted(one, config), frozen(one), leftBehind(one), stalePidfile(one)]),
      all.map((one) => shimless(one, hasShim)),
    ],
    'processes',
    `${up} up, each claimed by one record`,
  );
}

const strayAmong = (
  all: readonly ObservedInstance[],
  marked: readonly MarkedProcess[],
): MarkedProcess[] =>
  marked.filter(
    ({ process }) =>
      !all.some(
        ({ presence }) => presence.kind === 'alive' && isSameProcess(presence.process, process),
      ),
  );

const stray = ({ instance, process }: MarkedProcess): Findings =>
  warning(instance, `pid ${process.pid} is running, but its record is lost`, [
    'until a pass takes it over, it is neither stopped nor restarted',
    'run workerctl bootcheck, which takes it over',
  ]);

/** Instances with more than one process. Old processes that drain beside their replacement do not count. */
function doubled(all: readonly ObservedInstance[], strays: readonly MarkedProcess[]): Findings {
  const pids = new Map<string, number[]>();
  const add = (name: string, pid: number): void => {
    pids.set(name, [...(pids.get(name) ?? []), pid]);
  };
  for (const { name, retiring, presence } of all)
    if (presence.kind === 'alive' && retiring === undefined) add(name, presence.process.pid);
  for (const { instance, process } of strays) add(instance, process.pid);
  return [...pids].flatMap(([name, these]) =>
    these.length < 2
      ? []
      : problem(name, `${these.length} processes: pids ${these.join(', ')}`, [
          'two processes with one identifier may do the same job twice',
          'decide which one should stay, and send SIGTERM to the other one by its pid',
        ]),
  );
}

function unwanted(observed: ObservedInstance, { workers }: Config): Findings {
  const { name, retiring, presence } = observed;
  if (presence.kind !== 'alive' || retiring !== undefined) return [];
  const { pid } = presence.process;
  const worker = workers.find((one) => one.name === workerNameOf(name));
  if (worker === undefined) {
    return warning(
      name,
      `pid ${pid} is running, but the config has no worker ${workerNameOf(name)}`,
      [
        'no restart replaces it, so it keeps the code that it was started with',
        `workerctl stop ${name}, unless another config with this state directory has that worker`,
      ],
    );
  }
  const isWanted = instanceNames(worker).includes(name);
  if (isWanted || drainingSince(observed) !== undefined) return [];
  return warning(name, `pid ${pid} is running, but this instance of ${worker.name} is not wanted`, [
    'the next bootcheck asks it to finish its job and exit',
    `nothing; to keep it: ${worker.isCounted ? `workerctl want N ${worker.name}` : 'add it to identifiers'}`,
  ]);
}

function frozen(observed: ObservedInstance): Findings {
  const { presence } = observed;
  if (presence.kind !== 'alive' || presence.process.activity !== 'stopped') return [];
  const { pid } = presence.process;
  const drains = drainingSince(observed) === undefined ? '' : ', and it will never exit';
  return problem(shownName(refOf(observed)), `pid ${pid} is stopped (SIGSTOP, or a debugger)`, [
    `it does no work${drains}`,
    `kill -CONT ${pid}`,
  ]);
}

function leftBehind(observed: ObservedInstance): Findings {
  const { leftovers } = observed;
  if (leftovers === undefined || sessionStop(observed)?.members !== undefined) return [];
  const { of, processes } = leftovers;
  return warning(shownName(refOf(observed)), leftWords(of.pid, processes), [
    'no command sees them: they may do the same jobs with old code',
    `if its command is a wrapper, start the worker with exec or set stop.to: session; to end them: kill -TERM ${processes.map(({ pid }) => pid).join(' ')}`,
  ]);
}

/** Processes that were adopted, forked away or took over have none. */
function shimless(
  observed: ObservedInstance,
  hasShim: (record: ProcessRecord) => boolean,
): Findings {
  const { presence } = observed;
  if (presence.kind !== 'alive') return [];
  const { pid, shimPid } = presence.record;
  if (shimPid === 0 || presence.record.launch !== undefined || hasShim(presence.record)) return [];
  const name = shownName(refOf(observed));
  return warning(name, `pid ${pid} is running, but its shim, pid ${shimPid}, is gone`, [
    'nothing will report how it exits, and its lock is free: only its record keeps a second one from being started',
    `when that suits, workerctl restart ${observed.name}`,
  ]);
}

function stalePidfile({ name, presence, pidfile }: ObservedInstance): Findings {
  if (pidfile.kind === 'absent' || pidfile.kind === 'silent') return [];
  const about = `pidfile of ${name}`;
  const cost = [
    'kill $(cat …), monit and the like may hit another process; workerctl itself does not trust it',
    'run workerctl bootcheck, which rewrites or removes it',
  ] as const;
  if (pidfile.kind === 'broken') return warning(about, pidfile.problem, cost);
  if (presence.kind === 'alive' && presence.process.pid === pidfile.pid) return [];
  const words =
    presence.kind === 'alive' ? `the process is pid ${presence.process.pid}` : 'nothing is running';
  return warning(about, `names pid ${pidfile.pid}, but ${words}`, cost);
}
