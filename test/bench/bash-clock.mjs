// How long bash itself takes from its exec to its first act, in milliseconds: workers use its clock.
import { spawnSync } from 'node:child_process';
import { environment } from './rig.mjs';
import { median } from './statistics.mjs';

export const bash = '/bin/bash';

const runs = 15;

/** From the last moment before an exec to the first one after it, both noted by the same process. */
export function bashStartMs() {
  const script = `startedAt=$EPOCHREALTIME; exec ${bash} --norc -c "echo $startedAt \\$EPOCHREALTIME"`;
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
