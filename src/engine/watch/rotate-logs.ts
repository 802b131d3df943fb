import type { ProcessRecord } from '../../core/model/record.ts';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { rightsIn } from '../../core/model/account.ts';
import type { Rotation } from '../../core/model/plan.ts';
import { durationOf } from '../../core/basics/time.ts';
import { describeErrno, errnoOf } from '../../host/files/errno.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { takePassLock } from '../../host/lock/pass-lock.ts';
import { closeCopy, copyLog, cutLog, type CopiedLog, type Cut } from '../../host/logs/rotate.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readRecord, writeRecord } from '../../host/state/records.ts';
import { noteOnce } from '../../host/logs/note-once.ts';
import { report, type Context } from '../session.ts';
import { passLockPath } from '../pass/pass.ts';

/** How long to wait for another pass; the next rotation is tried a minute later. */
const lockWait = durationOf(5_000);

/**
 * Rotates logs beside the passes: copying, the long part, needs no pass lock. Only the cut, some milliseconds, happens under
 * it, so that no instance is started meanwhile whose record says where its log begins. Does nothing if another command rotates.
 */
export async function rotateLogs(context: Context, rotations: readonly Rotation[]): Promise<void> {
  const [lock] = await lockBackend().tryLock([join(context.config.stateDir, 'rotate.lock')]);
  if (lock === undefined) return;
  try {
    for (const rotation of rotations) {
      if (context.signal.aborted) return;
      await rotate(context, rotation);
    }
  } finally {
    await lock.release();
  }
}

async function rotate(context: Context, rotation: Rotation): Promise<void> {
  const { path, keep, lost } = rotation;
  try {
    const rights = rightsIn(context.config, rotation.instance);
    const copied = await copyLog(path, keep, { ...(lost && { lost }), rights });
    if (copied === undefined) return;
    let cut: Cut | undefined;
    try {
      cut = await cutUnderLock(context, rotation, copied);
    } finally {
      closeCopy(copied, cut);
    }
    if (cut.kind !== 'changed') reportCut(context, rotation, cut);
  } catch (error) {
    // Another pass is running, or the log was removed meanwhile: the next look decides again.
    const isOver = error instanceof WorkerctlError && error.code === 'locked';
    if (isOver || errnoOf(error) === 'ENOENT') return;
    const problem = `log ${path} cannot be rotated: ${describeErrno(error)}`;
    report(context, rotation, { kind: 'warning', problem });
  }
}

async function cutUnderLock(
  { config: { stateDir }, command, signal }: Context,
  rotation: Rotation,
  copied: CopiedLog,
): Promise<Cut> {
  const options = { command, wait: lockWait, signal };
  const lock = await takePassLock(passLockPath(stateDir), options);
  try {
    const record = readRecord(stateDir, baseOf(rotation));
    // The log belongs to a new process by now, whose record says where its own lines begin.
    if (record.kind !== 'read' || record.value.runId !== rotation.runId) return { kind: 'changed' };
    const cut = cutLog(copied);
    if (cut.kind !== 'changed' && rotation.retiring === undefined) {
      const moved = withLogCut(record.value, rotation.path, cut.bytes);
      if (moved !== record.value) writeRecord(stateDir, moved);
    }
    return cut;
  } finally {
    await lock.release();
  }
}

/** The same record after these bytes were cut off the front of a log of its process. */
function withLogCut(record: ProcessRecord, path: string, bytes: number): ProcessRecord {
  const key = record.errorLog?.path === path ? 'errorLog' : 'log';
  const log = record[key];
  if (log === undefined || log.offset === 0) return record;
  return { ...record, [key]: { ...log, offset: Math.max(0, log.offset - bytes) } };
}

function reportCut(
  context: Context,
  rotation: Rotation,
  cut: Exclude<Cut, { readonly kind: 'changed' }>,
): void {
  const { path: logFile } = rotation;
  report(context, rotation, { kind: 'log_rotated', logFile, size: cut.bytes });
  if (cut.kind === 'cut') return;
  const folder = dirname(logFile);
  if (!noteOnce(join(context.config.stateDir, 'rotate.told'), folder)) return;
  const problem = `logs in ${folder} are rotated by copying and truncating (${cut.problem}): a line written at that very moment can be lost (reported once)`;
  report(context, rotation, { kind: 'warning', problem });
}
