import { WorkerctlError } from '../../core/basics/error.ts';
import type { Code } from '../../core/model/code.ts';
import type { Worker } from '../../core/model/config.ts';
import type { Action } from '../../core/model/action.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import type { Observation } from '../../core/model/observation.ts';
import type { ProcessIdentity, Witnessed } from '../../core/model/process.ts';
import { describeErrno } from '../../host/files/errno.ts';
import type { HeldLock } from '../../host/lock/lock-file.ts';
import { hearWitnesses } from '../../host/worker/witness.ts';
import type { NextLaunch } from '../observe/launches.ts';
import { refusalWords, type ClaimFor } from '../observe/witnesses.ts';
import { report, type Context } from '../session.ts';

/** What the handlers of one plan share. */
export interface Run {
  readonly context: Context;
  readonly passLock: HeldLock;
  /** What a start of this instance uses in this pass. */
  readonly next: (
    worker: Worker,
    instance: string,
  ) => Promise<NextLaunch & Pick<Code, 'commandDigest'>>;
  /** What makes a process that this pass has seen the instance's, apart from its record. */
  readonly claimFor: ClaimFor;
  /** What the pass has seen. */
  readonly seen: Observation;
  /** Instances whose process could not be asked or moved aside: nothing is started in their place. */
  readonly blocked: Set<string>;
}

/** Does it, or reports why it could not be done; whether it was done. */
export async function orWarn(
  context: Context,
  action: Action,
  act: () => void | Promise<void>,
): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const problem = `${action.kind} failed: ${describeErrno(error)}`;
    report(context, action, { kind: 'warning', problem });
    return false;
  }
}

/**
 * The one gate that every signal of a pass goes through: the process of an action, if a witness besides its record says that
 * it is the instance's, or if it is dead. Otherwise reports why it gets no signal.
 */
export function admitted(
  { context, claimFor }: Pick<Run, 'context' | 'claimFor'>,
  action: ProcessRef & { readonly process: ProcessIdentity },
): Witnessed | undefined {
  const { process } = action;
  const testimony = hearWitnesses(claimFor(action, process));
  if (testimony.kind === 'witnessed' || testimony.kind === 'gone') return testimony.process;
  const problem = refusalWords(context, action, process, testimony);
  report(context, action, { kind: 'signal_failed', pid: process.pid, problem });
  return undefined;
}

/** A lock without the kernel can be lost: then another pass is running, and this one must stop. */
export function assertHeld({ compromised }: HeldLock): void {
  if (compromised.aborted)
    throw new WorkerctlError(
      'locked',
      'the pass lock was lost to another pass; stopped half way, the next pass continues',
    );
}
