import { elapsed } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import {
  isLeftByShim,
  refOf,
  runIdOfStray,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import { formatEnd } from '../model/record.ts';
import { isAwaited, leftoverRuleOf, sessionStop } from './awaited.ts';
import type { Snapshot } from './snapshot.ts';

export function strays(snapshot: Snapshot): Action[] {
  return snapshot.notable().flatMap(({ observed: { name, presence } }) =>
    presence.kind !== 'stray'
      ? []
      : [
          {
            kind: 'adopt' as const,
            instance: name,
            process: presence.process,
            ...(presence.shim && { shim: presence.shim }),
            ...(presence.successorOf && { successorOf: presence.successorOf }),
            runId: runIdOfStray(presence),
            cause: causeOfAdoption(presence),
          },
        ],
  );
}

const causeOfAdoption = ({
  successorOf,
  evidence,
}: Extract<Presence, { kind: 'stray' }>): string =>
  successorOf === undefined
    ? (evidence ?? 'it runs, but no record claims it')
    : `pid ${successorOf.pid} named it as its successor (MAINPID) and has exited`;

/** A program that forks away owns its pidfile: it is never ours to write. */
export function wrongPidfiles(snapshot: Snapshot): Action[] {
  return snapshot.notable().flatMap(({ observed, worker }) => {
    const { name, presence, pidfile } = observed;
    if (presence.kind !== 'alive' || worker.daemonizes !== undefined) return [];
    const { pid } = presence.process;
    if (pidfile.kind === 'silent' || (pidfile.kind === 'holds' && pidfile.pid === pid)) return [];
    return [
      { kind: 'write_pidfile' as const, instance: name, pid, cause: describePidfile(observed) },
    ];
  });
}

/** The pidfiles of processes whose shims have reported their deaths and left the rest to whom they saw waiting for that. */
export function leftPidfiles(snapshot: Snapshot): Action[] {
  return snapshot.notable().flatMap(({ observed, worker }) => {
    const { name } = observed;
    if (worker.daemonizes !== undefined || !isLeft(observed)) return [];
    return [
      {
        kind: 'remove_pidfile' as const,
        instance: name,
        cause: describePidfile(observed),
        isLeftByShim: true as const,
      },
    ];
  });
}

const isLeft = ({ presence, pidfile }: ObservedInstance): boolean =>
  presence.kind === 'dead' && isLeftByShim(presence.record, presence.death, pidfile);

/** A pidfile that a start is about to write needs no removal. */
export function stalePidfiles(snapshot: Snapshot): Action[] {
  return snapshot.notable().flatMap(({ observed, worker, isWanted }) => {
    const { name, presence, pidfile } = observed;
    if (
      isWanted ||
      isLeft(observed) ||
      worker.daemonizes !== undefined ||
      (presence.kind !== 'dead' && presence.kind !== 'absent') ||
      pidfile.kind === 'absent' ||
      pidfile.kind === 'silent'
    )
      return [];
    return [{ kind: 'remove_pidfile' as const, instance: name, cause: describePidfile(observed) }];
  });
}

/** What dead processes have left in their sessions, if more than a report is due. */
export function leftBehind(snapshot: Snapshot): Action[] {
  return snapshot.everyNotable().flatMap(({ observed, worker }) => {
    const { leftovers: left, presence } = observed;
    if (left === undefined || presence.kind !== 'dead') return [];
    const rule = leftoverRuleOf(observed, worker, snapshot.sinceBoot);
    if (rule === 'report' || rule === 'leave') return [];
    const isDone = rule === 'kill' ? left.wasKilled === true : !isToBeReported(observed, snapshot);
    return isDone
      ? []
      : [
          {
            kind: 'leftovers' as const,
            ...refOf(observed),
            left,
            rule,
            cause: causeOfHandling(observed, rule),
          },
        ];
  });
}

/** What exits a moment after its parent is not worth a report, nor is what was asked itself. */
const graceMs = 1_000;

function isToBeReported(observed: ObservedInstance, { now }: Snapshot): boolean {
  const { presence, leftovers, retiring } = observed;
  if (leftovers?.isReported === true || presence.kind !== 'dead') return false;
  const stop = sessionStop(observed);
  // Nothing waits for what an old process has left if its replacement runs already.
  if (stop === undefined) return retiring === undefined;
  const { diedAt } = presence;
  return stop.members === undefined && (diedAt === undefined || elapsed(diedAt, now) >= graceMs);
}

function causeOfHandling(observed: ObservedInstance, rule: string): string {
  const stop = sessionStop(observed);
  return stop === undefined
    ? `stop.leftovers is ${rule}`
    : `${rule === 'kill' ? 'its limit is over' : 'its session is killed at its limit'} (${stop.cause})`;
}

/** Old processes that have exited beside their replacements. */
export function exitedRetiring(snapshot: Snapshot): Action[] {
  return snapshot.retiring().flatMap(({ observed, worker }) => {
    const { presence, problems } = observed;
    const isEnding = sessionStop(observed) !== undefined || observed.continuing !== undefined;
    if (isEnding && isAwaited(observed, worker)) return [];
    const isTorn = presence.kind === 'absent' && problems.length > 0;
    if (presence.kind !== 'dead' && !isTorn) return [];
    const cause =
      presence.kind === 'dead'
        ? `pid ${presence.record.pid} ${formatEnd(presence.death)}`
        : tornRecord;
    return [{ kind: 'clean_up' as const, ...refOf(observed), cause }];
  });
}

/** Records of instances that stay down, if nothing can be read from them: the next start of the others writes its own. */
export function tornRecords(snapshot: Snapshot): Action[] {
  return snapshot
    .notable()
    .filter(({ observed, isWanted }) => {
      const { presence, problems, unclaimed } = observed;
      const isTorn = presence.kind === 'absent' && problems.length > 0;
      return !isWanted && isTorn && unclaimed === undefined;
    })
    .map(({ observed: { name } }) => ({ kind: 'clean_up', instance: name, cause: tornRecord }));
}

const tornRecord = 'its record cannot be read and no process was found';

function describePidfile({ pidfile, presence }: ObservedInstance): string {
  // Without a shim nothing removes it when the process exits.
  const isOfDead =
    presence.kind === 'dead' && pidfile.kind === 'holds' && presence.record.pid === pidfile.pid;
  if (isOfDead) return `pid ${pidfile.pid} has exited`;
  switch (pidfile.kind) {
    case 'absent':
      return 'it was missing';
    case 'holds':
      return `it named pid ${pidfile.pid}, which is not a living process of this instance`;
    case 'silent':
      return 'its file system does not answer';
    case 'broken':
      return pidfile.problem;
  }
}
