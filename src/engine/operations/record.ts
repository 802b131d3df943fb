import { mostOutput } from '../../core/model/operation.ts';
import { takeOperation } from '../../host/state/operation-files.ts';
import { printedLine, type Outlet } from '../../host/state/operation-output.ts';
import { now } from '../../host/process/clock.ts';

/** Keeps what an operation prints, and how it ends. */
export interface Recorder {
  /** Never fails: what cannot be kept is lost, and the end says so. */
  readonly keep: (to: Outlet, text: string) => void;
  /** Whether there is still room for what is not the result. */
  readonly hasRoom: () => boolean;
  /** @throws the system error */
  readonly end: (exitCode: number) => void;
}

/**
 * Makes this process the runner of an operation.
 * @returns undefined if another process is, or was
 * @throws the system error; nothing was done then
 */
export function recordOperation(folder: string): Recorder | undefined {
  const record = takeOperation(folder);
  if (record === undefined) return undefined;
  let size = 0;
  let isIncomplete = false;
  return {
    keep: (to, text) => {
      const line = printedLine({ to, text });
      size += line.length;
      try {
        record.append(line);
      } catch {
        isIncomplete = true;
      }
    },
    hasRoom: () => {
      if (size >= mostOutput) isIncomplete = true;
      return size < mostOutput;
    },
    end: (exitCode) => {
      record.end({ exitCode, at: now(), isIncomplete });
    },
  };
}
