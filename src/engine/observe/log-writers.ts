import { logPlacesOf } from '../../core/model/record.ts';
import type { Config, Worker } from '../../core/model/config.ts';
import { pidfileOf } from '../../core/model/launch.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import {
  liveProcess,
  mayLive,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { isSameProcess, type LiveProcess, type ProcessIdentity } from '../../core/model/process.ts';
import { outputsOf, ownOutputs } from '../../host/logs/own-log.ts';
import { ancestorsOf, currentBootId } from '../../host/process/process-table.ts';
import { baseOf } from '../../host/state/paths.ts';
import { stopOf } from '../../host/state/process-files.ts';
import { readPidfile } from '../../host/state/records.ts';
import type { Scene } from '../scene.ts';
import { usingPidfile } from '../../host/worker/using-pidfile.ts';
import { isOfAnotherUser } from './owners.ts';
import { ownLogsIn } from './own-logs.ts';

/** A process that writes to the log of an instance which seems to be down. */
interface Writer {
  readonly observed: ObservedInstance;
  readonly process: LiveProcess;
}

/**
 * The same observation with the processes that only their output gives away: the shim was killed, the program has overwritten
 * its environment, and the record is lost or wrong. One that the pidfile or the record names besides is a stray. Any other may
 * be something that the instance's process has left behind, or that a person has started: it gets no signal, but nothing is
 * started beside it.
 * @param unmarked leaders of sessions without a marker
 * @param known processes whose place is known
 */
export function withLogWriters(
  scene: Scene,
  observation: Observation,
  unmarked: readonly LiveProcess[],
  known: readonly ProcessIdentity[],
): Observation {
  const writers = writersAmong(scene, observation, unmarked, known);
  const { stateDir } = scene.config;
  let seen = observation;
  for (const { observed, process } of writers) {
    const { presence, unclaimed } = seen.instances.get(observed.name) ?? observed;
    if (presence.kind === 'stray') continue;
    if (!isNamed(scene, observed, process)) {
      // The oldest was there first.
      if (unclaimed !== undefined && unclaimed.startTime <= process.startTime) continue;
      seen = withSeen(seen, [{ ...observed, unclaimed: process }]);
      continue;
    }
    const stop = stopOf(stateDir, baseOf(refOf(observed)), process);
    const evidence = 'it writes to its log, and its pidfile or record names it';
    seen = withSeen(seen, [
      { ...observed, presence: { kind: 'stray', process, evidence, ...(stop && { stop }) } },
    ]);
  }
  return seen;
}

function writersAmong(
  scene: Scene,
  observation: Observation,
  unmarked: readonly LiveProcess[],
  known: readonly ProcessIdentity[],
): Writer[] {
  const down = [...observation.instances.values()].filter(
    (one) => mayLive(one) && !isOfDaemon(scene, one),
  );
  if (down.length === 0) return [];
  const ownLogs = ownLogsIn(scene);
  const byOutput = new Map(
    down.flatMap((observed) => {
      const { name, presence } = observed;
      const recorded =
        presence.kind === 'dead' ? logPlacesOf(presence.record).map(({ path }) => path) : [];
      const outputs = ownOutputs(name, scene.config.stateDir, ownLogs(name, ...recorded));
      return outputs.map((output) => [output, observed] as const);
    }),
  );
  const ours = ancestorsOf(process.pid);
  const found = unmarked.flatMap((one): Writer[] => {
    if (one.pid === process.pid || ours.has(one.pid)) return [];
    if (known.some((other) => isSameProcess(other, one))) return [];
    const [observed] = outputsOf(one.pid).flatMap((output) => byOutput.get(output) ?? []);
    if (observed === undefined || isLeftBy(observed, one)) return [];
    return isOfAnotherUser(scene.config, observed.name, one.pid)
      ? []
      : [{ observed, process: one }];
  });
  // A child that has created its own session belongs to its parent.
  const parents = new Set([
    ...found.map(({ process: { pid } }) => pid),
    ...known.map(({ pid }) => pid),
    ...[...observation.instances.values()].flatMap((one) => liveProcess(one)?.pid ?? []),
  ]);
  return found.filter(
    ({ process: { pid } }) => ![...ancestorsOf(pid)].some((above) => parents.has(above)),
  );
}

/** Its own pidfile says which its process is. */
const isOfDaemon = ({ config }: Scene, { name }: ObservedInstance): boolean =>
  workerOf(config, name)?.daemonizes !== undefined;

const workerOf = ({ workers }: Config, name: string): Worker | undefined =>
  workers.find((worker) => worker.name === workerNameOf(name));

/** Whether it is younger than the instance's process, which is dead: something that this has started. */
const isLeftBy = ({ presence }: ObservedInstance, { pid, startTime }: LiveProcess): boolean =>
  presence.kind === 'dead' &&
  presence.record.bootId === currentBootId() &&
  presence.record.pid !== pid &&
  presence.record.startTime < startTime;

/** Whether the pidfile of the instance names it, or its record, of which another part is wrong. */
function isNamed(
  { config, hostName }: Scene,
  { name, presence }: ObservedInstance,
  { pid, startTime }: LiveProcess,
): boolean {
  const worker = workerOf(config, name);
  const { stateDir } = config;
  const pidfile =
    worker &&
    usingPidfile(pidfileOf(worker, name, hostName), { stateDir, rights: worker }, readPidfile);
  if (pidfile?.kind === 'holds' && pidfile.pid === pid) return true;
  if (presence.kind !== 'dead') return false;
  return presence.record.pid === pid || presence.record.startTime === startTime;
}
