import { dirname } from 'node:path';
import type { Config } from '../../core/model/config.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { namedRelease, type Release } from '../../host/worker/release.ts';

/**
 * Finds out the release by the file or command that the config names; undefined if it is unknown. A command is not run
 * again if its answer is at most this many milliseconds old.
 */
export type ReleaseReader = (maxAge: number) => Promise<string | undefined>;

/**
 * If others can write the config, its command is not run: the release is unknown.
 * @param onProblem called once if the release cannot be found out
 */
export function createReleaseReader(
  { path, release: source, distrust }: Config,
  onProblem: (problem: string) => void = () => undefined,
): ReleaseReader {
  let last: { readonly at: number; readonly release: Promise<Release> } | undefined;
  let isReported = false;
  return async (maxAge) => {
    if (source.kind === 'directory') return undefined;
    if (source.kind === 'command' && distrust !== undefined) return undefined;
    const at = monotonicMs();
    const isFresh = source.kind === 'command' && last !== undefined && at - last.at <= maxAge;
    if (last === undefined || !isFresh) last = { at, release: namedRelease(source, dirname(path)) };
    const release = await last.release;
    if (release.kind === 'known') return release.release;
    if (!isReported) onProblem(release.problem);
    isReported = true;
    return undefined;
  };
}
