import { constants as fileFlags, existsSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { formatDeath } from '../../core/model/record.ts';
import { durationOf, formatDuration, type Duration } from '../../core/basics/time.ts';
import type { ReleaseSource } from '../../core/model/config.ts';
import { childProcess } from '../process/spawn.ts';
import { buildEnvironment } from './environment.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { readProcess } from '../process/process-table.ts';

/** What the release is called that is there now, or why nobody knows, in words. */
export type Release =
  | { readonly kind: 'known'; readonly release: string }
  | { readonly kind: 'unknown'; readonly problem: string };

/** Where to look. Both are absolute. */
export interface ReleaseContext {
  readonly configFolder: string;
  /** The worker's: mostly a symbolic link that each deploy sets anew. */
  readonly directory: string;
}

/** A pass waits for it. */
const commandTimeout = durationOf(10_000);

/** The release that a new process would run, by `source`; a command is killed after `timeout`. */
export function currentRelease(
  source: ReleaseSource,
  context: ReleaseContext,
  timeout = commandTimeout,
): Release {
  switch (source.kind) {
    case 'directory':
      return releaseOfDirectory(context.directory);
    case 'file':
      return releaseInFile(source.path);
    case 'command':
      return releaseByCommand(source.command, context.configFolder, timeout);
  }
}

function releaseOfDirectory(directory: string): Release {
  try {
    return named(basename(realpathSync.native(directory)), `directory ${directory}`, 'none');
  } catch (error) {
    return unknown(`directory ${directory}`, describeErrno(error));
  }
}

function releaseInFile(path: string): Release {
  try {
    return named(readFileSync(path, readOnly), `release file ${path}`, 'an empty first line');
  } catch (error) {
    return unknown(`release file ${path}`, describeErrno(error));
  }
}

const readOnly = {
  encoding: 'utf8' as const,
  // Somebody may have made a FIFO of the file. Node takes a number wherever it takes a flag; its types do not know that.
  flag: (fileFlags.O_RDONLY | fileFlags.O_NONBLOCK) as unknown as string,
};

function releaseByCommand(command: readonly string[], folder: string, timeout: Duration): Release {
  const what = `release command ${command.join(' ')}`;
  const result = run(command, folder, timeout);
  if (errnoOf(result.error) === 'ETIMEDOUT')
    return unknown(what, `no end within ${formatDuration(timeout)}`);
  if (result.error !== undefined) return unknown(what, failureOf(result.error, command, folder));
  const { status, signal, stdout, stderr } = result;
  if (status === 0) return named(stdout, what, 'nothing on its first line');
  const said = firstLine(stderr);
  const death = formatDeath(
    signal === null
      ? { kind: 'exited', status: status ?? 0 }
      : { kind: 'signalled', signal: constants.signals[signal], coreDumped: false },
  );
  return unknown(what, said === '' ? death : `${death}: ${said}`);
}

function failureOf(error: Error, [program = '']: readonly string[], folder: string): string {
  if (errnoOf(error) !== 'ENOENT') return describeErrno(error);
  return existsSync(folder) ? `no program ${program}` : `no folder ${folder}`;
}

interface Ended {
  readonly error?: Error;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  [program = '', ...words]: readonly string[],
  folder: string,
  timeout: Duration,
): Ended {
  try {
    const result = childProcess().spawnSync(program, words, {
      cwd: folder,
      env: buildEnvironment({ envFiles: [], env: {}, passEnv: [] }, {}),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C must not make the release unknown, nor may it ask for a password at the terminal.
      ...{ detached: true },
      encoding: 'utf8',
      timeout,
      killSignal: 'SIGKILL',
    });
    if (errnoOf(result.error) === 'ETIMEDOUT') endGroup(result.pid);
    return result;
  } catch (error) {
    const refused = error instanceof Error ? error : new Error(String(error));
    return { error: refused, status: null, signal: null, stdout: '', stderr: '' };
  }
}

/** Ends what a killed command has left behind; whoever bears its number by now is somebody else. */
function endGroup(pid: number): void {
  if (readProcess(pid) !== undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has left nothing
  }
}

/** The first line of `text` as a release; `otherwise` is what was found when there is nothing in it. */
function named(text: string, what: string, otherwise: string): Release {
  const release = firstLine(text);
  return release === '' ? unknown(what, otherwise) : { kind: 'known', release };
}

const unknown = (what: string, found: string): Release => ({
  kind: 'unknown',
  problem: `${what}: expected the name of a release, found ${found}`,
});

/** As almost all names are: the classes of Unicode take longer to compile than all else here. */
const plain = /^[ -~]{0,100}$/;

/** Goes to terminals and into records: nothing that steers one, and no more than a name has. */
function firstLine(text: string): string {
  const [first = ''] = text.split('\n', 1);
  if (plain.test(first)) return first.trim();
  const clean = first.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  return /^.{0,100}/u.exec(clean)?.[0].trimEnd() ?? '';
}
