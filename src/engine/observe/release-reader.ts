import { dirname } from 'node:path';
import type { Config, RunAs } from '../../core/model/config.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { namedRelease, type Release } from '../../host/worker/release.ts';

/**
 * Finds out the release by the file or command that the config names, as the user of a worker; undefined if it is unknown. A
 * command is not run again if its answer is at most this many milliseconds old.
 */
export type ReleaseReader = (
  maxAge: number,
  runAs: RunAs | undefined,
) => Promise<string | undefined>;

/** Distinguishes users, of which each may find another release. */
export const userKey = (runAs: RunAs | undefined): string =>
  runAs === undefined ? '' : JSON.stringify([runAs.user, runAs.group]);

/**
 * If others can write the config, its command is not run: the release is unknown.
 * @param onProblem called once if the release cannot be found out
 */
export function createReleaseReader(
  { path, release: source, distrust }: Config,
  onProblem: (problem: string) => void = () => undefined,
): ReleaseReader {
  const lasts = new Map<string, { readonly at: number; readonly release: Promise<Release> }>();
  let isReported = false;
  return async (maxAge, runAs) => {
    if (source.kind === 'directory') return undefined;
    if (source.kind === 'command' && distrust !== undefined) return undefined;
    const at = monotonicMs();
    let last = lasts.get(userKey(runAs));
    const isFresh = source.kind === 'command' && last !== undefined && at - last.at <= maxAge;
    if (last === undefined || !isFresh) {
      const rights = runAs === undefined ? {} : { runAs };
      last = { at, release: namedRelease(source, dirname(path), rights) };
      lasts.set(userKey(runAs), last);
    }
    const release = await last.release;
    if (release.kind === 'known') return release.release;
    if (!isReported) onProblem(release.problem);
    isReported = true;
    return undefined;
  };
}
