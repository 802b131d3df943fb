import type { KnownOperation, OperationRunner } from '../../core/model/operation.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import type { Detached } from '../../host/process/start-detached.ts';
import { operationFolder, outputPath, readOperation } from '../../host/state/operation-files.ts';
import { openOutput, type Printed } from '../../host/state/operation-output.ts';

/** How the following of an operation has ended: with the operation, or before. */
export type Followed =
  | Extract<KnownOperation['state'], { kind: 'ended' | 'lost' }>
  /** The process that was to run it has ended before it began, or none has begun it. */
  | { readonly kind: 'not_begun'; readonly problem: string }
  /** It runs, and that is all that was to be waited for. */
  | { readonly kind: 'begun'; readonly runner: OperationRunner }
  | { readonly kind: 'detached' };

export interface Following {
  readonly id: string;
  /** The process that was just started to run it. */
  readonly started?: Detached | undefined;
  readonly until: 'begun' | 'ended';
}

/** The longest time between two looks: on some file systems inotify reports nothing, and of a death it never does. */
const lookMs = 500;

/** How long it may take until an operation is begun that another command has been asked for. */
const patienceMs = 10_000;

/** Shows all that an operation has printed and prints, until it has begun or ended, or `signal` aborts. */
export async function followOperation(
  stateDir: string,
  { id, started, until }: Following,
  show: (printed: Printed) => void,
  signal: AbortSignal,
): Promise<Followed> {
  const folder = operationFolder(stateDir, id);
  const files = watchDirectory(folder);
  const output = openOutput(outputPath(folder));
  const patience = monotonicMs() + patienceMs;
  try {
    for (;;) {
      // Before the look: a process that has ended by then has begun it or never will.
      const end = started?.ended();
      const { state } = readOperation(stateDir, id) ?? { state: { kind: 'lost' } as const };
      for (const printed of output.read()) show(printed);
      if (state.kind === 'ended' || state.kind === 'lost') return state;
      if (state.kind === 'running' && until === 'begun')
        return { kind: 'begun', runner: state.runner };
      if (state.kind === 'asked') {
        if (end !== undefined) return { kind: 'not_begun', problem: `its process ended: ${end}` };
        if (started === undefined && monotonicMs() > patience)
          return { kind: 'not_begun', problem: 'the command that asked for it was killed first' };
      }
      if (signal.aborted) return { kind: 'detached' };
      await files.changes(lookMs, signal);
    }
  } finally {
    files.close();
    output.close();
  }
}
