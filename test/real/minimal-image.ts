// The root of a minimal image: busybox, Node.js and workerctl, and nothing else. What enters it is in namespaces of its own,
// which end with the test. Needs root, unshare(1), nsenter(1) and a static busybox.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readOr } from '../rig/files.ts';
import { makeDirectory } from '../rig/folder.ts';
import { isAlive, signal } from '../rig/kernel.ts';
import { isRoot, launcher } from '../rig/programs.ts';
import { until } from '../rig/wait.ts';

const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Whether this host can make one and enter it. */
export const canEnter =
  isRoot &&
  ['busybox', 'nsenter'].every(has) &&
  spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status === 0;

/** A user that no file of the image names. */
export const user = 12345;

export interface Image {
  /** The root, as a path of the host. */
  readonly folder: string;
  readonly end: () => void;
}

/** Makes the root. The config is `/app/workerctl.yaml`; `/state` is in memory. */
export function makeImage(config: object): Image {
  const folder = makeDirectory();
  const at = (path: string): string => {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    return join(folder, path);
  };
  for (const name of ['proc', 'dev', 'tmp', 'app', 'state']) mkdirSync(join(folder, name));
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  copyFileSync(busybox, at('bin/busybox'));
  for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n'))
    if (!['', 'busybox', 'flock'].includes(name)) symlinkSync('busybox', at(`bin/${name}`));
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  for (const [path] of libraries.matchAll(/\/\S+/g)) copyFileSync(path, at(path));
  copyFileSync(process.execPath, at('bin/node'));
  for (const name of ['bin', 'dist'])
    cpSync(join(launcher, '../..', name), at(`opt/workerctl/${name}`), { recursive: true });
  execFileSync('mknod', ['-m', '666', at('dev/null'), 'c', '1', '3']);
  writeFileSync(at('app/workerctl.yaml'), JSON.stringify(config));
  execFileSync('chmod', ['755', folder]);
  return {
    folder,
    end: () => {
      execFileSync('rm', ['-rf', '--one-file-system', folder]);
    },
  };
}

/** As an orchestrator sets up a container: a read-only root, a state in memory, only the own processes in /proc. */
const mounts = `
  mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
  mount -t tmpfs -o mode=1777 tmpfs "$0/state" && mount -t proc -o hidepid=2 proc "$0/proc" &&
  user=$1 && shift && exec chroot --userspec="$user" "$0" \
    /bin/env -i HOME=/ PATH=/bin WORKERCTL_CONFIG=/app/workerctl.yaml "$@"`;

/** Runs these words as process 1 of a container. */
export function asInit({ folder }: Image, words: readonly string[], uid: number = user) {
  const line = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', mounts, folder];
  const { PATH } = process.env;
  return spawn('unshare', [...line, `${uid}:${uid}`, ...words], {
    env: { PATH: `${PATH ?? ''}:/usr/sbin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The process 1 of a container, by its pid outside. */
export const initOf = async (container: { readonly pid?: number | undefined }): Promise<number> =>
  until('process 1', () =>
    Number(readOr(`/proc/${container.pid ?? 0}/task/${container.pid ?? 0}/children`, '').trim()),
  );

/** Runs a shell script in a container that runs. */
export function inside(init: number, script: string, uid: number = user) {
  const words = ['-t', String(init), '-m', '-p', '-r', '-S', String(uid), '-G', String(uid)];
  const { stdout, stderr, status } = spawnSync(
    'nsenter',
    [...words, '/bin/sh', '-c', `cd /app; w() { /opt/workerctl/bin/workerctl "$@"; }; ${script}`],
    {
      encoding: 'utf8',
      env: { HOME: '/', PATH: '/bin', WORKERCTL_CONFIG: '/app/workerctl.yaml' },
      input: '',
      timeout: 60_000,
    },
  );
  return { stdout, stderr, status };
}

export async function endContainer(container: ReturnType<typeof asInit>): Promise<void> {
  if (container.exitCode === null && container.signalCode === null) signal(container.pid ?? 0);
  await until('the end of the container', () => !isAlive(container.pid ?? 0));
}
