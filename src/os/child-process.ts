import type * as ChildProcess from 'node:child_process';

/** Loaded when the first child is started: it brings streams and sockets along, and `status` starts none. */
export const childProcess = (): typeof ChildProcess =>
  process.getBuiltinModule('node:child_process');
