import type { Code } from '../../core/model/code.ts';
import type { Worker } from '../../core/model/config.ts';
import type { Action } from '../../core/model/action.ts';
import { describeErrno } from '../../host/files/errno.ts';
import type { HeldLock } from '../../host/lock/lock-file.ts';
import type { NextLaunch } from '../observe/launches.ts';
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
