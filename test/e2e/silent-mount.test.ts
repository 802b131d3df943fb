import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { problemOf } from '../rig/output.ts';
import { fixture, heard, isRoot } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

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

const canMount = isRoot && existsSync('/dev/fuse') && existsSync('/usr/bin/python3');

async function withSilentMount(rig: Rig, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = rig.path('remote');
  mkdirSync(folder);
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

test.runIf(canMount)(
  'a file system that does not answer must cost its instances their start, and no others',
  async () => {
    const drains = { command: fixture('drains-after-job') };
    const rig = createRig({
      mail: drains,
      remote: { ...drains, directory: 'remote' },
      logged: { ...drains, log: { file: 'remote/app.log' } },
      setting: { ...drains, env_files: ['remote/env'] },
    });
    await withSilentMount(rig, async (folder) => {
      const watch = await watching(rig);
      await watch.reports('started', { instance: 'mail.1' });
      await booted(rig.instance('mail.1'));
      for (const name of ['remote.1', 'logged.1', 'setting.1']) {
        const failed = await watch.reports('start_failed', { instance: name });
        expect(problemOf(failed)).toContain(`${folder} has not answered for 5 s`);
      }
      expect((await rig.workerctl('restart', 'mail')).exitCode).toBe(0);
      const begun = performance.now();
      expect((await rig.workerctl('start', 'logged')).exitCode).toBe(1);
      expect(performance.now() - begun).toBeLessThan(12_000);
      const ended = new Promise((resolve) => watch.running.once('exit', resolve));
      watch.send('SIGTERM');
      expect(await ended).toBe(0);
    });
  },
);
