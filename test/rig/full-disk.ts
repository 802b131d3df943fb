// A state directory on a small file system of its own, which only the processes in its mount namespace see.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { actedOf, type Acted } from './output.ts';
import type { Running } from './programs.ts';
import type { Rig } from './rig.ts';
import { until } from './wait.ts';

/** Whether this host lets us mount: as root, or in a user namespace. */
export const canMount =
  (await execa('unshare', ['-Urm', 'true'], { reject: false })).exitCode === 0;

export interface SmallDisk {
  /** The state directory as its processes see it. */
  readonly stateDir: string;
  /** Runs a shell script there. */
  readonly shell: (script: string) => Running;
  /** Runs an acting command there with `--json`, and reads what it has printed. */
  readonly act: (words: string) => Promise<Acted>;
  /** Takes the last byte of it. */
  readonly fill: () => Promise<void>;
  readonly free: () => Promise<void>;
}

/** Puts the state directory of the rig on a tmpfs(5) of this size. */
export async function smallDisk(rig: Rig, size: string): Promise<SmallDisk> {
  mkdirSync(rig.stateDir);
  const mounting = `mount -t tmpfs -o size=${size},mode=755 none .workerctl && echo $$ >holder`;
  void rig.shell(`exec unshare -Urm sh -c '${mounting} && exec sleep 1000'`);
  const holder = rig.path('holder');
  const pid = await until('the mount', () => existsSync(holder) && Number(readFileSync(holder)));
  const enter = `nsenter -t ${pid} -U -m --preserve-credentials`;
  const shell = (script: string): Running =>
    rig.shell(`exec ${enter} sh -c 'cd "$RIG" && ${script}'`);
  const run = async (script: string): Promise<void> => {
    const { exitCode, all } = await shell(script);
    if (exitCode !== 0) throw new Error(all);
  };
  return {
    stateDir: `/proc/${pid}/root${rig.stateDir}`,
    shell,
    act: async (words) => actedOf(await shell(`exec workerctl ${words} --json`)),
    fill: () => run('cat /dev/zero >>.workerctl/full 2>/dev/null; test -s .workerctl/full'),
    free: () => run('rm .workerctl/full'),
  };
}
