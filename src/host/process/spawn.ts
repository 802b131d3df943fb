import type * as ChildProcessModule from 'node:child_process';
import { readdirSync, closeSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import type * as Net from 'node:net';
import type { Readable } from 'node:stream';
import { readOrEmpty } from '../files/read-or-empty.ts';

/**
 * Loaded when the first child is started, because it loads streams and sockets too, and `status` starts no child. No child
 * inherits a file that our caller has left open.
 */
export function childProcess(): typeof ChildProcessModule {
  // Its real user would be root, which it could become again.
  if (process.geteuid?.() !== process.getuid?.())
    throw new Error('no program is started in the place of another user');
  closeInheritedFds();
  return process.getBuiltinModule('node:child_process');
}

/** The environment of a helper program: nothing that our caller has set changes what it does. */
export const helperEnvironment = { PATH: '/usr/bin:/bin', LC_ALL: 'C' } as const;

const closeOnExec = 0o2000000;

/** Once is enough: everything that we open ourselves is close-on-exec. */
let areClosed = false;

/**
 * Closes all files that our caller has left open, except the standard ones. Otherwise a worker would keep them open for its
 * whole life: the lock of a crontab's `flock`, the pipe of a CI step. Node's own files are all close-on-exec. Node sets that
 * flag on inherited ones too, but stops at the first gap in their numbers: it misses `exec 200>lock`.
 */
export function closeInheritedFds(): void {
  if (areClosed) return;
  areClosed = true;
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd > 2 && isInherited(fd)) closeSync(fd);
  }
}

/** Source: proc_pid_fdinfo(5); `flags` is octal. False for the one that listed the directory: it is closed by now. */
function isInherited(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readOrEmpty(`/proc/self/fdinfo/${fd}`));
  return flags !== null && (parseInt(flags[1] ?? '', 8) & closeOnExec) === 0;
}

/** Lets us exit while this helper runs: then its input ends, and the helper with it. */
export function letUsEndBefore(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as Net.Socket | null)?.unref();
}

/** Calls back with each line that a helper prints. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
