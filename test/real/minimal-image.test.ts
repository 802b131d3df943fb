// On a minimal image: the shell of busybox, no util-linux, no perl and no flock; a user that is in no /etc/passwd, HOME=/, a
// read-only root, and a /proc that hides the processes of others. Skipped without root or busybox.
import { once } from 'node:events';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signal } from '../rig/kernel.ts';
import { until } from '../rig/wait.ts';
import { asInit, canEnter, endContainer, initOf, inside, makeImage } from './minimal-image.ts';

const command = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];
const config = {
  state_dir: '/state/workerctl',
  log_dir: '/state/log',
  defaults: { ready: { after: '100ms' } },
  workers: { mail: { command, count: 2 } },
};

describe.runIf(canEnter)('on a minimal image', () => {
  let image: ReturnType<typeof makeImage>;
  let container: ReturnType<typeof asInit>;
  let init = 0;
  const run = (script: string, user?: number) => inside(init, script, user);
  const kill = 'kill -9 $(cat /state/workerctl/mail.1.pid)';

  beforeAll(async () => {
    image = makeImage(config);
    container = asInit(image, ['sleep', '1000000'], 0);
    init = await initOf(container);
    await until(
      'the container',
      () => run('[ "$(readlink /bin/sh)" = busybox ] && [ -e /proc/self/stat ]').status === 0,
    );
  }, 60_000);

  afterAll(async () => {
    await endContainer(container);
    image.end();
  });

  test('start, status, restart and stop must do what they do elsewhere', () => {
    for (const words of ['start', 'status', 'restart', 'bootcheck'])
      expect({ words, ...run(`w ${words}`) }).toMatchObject({ status: 0, stderr: '' });
    const dead = run(
      `${kill}; while [ -e /state/workerctl/mail.1.pid ]; do sleep 0.05; done; w bootcheck`,
    );
    expect(dead).toMatchObject({ status: 0 });
    expect(dead.stdout).toContain('died unexpectedly: signal 9 (SIGKILL)');
    expect(run('w stop')).toMatchObject({ status: 0, stderr: '' });
    expect(run('w status --json').stdout).toContain('"state": "stopped"');
  });

  test('a watch must replace what dies, and end by SIGTERM', () => {
    const { stdout, status } = run(`
      w start >/dev/null; /opt/workerctl/bin/workerctl watch & watch=$!
      until w trigger 2>/dev/null; do sleep 0.05; done
      before=$(cat /state/workerctl/mail.1.pid); ${kill}
      until now=$(cat /state/workerctl/mail.1.pid 2>/dev/null) && [ "$now" != "$before" ]; do sleep 0.05; done
      kill $watch; wait $watch`);
    expect({ stdout, status }).toMatchObject({ status: 0 });
    expect(stdout).toContain('died: 9 (UNEXPECTED)');
    expect(run('w stop').status).toBe(0);
  });

  test.each([
    ['setsid', 'no worker can be started', 'install util-linux', 'w start', 'install util-linux'],
    [
      'mkfifo',
      'workerctl watch cannot',
      'install coreutils',
      'rm -f /state/workerctl/trigger; w watch',
      'install coreutils',
    ],
  ])(
    'without %s doctor must say what does not work and what to install',
    (name, why, remedy, line, says) => {
      const link = join(image.folder, 'bin', name);
      rmSync(link);
      try {
        const { stdout } = run('w doctor');
        expect(stdout).toContain(`programs: ${name} is not found`);
        expect(stdout).toContain(why);
        expect(stdout).toContain(remedy);
        const { status, stdout: said, stderr } = run(line);
        expect(status).not.toBe(0);
        expect(said + stderr).toContain(says);
        expect(said + stderr).not.toContain('bug');
      } finally {
        symlinkSync('busybox', link);
      }
    },
  );

  test('doctor must name the weaker lock and the missing listener, and find no problem', () => {
    const { status, stdout } = run(
      'w start >/dev/null; w doctor; code=$?; w stop >/dev/null; exit $code',
    );
    expect(stdout).toContain('lock backend: portable');
    expect(stdout).toContain('hidepid');
    expect(stdout).toContain('sd_notify: none');
    expect({ stdout, status }).toMatchObject({ status: 0 });
  });

  test('root must be told that a user is unknown, and that setpriv is missing', () => {
    const as = (keys: object) => {
      writeFileSync(
        join(image.folder, 'app/workerctl.yaml'),
        JSON.stringify({
          ...config,
          state_dir: '/state/root',
          log_dir: '/state/rootlog',
          workers: { mail: { command, ...keys } },
        }),
      );
      const { status, stdout, stderr } = run('w start', 0);
      return { status, text: stdout + stderr };
    };
    try {
      const unknown = as({ user: 'deploy' });
      expect(unknown.text).toContain('there is no such user');
      expect(unknown.status).not.toBe(0);
      expect(as({ user: '4711', group: '4711' }).text).toContain('install util-linux');
    } finally {
      writeFileSync(join(image.folder, 'app/workerctl.yaml'), JSON.stringify(config));
    }
  });

  // The command line of docs/containers.md.
  test('the recipe for containers must print, drain, reap, and end with the exit code of the watch', async () => {
    const script =
      'echo begins; (sleep 0.3 &); trap "sleep 0.3; echo drained; exit 0" TERM; while :; do sleep 0.1; done';
    const own = makeImage({ ...config, workers: { mail: { command: ['sh', '-c', script] } } });
    const words = ['/opt/workerctl/bin/workerctl', 'watch', '--stop-on-exit', '--logs'];
    const recipe = asInit(own, words);
    let said = '';
    for (const stream of [recipe.stdout, recipe.stderr])
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(recipe, 'exit');
    const first = await initOf(recipe);
    try {
      await until('the first line', () => said.includes('mail.1 | begins'));
      await until(
        'no zombie',
        () => !inside(first, 'cat /proc/[0-9]*/stat').stdout.includes(') Z 1 '),
      );
      signal(first, 'SIGTERM');
      expect({ said, ended: await ended }).toMatchObject({ ended: [0, null] });
      expect(said).toContain('mail.1 | drained');
    } finally {
      await endContainer(recipe);
      own.end();
    }
  });
});
