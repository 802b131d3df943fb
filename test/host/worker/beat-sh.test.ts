import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const library = fileURLToPath(new URL('../../../docs/heartbeat/beat.sh', import.meta.url));

test('what a job could not say must be said by the next beat, and not that there is none', () => {
  const file = scratch.path('hb');
  // A directory stands for the full disk.
  const script = `. "$1"; export WORKERCTL_PID=$$
beat_idle; mkdir "$2.new"; beat_busy "job 212"; cat "$2"; echo -; rmdir "$2.new"; beat; cat "$2"`;
  const { stdout } = spawnSync('sh', ['-c', script, 'sh', library, file], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], WORKERCTL_HEARTBEAT_FILE: file },
  });
  expect(stdout).toMatch(/^-\njobs 1 (\d+)\n\1 job 212\n$/);
  expect(readFileSync(file, 'utf8')).toContain('job 212');
});
