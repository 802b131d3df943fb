import { closeSync, readdirSync, readFileSync } from 'node:fs';

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
