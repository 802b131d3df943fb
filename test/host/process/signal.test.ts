import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProcessIdentity } from '../../../src/core/model/process.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { chooseBackend } from '../../../src/host/lock/choose-backend.ts';
import { askToFinish, type Question } from '../../../src/host/process/signal.ts';
import { markOf, readStop, writeStop } from '../../../src/host/state/notes.ts';
import { stopPath } from '../../../src/host/state/paths.ts';
import { childrenOf } from '../../../src/host/process/process-table.ts';
import { witnessed } from '../../rig/witnessed.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { hasThreads, headlessIn, zombieIn } from '../../rig/zombie.ts';
import { bootId, endProcess, isAlive, look } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const asRoot = process.geteuid?.() === 0;
const scriptAt = (name: string): string =>
  fileURLToPath(new URL(`../../../src/host/process/${name}`, import.meta.url));

/** Both helpers, and from how many processes on the second one is used. */
const helpers = [
  { name: 'sh', program: '/bin/sh', script: scriptAt('signal.sh'), input: '-s', many: '1000000' },
  { name: 'perl', program: 'perl', script: scriptAt('signal.pl'), input: '-', many: '1' },
] as const;

/** A process that prints each signal and keeps running. */
async function listener(name = 'listener'): Promise<Child> {
  const child = scratch.shell(
    'printf %s "$1" >/proc/self/comm; for s in TERM INT QUIT HUP USR1 USR2 WINCH; do trap "echo got $s" $s; done; echo up; while :; do sleep 0.02; done',
    name,
  );
  await child.says('up');
  return child;
}

function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: look(pid)?.startTime ?? 0, bootId: bootId() };
}

/** A request with its stop file. */
function question(process: ProcessIdentity, signal: Question['signal'] = 'TERM'): Question {
  const instance = `mail.${process.pid}`;
  const at = momentOf(Date.now());
  writeStop(scratch.folder(), instance, { process, sent: false, signal, at, cause: 'restart' });
  return {
    process: witnessed(process),
    signal,
    stopFile: stopPath(scratch.folder(), instance),
    mark: markOf(),
  };
}

const isNotedAsSent = ({ process: { pid } }: Question): boolean => {
  const stop = readStop(scratch.folder(), `mail.${pid}`);
  return stop.kind === 'read' && stop.value.sent;
};

const heardOf = ({ heard }: Child): string[] => heard().match(/got \w+/g) ?? [];

test('no process must be asked if there are no requests', () => {
  expect(askToFinish([], undefined)).toEqual([]);
});

describe.each(helpers)('asked by $name,', ({ name, program, script, input, many }) => {
  beforeEach(() => {
    process.env['WORKERCTL_TEST_MANY_SIGNALS'] = many;
  });
  afterEach(() => {
    delete process.env['WORKERCTL_TEST_MANY_SIGNALS'];
  });

  describe('a living process', () => {
    test.each(['TERM', 'INT', 'QUIT', 'HUP', 'USR1', 'USR2', 'WINCH'] as const)(
      'must get its %s once, and that must be noted',
      async (signal) => {
        const child = await listener();
        const asked = question(identityOf(child.pid), signal);
        const before = readFileSync(asked.stopFile, 'utf8');
        expect(askToFinish([asked], undefined)).toEqual(['sent']);
        await child.says(`got ${signal}`);
        expect(heardOf(child)).toEqual([`got ${signal}`]);
        expect(readFileSync(asked.stopFile, 'utf8')).toBe(
          before.replace('{"sent":false', '{"sent":true '),
        );
        expect(isNotedAsSent(asked)).toBe(true);
      },
    );

    test.each(['a) b', ') Z 1 2 3', 'x (y) ', '* ? $HOME'])(
      'must be recognised by any name: %s',
      async (name) => {
        const child = await listener(name);
        expect(askToFinish([question(identityOf(child.pid))], undefined)).toEqual(['sent']);
        await child.says('got TERM');
      },
    );

    test('must be asked if it is stopped', async () => {
      const child = await listener();
      process.kill(child.pid, 'SIGSTOP');
      await until('a stopped process', () => look(child.pid)?.state === 'T');
      expect(askToFinish([question(identityOf(child.pid))], undefined)).toEqual(['sent']);
      process.kill(child.pid, 'SIGCONT');
      await child.says('got TERM');
    });
  });

  test.runIf(hasThreads)(
    'a process of which only the first thread has ended must be asked',
    async () => {
      const pid = await headlessIn(scratch);
      expect(askToFinish([question(identityOf(pid))], undefined)).toEqual(['sent']);
      await until('its end', () => !isAlive(pid));
    },
  );

  describe('another process', () => {
    test.each([-1, 1, -1000, 100_000])(
      'must not be signalled if its start time differs by %i ticks',
      async (ticks) => {
        const child = await listener();
        const { startTime, ...rest } = identityOf(child.pid);
        const asked = question({ ...rest, startTime: startTime + ticks });
        expect(askToFinish([asked], undefined)).toEqual(['gone']);
        // When this signal has arrived, all earlier ones have arrived too.
        process.kill(child.pid, 'SIGWINCH');
        await child.says('got WINCH');
        expect(heardOf(child)).toEqual(['got WINCH']);
        expect(isNotedAsSent(asked)).toBe(false);
      },
    );

    test('must be gone if it is dead', async () => {
      const child = await listener();
      const asked = question(identityOf(child.pid));
      await endProcess(child.pid);
      await child.ended();
      expect(askToFinish([asked], undefined)).toEqual(['gone']);
      expect(isNotedAsSent(asked)).toBe(false);
    });

    test('must be gone if it is a zombie', async () => {
      const pid = await zombieIn(scratch);
      expect(askToFinish([question(identityOf(pid))], undefined)).toEqual(['gone']);
    });

    test('must be gone if it exits just before its signal', async () => {
      const child = await listener();
      const asked = question(identityOf(child.pid));
      const { pid, startTime } = asked.process;
      const words = [script, String(pid), String(startTime), 'TERM', asked.stopFile, asked.mark];
      const answerFile = `${scratch.folder()}/answer`;
      const programs = `${scratch.folder()}/programs`;
      mkdirSync(programs);
      // When it has checked the process, the helper kills its parent and sleeps: here the process ends meanwhile.
      const ending = `kill -KILL ${pid}; while [ -e /proc/${pid} ]; do :; done`;
      writeFileSync(`${programs}/sleep`, `#!/bin/sh\n${ending}\n`, { mode: 0o755 });
      const env = { PATH: `${programs}:/bin:/usr/bin`, WORKERCTL_TEST_DIE_BEHIND: 'note' };
      const asking = spawn('/bin/sh', ['-c', '"$@" >"$0"; :', answerFile, program, ...words], {
        env,
      });
      await once(asking, 'exit');
      await until('the answer', () => readFileSync(answerFile, 'utf8') !== '');
      expect(readFileSync(answerFile, 'utf8')).toBe('gone\n');
      expect(isNotedAsSent(asked)).toBe(false);
    });

    test.runIf(asRoot)('must be denied if it is another user’s', async () => {
      const child = await listener();
      const asked = question(identityOf(child.pid));
      const { pid, startTime } = asked.process;
      const { stdout } = spawnSync(
        'setpriv',
        [
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          program,
          input,
          String(pid),
          String(startTime),
          'TERM',
          asked.stopFile,
          asked.mark,
        ],
        { input: readFileSync(script), encoding: 'utf8' },
      );
      expect(stdout).toBe('denied\n');
      expect(heardOf(child)).toEqual([]);
      expect(isNotedAsSent(asked)).toBe(false);
    });
  });

  test('each of several processes must have its own result, in order', async () => {
    const [first, second, third] = [await listener(), await listener(), await listener()];
    const questions = [first, second, third].map(({ pid }) => question(identityOf(pid)));
    await endProcess(second.pid);
    expect(askToFinish(questions, undefined)).toEqual(['sent', 'gone', 'sent']);
    await first.says('got TERM');
    await third.says('got TERM');
    expect(questions.map(isNotedAsSent)).toEqual([true, false, true]);
  });

  test.each(['ln -s /dev/zero', 'mkfifo'])(
    'what is no file must not be written to, but count as a signal that was sent: %s',
    async (make) => {
      const child = await listener();
      const asked = question(identityOf(child.pid));
      spawnSync('/bin/sh', ['-c', `rm "$0" && ${make} "$0"`, asked.stopFile]);
      expect(askToFinish([asked], undefined)).toEqual(['sent']);
      await child.says('got TERM');
      expect(readStop(scratch.folder(), `mail.${child.pid}`)).toMatchObject({ kind: 'broken' });
    },
  );

  test('a stop file that is gone must neither prevent the signal nor later count as not sent', async () => {
    const child = await listener();
    const asked = question(identityOf(child.pid));
    spawnSync('rm', [asked.stopFile]);
    expect(askToFinish([asked], undefined)).toEqual(['sent']);
    await child.says('got TERM');
    expect(readStop(scratch.folder(), `mail.${child.pid}`)).toMatchObject({ kind: 'broken' });
  });

  test('the others must be asked although the directory of one stop file is gone', async () => {
    const [first, second] = [await listener(), await listener()];
    const questions = [first, second].map(({ pid }) => question(identityOf(pid)));
    const [lost, kept] = questions;
    if (lost === undefined || kept === undefined) throw new Error('two questions');
    const elsewhere = { ...lost, stopFile: scratch.path('nowhere/mail.1.stop') };
    expect(askToFinish([elsewhere, kept], undefined)).toEqual(['sent', 'sent']);
    expect(isNotedAsSent(kept)).toBe(true);
  });

  describe('a command that is killed while it asks', () => {
    const count = name === 'sh' ? 1_500 : 10_000;

    /** Asks one process many times, each time with another stop file. */
    const askerSource = `
import { writeFileSync } from 'node:fs';
import { askToFinish } from './process/signal.ts';
import { chooseBackend } from './lock/choose-backend.ts';
const [folder, pid, startTime] = process.argv.slice(2);
const stopFiles = Array.from({ length: ${count} }, (_, index) => folder + '/note.' + index);
for (const file of stopFiles) writeFileSync(file, '{"sent":false}');
const target = { pid: Number(pid), startTime: Number(startTime), bootId: '' };
chooseBackend(process.env).tryLock([folder + '/pass.lock']).then(([lock]) => {
  console.log('asks');
  askToFinish(stopFiles.map((stopFile) => ({ process: target, signal: 'WINCH', stopFile, mark: '{"sent":true ' })), lock.fd);
});`;

    const isLockFree = (): boolean =>
      spawnSync('flock', ['-n', scratch.path('pass.lock'), 'true']).status === 0;
    const isNoted = (index: number): boolean =>
      readFileSync(scratch.path(`note.${index}`), 'utf8') === '{"sent":true }';

    test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
      'by %s must not keep the others from being asked, under the lock until all are',
      async (signal) => {
        const target = await listener();
        const { pid, startTime } = identityOf(target.pid);
        const asker = scratch.run(
          [...scratch.program(askerSource), scratch.folder(), String(pid), String(startTime)],
          { detached: true, env: { WORKERCTL_TEST_MANY_SIGNALS: many } },
        );
        await asker.says('asks');
        await until('the first signal', () => isNoted(0));
        const [helper = 0] = childrenOf(asker.pid);
        process.kill(helper, 'SIGSTOP'); // so that it does not end before we have looked
        process.kill(-asker.pid, signal);
        await until('the end of the asker', () => !isAlive(asker.pid));
        expect(isNoted(count - 1), 'it was killed half way').toBe(false);
        expect(isLockFree()).toBe(false);
        process.kill(helper, 'SIGCONT');
        await until('a free lock', isLockFree);
        const noted = Array.from({ length: count }, (_, index) => isNoted(index));
        expect(noted.filter((one) => !one)).toEqual([]);
      },
    );
  });

  test('the helper must accept a kernel lock to hold', async () => {
    const child = await listener();
    const [lock] = await chooseBackend({}).tryLock([scratch.path('pass.lock')]);
    expect(askToFinish([question(identityOf(child.pid))], lock?.fd)).toEqual(['sent']);
    await lock?.release();
  });
});
