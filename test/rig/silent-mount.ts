// A file system that never answers, as of a dead server.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { heard, isRoot } from './programs.ts';
import type { Rig } from './rig.ts';
import { until } from './wait.ts';

/** Mounts a file system of which no request is ever answered, until its input ends. */
const silentFuse = `
import ctypes, os, sys
fuse = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = 'fd=%d,rootmode=40000,user_id=0,group_id=0' % fuse
if libc.mount(b'silent', sys.argv[1].encode(), b'fuse.silent', 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print('mounted', flush=True)
sys.stdin.read()
os.close(fuse)
libc.umount2(sys.argv[1].encode(), 2)
`;

export const canMount = isRoot && existsSync('/dev/fuse') && existsSync('/usr/bin/python3');

/** Mounts it over `remote` in the rig's directory while `use` runs: what was there is covered. */
export async function withSilentMount(
  rig: Rig,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = rig.path('remote');
  mkdirSync(folder, { recursive: true });
  const mounting = spawn('/usr/bin/python3', ['-c', silentFuse, folder]);
  const said = heard(mounting);
  try {
    await until('the mount', () => said().includes('mounted'));
    await use(folder);
  } finally {
    const ended = new Promise((resolve) => mounting.once('exit', resolve));
    mounting.stdin.end();
    await ended;
  }
}
