// As process 1 of a pid namespace, as in a container. Needs root and unshare(1); skipped without.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { isRoot, launcher, runProgram } from '../rig/programs.ts';
import { createRig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const canUnshare =
  isRoot && spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;

/** Forks away, so that each of its children is left to process 1; writes a line for each. */
const forks = 'while :; do (sleep 0.05 & echo orphan >> orphans); sleep 0.05; done';

/** The children of a process, with the state of each. */
function childrenOf(pid: number): readonly { readonly pid: number; readonly state: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(parent) === pid ? [{ pid: Number(name), state }] : [];
      } catch {
        return []; // it has exited
      }
    });
}

const namespace = (folder: string, ...words: readonly string[]) =>
  runProgram(folder, {}, 'unshare', ['--pid', '--fork', '--mount-proc', ...words]);

describe.runIf(canUnshare)('as process 1', () => {
  test('the launcher must reap orphans, pass SIGTERM on and return the exit code', async () => {
    const rig = createRig({ forks: { command: ['sh', '-c', forks] } });
    const running = namespace(rig.folder, launcher, 'watch', '--stop-on-exit');
    await until('forty orphans', () => readOr(rig.path('orphans'), '').length > 280);
    const [init] = childrenOf(running.pid ?? 0);
    const dead = (): number =>
      childrenOf(init?.pid ?? 0).filter(({ state }) => state === 'Z').length;
    await until('all orphans are reaped', () => dead() === 0);
    process.kill(init?.pid ?? 0, 'SIGTERM');
    expect(await running).toMatchObject({ exitCode: 0 });
    expect(rig.journal('draining')).toHaveLength(1);
  });

  test.each([
    [['--version'], 0],
    [['stop', 'nobody'], 2],
    [['status'], 3],
  ])('%s must end with its own exit code', async (words, exitCode) => {
    const rig = createRig({ mail: { command: ['sleep', '1000'] } });
    expect(await namespace(rig.folder, launcher, ...words)).toMatchObject({ exitCode });
  });

  test('Node.js must say that it reaps nothing', async () => {
    const rig = createRig({});
    const { exitCode, stderr } = await namespace(
      rig.folder,
      process.execPath,
      launcher,
      '--version',
    );
    expect(exitCode).toBe(0);
    expect(stderr).toContain('leaves every orphan a zombie');
  });
});
