import { type Rotation } from '../../core/model/plan.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { report, type Context } from '../session.ts';

/** Rotates logs beside the looks, because copying one may take seconds. */
export interface Rotator {
  /** Does nothing while earlier ones are being rotated. */
  readonly rotate: (context: Context, rotations: readonly Rotation[]) => void;
  /** Waits for the rotation under way. */
  readonly end: () => Promise<void>;
}

export function createRotator(): Rotator {
  let atWork: Promise<void> | undefined;
  return {
    rotate: (context, rotations) => {
      if (rotations.length === 0 || atWork !== undefined) return;
      atWork = import('./rotate-logs.ts')
        .then(({ rotateLogs }) => rotateLogs(context, rotations))
        .catch((error: unknown) => {
          const problem = `logs cannot be rotated: ${describeErrno(error)}`;
          report(context, 'watch', { kind: 'warning', problem });
        })
        .finally(() => (atWork = undefined));
    },
    end: async () => {
      await atWork;
    },
  };
}
