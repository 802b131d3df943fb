import type * as ChildProcess from 'node:child_process';
import { closeInheritedFds } from './inherited-fds.ts';

/**
 * Loaded when the first child is started: it brings streams and sockets along, and `status` starts none. No child has
 * anything open that our caller has left us.
 */
export function childProcess(): typeof ChildProcess {
  closeInheritedFds();
  return process.getBuiltinModule('node:child_process');
}
