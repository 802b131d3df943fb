import { WorkerctlError } from '../../core/basics/error.ts';

/** The code of a system error (`ENOENT`); undefined for other errors. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A system error in words for a message: `ENOSPC: no space left on device`; other errors keep their message. */
export function describeErrno(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const isSystems = errnoOf(error) !== undefined && !(error instanceof WorkerctlError);
  return isSystems ? (text.split(', ')[0] ?? text) : text;
}
