import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { Rotation } from '../../core/model/plan.ts';
import { durationOf } from '../../core/basics/time.ts';
import { describeErrno, errnoOf } from '../../host/files/errno.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { takePassLock } from '../../host/lock/pass-lock.ts';
import { closeCopy, copyLog, cutLog, type CopiedLog, type Cut } from '../../host/logs/rotate.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readRecord, writeRecord } from '../../host/state/records.ts';
import { tellsNews } from '../../host/logs/rotate.ts';
import { report, type Context } from '../session.ts';
import { passLockPath } from '../pass/pass.ts';

/** How long to wait for a pass that is at work; the next rotation is a minute away. */
const lockWait = durationOf(5_000);

/**
 * Rotates logs beside the passes: the long part, copying, needs no lock of theirs. Only the cut, some milliseconds, happens
 * under the pass lock, so that nothing is started meanwhile whose record says where its log begins. Where somebody else is at
 * it, nothing is done. Says nothing where all went well but that it did.
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
  const { path, keep } = rotation;
  try {
    const copied = await copyLog(path, keep);
    if (copied === undefined) return;
    let cut: Cut | undefined;
    try {
      cut = await cutUnderLock(context, rotation, copied);
    } finally {
      await closeCopy(copied, cut);
    }
    if (cut.kind !== 'changed') tell(context, rotation, cut);
  } catch (error) {
    // Another pass is at work, or the log was taken away meanwhile: the next look decides anew.
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
    // A successor's lines may still be looked for, and its record counts on the log as it is.
    if (record.kind !== 'read' || record.value.runId !== rotation.runId) return { kind: 'changed' };
    const cut = cutLog(copied);
    if (cut.kind !== 'changed' && rotation.retiring === undefined) {
      const { log } = record.value;
      const offset = Math.max(0, log.offset - cut.bytes);
      if (offset !== log.offset)
        writeRecord(stateDir, { ...record.value, log: { ...log, offset } });
    }
    return cut;
  } finally {
    await lock.release();
  }
}

function tell(
  context: Context,
  rotation: Rotation,
  cut: Exclude<Cut, { readonly kind: 'changed' }>,
): void {
  const { path: logFile } = rotation;
  report(context, rotation, { kind: 'rotated', logFile, bytes: cut.bytes });
  if (cut.kind === 'cut') return;
  const folder = dirname(logFile);
  if (!tellsNews(join(context.config.stateDir, 'rotate.told'), folder)) return;
  const problem = `logs in ${folder} are rotated by copying and truncating (${cut.why}): a line that is written in just that moment can be lost; this is said once`;
  report(context, rotation, { kind: 'warning', problem });
}
