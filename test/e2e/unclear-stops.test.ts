// Stop notes that cannot be understood: their processes may have been asked to exit, or not. They are not asked, because a second
// signal could cost a job, but every command says so, and what to do.
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted, successor } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { isAlive } from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import {
  bootcheck,
  createRig,
  expectQuiet,
  statesOf,
  type Rig,
  type WorkerKeys,
} from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const drains = (more: WorkerKeys = {}): WorkerKeys => ({
  command: fixture('drains-after-job'),
  ready: { after: '0s' },
  ...more,
});

const noteOf = (rig: Rig, base = 'mail.1'): string => `${rig.stateDir}/${base}.stop`;

const damages: readonly (readonly [string, (path: string) => void])[] = [
  [
    'damaged',
    (path) => {
      writeFileSync(path, 'abc');
    },
  ],
  [
    'empty',
    (path) => {
      writeFileSync(path, '');
    },
  ],
  [
    'of a foreign form',
    (path) => {
      writeFileSync(path, '{"schema":0}');
    },
  ],
  [
    'a folder',
    (path) => {
      mkdirSync(path);
    },
  ],
];

/** Two instances; nothing says whether the first was asked. */
async function unclear(
  damage: (path: string) => void,
  more: WorkerKeys = {},
): Promise<{ rig: Rig; pids: readonly number[] }> {
  const rig = createRig({ mail: drains({ count: 2, ...more }) });
  await rig.start();
  const pids = await Promise.all(['mail.1', 'mail.2'].map((name) => booted(rig.instance(name))));
  damage(noteOf(rig));
  return { rig, pids };
}

const terms = (rig: Rig): number[] =>
  ['mail.1', 'mail.2'].flatMap((name) => rig.instance(name).terms());

/** The line that a message ends with, which is to be copied. */
const lineIn = (problem: string): string => / (mv \S+ \S+)$/m.exec(problem)?.[1] ?? 'false';

describe.each(damages)('a note that is %s', (_, damage) => {
  test.each([
    ['stop', 'mail.1'],
    ['stop', '--no-wait', 'mail.1'],
    ['restart'],
    ['restart', '--overlap'],
    ['restart', '--now'],
    ['start', 'mail.1'],
    ['quiet', 'mail.1'],
    ['want', '0', 'mail'],
  ])('%s %s %s must not ask its process, and say so with the line to type', async (...words) => {
    const { rig, pids } = await unclear(damage, { stop: { quiet: 'USR2' } });
    const { exitCode, all, of } = await rig.act(...words);
    expect(exitCode, all).toBe(1);
    const [refused] = of('signal_failed');
    expect(refused, all).toMatchObject({ instance: 'mail.1', pid: pids[0] });
    expect(rig.instance('mail.1').terms()).toEqual([]);
    expect(rig.instance('mail.1').processes()).toEqual([pids[0]]);
    if (words[0] === 'restart') {
      expect(of('rollout_aborted')).toHaveLength(1);
      expect(terms(rig)).toEqual([]);
    }

    const moved = await rig.shell(lineIn(problemOf(refused)));
    expect(moved.exitCode, moved.all).toBe(0);
    const stopped = await rig.act('stop', '--wait', '20s');
    expect(stopped.exitCode, stopped.all).toBe(0);
    expect(rig.instance('mail.1').terms()).toEqual([pids[0]]);
  });
});

const damaged = (path: string): void => {
  writeFileSync(path, 'abc');
};

test('a dry run must say so', async () => {
  const { rig } = await unclear(damaged);
  for (const words of [['stop'], ['restart'], ['restart', '--overlap']]) {
    const { exitCode, all } = await rig.workerctl(...words, '--dry-run');
    expect(exitCode, all).toBe(1);
    expect(all).toContain('may have been asked');
    expect(all).not.toMatch(/mail\.1.*\(SIGTERM/);
  }
});

test.each([
  ['stop', '--now'],
  ['stop', '--now', '--no-wait'],
  ['stop', '--kill-after', '0s'],
])('%s %s %s must kill its process', async (...words) => {
  const { rig, pids } = await unclear(damaged);
  const { exitCode, all } = await rig.act(...words, 'mail.1');
  expect(exitCode, all).toBe(0);
  await until('its end', () => !isAlive(pids[0] ?? 0));
});

test('a limit must be kept although the stop has failed, and a later pass kill its process', async () => {
  const { rig, pids } = await unclear(damaged);
  const { exitCode, all } = await rig.act('stop', '--kill-after', '1s', 'mail.1');
  expect(exitCode, all).toBe(1);
  await until('the kill', async () => {
    await rig.workerctl('bootcheck');
    return !isAlive(pids[0] ?? 0);
  });
  expect(rig.instance('mail.1').terms()).toEqual([]);
});

test('bootcheck must report it once; status and doctor must show it until the note is gone', async () => {
  const { rig } = await unclear(damaged);
  const shown = 'may have been asked to exit already';
  expect((await rig.workerctl('status')).all).toContain(shown);
  const first = await rig.act('bootcheck');
  expect(first.exitCode, first.all).toBe(1);
  expect(first.of('signal_failed')).toHaveLength(1);
  await expectQuiet(rig, 'the second bootcheck');
  expect((await rig.workerctl('status')).all).toContain(shown);
  const doctor = await rig.workerctl('doctor');
  expect(doctor.all).toContain(noteOf(rig));
  rmSync(noteOf(rig));
  await bootcheck(rig);
  expect((await rig.workerctl('status')).all).not.toContain(shown);
});

test('a process that was asked before its note was damaged must exit as asked, and be replaced', async () => {
  const rig = createRig({ mail: { ...tells, ready: { after: '0s' } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await giveJob(rig, mail, 'job 1');
  await rig.act('restart', '--no-wait');
  await until('the TERM', () => mail.terms().includes(old));
  damaged(noteOf(rig));
  expect((await rig.act('restart', '--wait', '10s')).exitCode).toBe(1);
  finishJob(rig, old);
  await until('its end', () => !isAlive(old));
  const { all, of } = await rig.act('bootcheck');
  expect(of('died'), all).toMatchObject([{ verdict: 'requested' }]);
  await successor(mail, old);
  expect(mail.terms()).toEqual([old]);
});

describe('an old process beside its replacement', () => {
  /** It still works on a job. */
  async function retiring(): Promise<{ rig: Rig; old: number; note: string }> {
    const restart = { overlap: true, max_extra: 3 };
    const rig = createRig({ mail: { ...tells, ready: { after: '0s' }, restart } });
    await rig.start();
    const old = await giveJob(rig, rig.instance('mail.1'), 'job 1');
    const { exitCode, all } = await rig.act('restart');
    expect(exitCode, all).toBe(0);
    await successor(rig.instance('mail.1'), old);
    const [base = ''] = readdirSync(rig.stateDir).filter((file) => /~.*\.stop$/.test(file));
    return { rig, old, note: `${rig.stateDir}/${base}` };
  }

  test.each(['stop', 'restart', 'start', 'bootcheck'])(
    '%s must name it if its note is damaged, and not ask it',
    async (command) => {
      const { rig, old, note } = await retiring();
      damaged(note);
      const { all, exitCode, of } = await rig.act(
        command,
        ...(command === 'bootcheck' ? [] : ['--wait', '10s']),
      );
      expect(exitCode, all).toBe(1);
      expect(of('signal_failed'), all).toMatchObject([{ instance: 'mail.1', pid: old }]);
      expect(await statesOf(rig)).toContain('mail.1 retiring');
      expect((await rig.workerctl('status')).all).toContain(note);
      // A damaged note of an old process keeps nothing else from being done.
      expect(of('rollout_aborted')).toEqual([]);
      finishJob(rig, old);
      await until('its end', () => !isAlive(old));
      expect(
        rig
          .instance('mail.1')
          .terms()
          .filter((pid) => pid === old),
      ).toEqual([old]);
    },
  );

  test('the next pass must ask it once if its note is gone', async () => {
    const { rig, old, note } = await retiring();
    rmSync(note);
    for (const round of [1, 2, 3]) {
      const { exitCode, all, of } = await rig.act('bootcheck');
      expect(exitCode, all).toBe(0);
      expect(of('draining').map(({ pid }) => pid)).toEqual(round === 1 ? [old] : []);
    }
    finishJob(rig, old);
    await until('its end', () => !isAlive(old));
  });
});

test('watch --stop-on-exit must not ask it, and stay until it has exited', async () => {
  const rig = createRig({ mail: drains({ count: 2 }) });
  const watch = await watching(rig, '--stop-on-exit');
  const [doubtful = 0, asked = 0] = await Promise.all(
    ['mail.1', 'mail.2'].map((name) => booted(rig.instance(name))),
  );
  damaged(noteOf(rig));
  watch.send('SIGTERM');
  await watch.reports('signal_failed', { instance: 'mail.1', pid: doubtful });
  await until('the end of the other', () => !isAlive(asked));
  await rig.act('bootcheck'); // it starts nothing while a watch is ending
  expect(rig.instance('mail.2').boots()).toEqual([asked]);
  expect(watch.running.exitCode).toBeNull();
  expect(terms(rig)).toEqual([asked]);
  process.kill(doubtful, 'SIGKILL');
  expect((await watch.running).exitCode).toBe(0);
  expect(terms(rig)).toEqual([asked]);
});

test.runIf(!isRoot)('a note that cannot be read must not be called damaged', async () => {
  const { rig } = await unclear((path) => {
    writeFileSync(path, 'abc');
    chmodSync(path, 0);
  });
  const { exitCode, all } = await rig.act('stop', 'mail.1');
  expect(exitCode, all).toBe(1);
  expect(all).toContain('can be read');
});
