import { statSync } from 'node:fs';
import { claimOf } from '../../core/rules/adoption.ts';
import type { Launch } from '../../core/model/launch.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { momentOf, type Moment } from '../../core/basics/time.ts';
import { candidateAt } from './candidate.ts';
import { asUserOf, ownerOf } from '../process/as-user.ts';
import { readEnvironment } from '../process/process-table.ts';
import { readPidfile } from '../state/records.ts';
import { removeFile } from '../files/json-file.ts';
import { markIn, shimWords, startIn } from '../process/strays.ts';

/** What the pidfile that a program writes itself says about its process, checked with the kernel. */
export type Claimed =
  /** It names no process: it is missing, empty, or holds no pid. */
  | { readonly kind: 'none' }
  /** `runId` is the process's, if its environment shows that. */
  | { readonly kind: 'its'; readonly process: LiveProcess; readonly runId?: string }
  /** The process that it named is dead. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'unclear'; readonly pid: number; readonly title: string };

/** Which process the program's own pidfile names. */
export function claimedBy(launch: Launch, stateDir: string): Claimed {
  const { pidfile, instance, command } = launch;
  const writtenAt = changedAt(pidfile); // first, so that a pid that is written meanwhile does not count as old
  const file = asUserOf(launch, () => readPidfile(pidfile));
  if (file.kind !== 'holds' || writtenAt === undefined) return { kind: 'none' };
  const candidate = candidateAt(stateDir, instance, file.pid, ownerOf(launch));
  if (candidate === undefined) return { kind: 'stale' };
  const { process, title } = candidate;
  const claim = claimOf(candidate, writtenAt, command);
  if (claim === 'stale') return { kind: 'stale' };
  if (claim === 'unclear') return { kind: 'unclear', pid: file.pid, title };
  const mark = markIn(readEnvironment(file.pid));
  const runId = mark.instance === instance ? startIn(mark) : undefined;
  return { kind: 'its', process, ...(runId !== undefined && { runId }) };
}

function changedAt(path: string): Moment | undefined {
  try {
    return momentOf(statSync(path).mtimeMs);
  } catch {
    return undefined; // missing, or not ours to see
  }
}

/** Why a program that daemonizes must not be started now. */
export type Obstacle =
  | { readonly kind: 'runs' }
  | { readonly kind: 'unclear'; readonly pid: number; readonly title: string };

/**
 * Removes the pidfile of a dead process, which could make its program refuse to start. If the process in it may be the worker,
 * nothing is removed and the process is returned as the obstacle.
 */
export function clearPidfile(launch: Launch, stateDir: string): Obstacle | undefined {
  const claimed = claimedBy(launch, stateDir);
  switch (claimed.kind) {
    case 'none':
      return undefined;
    case 'its':
      return { kind: 'runs' };
    case 'unclear':
      return claimed;
    case 'stale':
      asUserOf(launch, () => {
        removeFile(launch.pidfile);
      });
      return undefined;
  }
}

/** Whether the shim of this run still waits for the pidfile: then the shim will record what that names. */
export const isLaunchedStill = ({ launch, shimPid, runId }: ProcessRecord): boolean =>
  launch !== undefined && shimPid !== 0 && shimWords(shimPid)?.runId === runId;
