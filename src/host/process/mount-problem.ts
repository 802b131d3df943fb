import { WorkerctlError } from '../../core/basics/error.ts';
import { mayAnyHang, parseMounts } from '../../core/protocols/mounts.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';
import { monotonicMs } from './clock.ts';

/**
 * Why these paths must not be used, in words: one is on a file system that does not answer (nfs, cifs, fuse). Any use of it
 * would block this process for as long as that lasts, so another process asks. Undefined if all can be used.
 */
export async function mountProblem(paths: () => readonly string[]): Promise<string | undefined> {
  const [first] = (await mountProblems(paths)).values();
  return first;
}

const none: ReadonlyMap<string, string> = new Map();

/** Why each of these paths must not be used, for those of which that is so. */
export async function mountProblems(
  paths: () => readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const text = mountinfo();
  if (!mayAnyHang(text)) return none;
  const { silentMounts } = await import('./silent-mount.ts');
  return silentMounts(parseMounts(text), paths());
}

/** @throws WorkerctlError `code` if the path must not be used */
export async function assertAnswers(path: string, code: 'config' | 'state'): Promise<void> {
  const problem = await mountProblem(() => [path]);
  if (problem !== undefined) throw new WorkerctlError(code, problem);
}

/** Tells which paths can be looked at without a risk to wait for another host: those that are not on nfs, cifs or fuse. */
export async function neverHanging(): Promise<(path: string) => boolean> {
  const text = mountinfo();
  if (!mayAnyHang(text)) return () => true;
  const { slowMountOf } = await import('./silent-mount.ts');
  const mounts = parseMounts(text);
  const links = new Map<string, string | undefined>();
  return (path) => slowMountOf(mounts, path, links) === undefined;
}

/** A start looks at many paths at once. */
const freshMs = 200;

let known: { readonly text: string; readonly at: number } | undefined;

function mountinfo(): string {
  if (known === undefined || monotonicMs() - known.at > freshMs)
    known = { text: readOrEmpty('/proc/self/mountinfo'), at: monotonicMs() };
  return known.text;
}
