// What bash itself needs from its exec to its first act, in milliseconds: workers tell the time by its clock.
import { spawnSync } from 'node:child_process';
import { environment } from './rig.mjs';
import { median } from './statistics.mjs';

export const bash = '/bin/bash';

const runs = 15;

/** Between the last moment before an exec, told by the same process, and the first one after it. */
export function bashStartMs() {
  const script = `begun=$EPOCHREALTIME; exec ${bash} --norc -c "echo $begun \\$EPOCHREALTIME"`;
  return median(
    Array.from({ length: runs }, () => {
      const { stdout } = spawnSync(bash, ['--norc', '-c', script], {
        env: environment,
        stdio: ['ignore', 'pipe', 'inherit'],
        encoding: 'utf8',
      });
      const [before, after] = stdout.trim().split(' ').map(Number);
      return (after - before) * 1000;
    }),
  );
}
