import type * as ChildProcessModule from 'node:child_process';
import { readdirSync, closeSync, readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import type * as Net from 'node:net';
import type { Readable } from 'node:stream';

/**
 * Loaded when the first child is started: it brings streams and sockets along, and `status` starts none. No child has
 * anything open that our caller has left us.
 */
export function childProcess(): typeof ChildProcessModule {
  closeInheritedFds();
  return process.getBuiltinModule('node:child_process');
}
const closeOnExec = 0o2000000;

/** Once is enough: whatever we open ourselves is close-on-exec. */
let areClosed = false;

/**
 * Closes whatever open files the caller left us, but for the standard ones. Without this a worker would hold them for
 * as long as it lives: the lock of a crontab's `flock`, a CI step's pipe. Node's own files are all close-on-exec, and
 * Node sets that flag on inherited ones only as far as they are numbered without a gap: `exec 200>lock` slips through.
 */
export function closeInheritedFds(): void {
  if (areClosed) return;
  areClosed = true;
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd > 2 && isInherited(fd)) closeSync(fd);
  }
}

/** Source: proc_pid_fdinfo(5); `flags` is octal. */
function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
    return flags !== null && (parseInt(flags[1] ?? '', 8) & closeOnExec) === 0;
  } catch {
    return false; // the one that listed the folder is closed by now
  }
}

/** Lets us end while this helper runs: when we do, its input ends, and it with that. */
export function letUsEndBefore(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as Net.Socket | null)?.unref();
}

/** Calls back with each line that a helper says. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
