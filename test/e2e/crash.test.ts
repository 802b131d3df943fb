import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  crashEverywhere,
  drained,
  expectSound,
  noting,
  settle,
  starting,
  type Scenario,
  type Verdict,
} from '../rig/crash.ts';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { processAt } from '../rig/kernel.ts';
import { createRig, expectQuiet, type Rig } from '../rig/rig.ts';
import { pause, until } from '../rig/wait.ts';

// Each command is killed behind each of its effects. The workers tell how often they were asked to leave, the kernel who
// lives; nothing of workerctl's own files is believed.

const two = ['mail.1', 'mail.2'];
const logged = { log: '^ready to work' };
const steps = { quiet: 'USR1', resume: 'USR2' };

/** How many processes of each instance have noted this. */
const counts = (rig: Rig, kind: 'boots' | 'terms' | 'quiets' | 'resumes'): number[] =>
  two.map((name) => readOr(rig.path(`${name}.${kind}`), '').split('\n').length - 1);

/** `before` where nothing came of the wish, `after` where all did; anything else is wrong. */
function oneOf(found: unknown, before: unknown, after: unknown): Verdict {
  if (JSON.stringify(found) === JSON.stringify(before)) return 'nothing';
  expect(found).toEqual(after);
  return 'all';
}

/** The living members of a session. */
const membersOf = (session: number): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && processAt(Number(pid))?.session === session)
    .map(Number);

const scenarios: Readonly<Record<string, Scenario>> = {
  'a start of one that was stopped and one that never ran': {
    workers: { mail: noting({ count: 2, ready: logged }) },
    prepare: async (rig) => {
      await starting('mail.1')(rig);
      await rig.workerctl('stop', 'mail.1');
    },
    command: ['start'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), [1, 1], [2, 1]),
    wanted: (verdict) => (verdict === 'all' ? two : ['mail.2']),
  },
  'a restart': {
    workers: { mail: noting({ count: 2 }) },
    prepare: starting(...two),
    command: ['restart', '--no-canary'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), [1, 1], [2, 2]),
    wanted: () => two,
  },
  'a bootcheck that carries on a restart': {
    workers: { mail: noting({ count: 2, ready: logged }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      await rig.workerctl('restart', '--no-canary', '--no-wait');
      await drained(rig);
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [2, 2]),
    wanted: () => two,
  },
  'a stop': {
    workers: { mail: noting({ count: 2 }) },
    prepare: starting(...two),
    command: ['stop'],
    verdict: (rig) => oneOf(counts(rig, 'terms'), [0, 0], [1, 1]),
    wanted: (verdict) => (verdict === 'all' ? [] : two),
  },
  'a stop that kills': {
    workers: { mail: noting() },
    prepare: async (rig) => {
      await starting('mail.1')(rig);
      writeFileSync(rig.path('mail.1.stays'), '1000\n');
    },
    command: ['stop', '--kill-after', '400ms'],
    verdict: (rig) => {
      const [pid = 0] = rig.instance('mail.1').boots();
      const verdict = oneOf(counts(rig, 'terms'), [0, 0], [1, 0]);
      if (verdict === 'all') expect(membersOf(pid), 'the rest of its session').toEqual([]);
      return verdict;
    },
    wanted: (verdict) => (verdict === 'all' ? [] : ['mail.1']),
  },
  'a quiet': {
    workers: { mail: noting({ count: 2, stop: steps }) },
    prepare: starting(...two),
    command: ['quiet'],
    verdict: (rig) => oneOf(counts(rig, 'quiets'), [0, 0], [1, 1]),
    wanted: () => two,
  },
  'a resume': {
    workers: { mail: noting({ count: 2, stop: steps }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      await rig.workerctl('quiet');
      await until('both to be quiet', () => counts(rig, 'quiets').join() === '1,1');
    },
    command: ['resume'],
    // Who is told twice to go on only goes on.
    verdict: (rig) => {
      const told = counts(rig, 'resumes').map((count) => count > 0);
      return oneOf(told, [false, false], [true, true]);
    },
    wanted: () => two,
  },
  'a bootcheck that recycles': {
    workers: {
      mail: noting({
        count: 2,
        directory: 'current',
        ready: { after: '0s' },
        recycle: { outdated: true, min_age: '0s' },
      }),
    },
    prepare: async (rig) => {
      for (const release of ['a1', 'b2']) mkdirSync(rig.path(release));
      symlinkSync('a1', rig.path('current'));
      await starting(...two)(rig);
      rmSync(rig.path('current'));
      symlinkSync('b2', rig.path('current'));
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [2, 2]),
    wanted: () => two,
  },
  'a bootcheck after the state directory was deleted': {
    workers: { mail: noting({ count: 2 }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      rmSync(rig.stateDir, { recursive: true });
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [1, 1]),
    wanted: () => two,
  },
  'a bootcheck that repairs one pidfile and removes another': {
    workers: { mail: noting({ count: 2 }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      process.kill(shimOf(rig, 'mail.1'), 'SIGKILL');
      await rig.workerctl('stop', '--no-wait', 'mail.1');
      await drained(rig);
      writeFileSync(`${rig.stateDir}/mail.2.pid`, '1\n');
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [1, 1]),
    wanted: () => ['mail.2'],
  },
};

for (const [what, scenario] of Object.entries(scenarios)) {
  test(`${what} that is killed behind any of its effects must be carried on by bootcheck`, async () => {
    expect(await crashEverywhere(scenario)).toBeGreaterThan(3);
  }, 180_000);
}

/**
 * Shims by the kernel's word, before there is a record and before there is a worker: each leads its session. What is to
 * become its worker bears the same words, and does not.
 */
const shimsIn = ({ stateDir }: Rig, stage: 'supervise' | 'become'): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && processAt(Number(pid)) !== undefined)
    .filter((pid) => {
      const [, script = '', found, , directory] = readOr(`/proc/${pid}/cmdline`, '').split('\0');
      const isLeader = processAt(Number(pid))?.session === Number(pid);
      const isIts = script.endsWith('/shim.sh') && found === 'supervise' && directory === stateDir;
      return isIts && isLeader === (stage === 'supervise');
    })
    .map(Number);

function shimOf(rig: Rig, name: string): number {
  return Number(rig.instance(name).record()['shim_pid']);
}

const kill = (pid: number): true => process.kill(pid, 'SIGKILL');

describe('kill -9 of the shim', () => {
  test('before the record is there must not make two of its worker', async () => {
    const rig = createRig({ mail: noting({ pidfile: 'mail.pid' }) });
    await rig.shell('mkfifo mail.pid.new');
    const starting = rig.workerctl('start', '--no-wait');
    await until('a worker that hangs', () => shimsIn(rig, 'become').length > 0);
    for (const pid of shimsIn(rig, 'supervise')) kill(pid);
    expect((await starting).exitCode).toBe(1);

    expect((await rig.workerctl('bootcheck')).all).toContain('its lock is held');
    expect(shimsIn(rig, 'become')).toHaveLength(1);
    await rig.shell('cat mail.pid.new');
    await until('its boot', () => rig.instance('mail.1').boots().length > 0);
    await settle(rig);
    expect(rig.instance('mail.1').boots()).toHaveLength(1);
    expect(rig.instance('mail.1').processes()).toHaveLength(1);
  });

  test('together with a worker that is not there yet must leave the place to the next start', async () => {
    const rig = createRig({ mail: noting({ pidfile: 'mail.pid' }) });
    await rig.shell('mkfifo mail.pid.new');
    const starting = rig.workerctl('start', '--no-wait');
    await until('a worker that hangs', () => shimsIn(rig, 'become').length > 0);
    for (const stage of ['supervise', 'become'] as const)
      for (const pid of shimsIn(rig, stage)) kill(pid);
    expect((await starting).exitCode).toBe(1);
    rmSync(rig.path('mail.pid.new'));

    await settle(rig);
    expect(rig.instance('mail.1').processes()).toHaveLength(1);
  });

  test('and of the command before the record is there must not make two of its worker', async () => {
    const rig = createRig({ mail: noting({ pidfile: 'mail.pid' }) });
    await rig.shell('mkfifo mail.pid.new');
    const starting = rig.workerctl('start', '--no-wait');
    await until('a worker that hangs', () => shimsIn(rig, 'become').length > 0);
    starting.kill('SIGKILL');
    await starting;
    for (const pid of shimsIn(rig, 'supervise')) kill(pid);
    const waiting = rig.workerctl('bootcheck');
    await pause(500);
    await rig.shell('cat mail.pid.new');
    expect((await waiting).exitCode).toBe(0);
    await until('its boot', () => rig.instance('mail.1').boots().length > 0);
    await settle(rig);
    expect(rig.instance('mail.1').boots()).toHaveLength(1);
  });

  test('as soon as the record is there must leave one worker, that can be replaced', async () => {
    const rig = createRig({ mail: noting() });
    void rig.workerctl('start', '--no-wait');
    const mail = rig.instance('mail.1');
    await until('its record', () => readOr(`${rig.stateDir}/mail.1.json`, '') !== '');
    kill(shimOf(rig, 'mail.1'));
    const old = await booted(mail);
    await settle(rig);
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    await settle(rig);
    expect(mail.terms()).toEqual([old]);
    await expectSound(rig, ['mail.1']);
  });

  test('while its worker runs must not keep it from being asked once, and replaced', async () => {
    const rig = createRig({ mail: noting({ count: 2 }) });
    await starting(...two)(rig);
    for (const name of two) kill(shimOf(rig, name));
    await expectQuiet(rig);
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    await settle(rig);
    expect(counts(rig, 'boots')).toEqual([2, 2]);
    await expectSound(rig, two);
  });

  test('while it reports a death must cost the report, and not the next start', async () => {
    const rig = createRig({ mail: noting() });
    await starting('mail.1')(rig);
    const mail = rig.instance('mail.1');
    await rig.shell('mkfifo .workerctl/mail.1.exit');
    kill(mail.boots()[0] ?? 0);
    await until('its death', () => mail.processes().length === 0);
    kill(shimOf(rig, 'mail.1'));
    rmSync(`${rig.stateDir}/mail.1.exit`);
    const [said] = await settle(rig);
    expect(said).toContain('status unknown: its shim was killed');
    await until('its start', () => mail.boots().length === 2);
    expect(mail.processes()).toEqual([mail.boots()[1]]);
  });
});

/** What a loss of power leaves: nobody lives, and the files are those of another boot. */
function reboot(rig: Rig): void {
  for (const pid of shimsIn(rig, 'supervise')) kill(pid);
  for (const name of two) for (const pid of rig.instance(name).processes()) kill(pid);
  const bootId = readOr('/proc/sys/kernel/random/boot_id', '').trim();
  for (const file of readdirSync(rig.stateDir)) {
    const path = `${rig.stateDir}/${file}`;
    const text = readOr(path, '');
    if (text.includes(bootId))
      writeFileSync(path, text.replaceAll(bootId, '00000000-0000-4000-8000-000000000000'));
  }
}

describe('a reboot', () => {
  test('must bring up what is wanted, and leave down what was stopped', async () => {
    const rig = createRig({ mail: noting({ count: 2, ready: logged }) });
    await starting(...two)(rig);
    await rig.workerctl('stop', '--no-wait', 'mail.2');
    reboot(rig);
    await settle(rig);
    await until('mail.1 to boot', () => rig.instance('mail.1').boots().length === 2);
    expect(counts(rig, 'boots')).toEqual([2, 1]);
    expect(rig.instance('mail.1').processes()).toEqual([rig.instance('mail.1').boots()[1]]);
    expect(rig.instance('mail.2').processes()).toEqual([]);
  });

  /** Each runs once more, only the one that was asked before was asked, and the restart is through. */
  const expectGoneOn = async (rig: Rig): Promise<void> => {
    await settle(rig);
    for (const name of two) {
      const one = rig.instance(name);
      const isUp = (): boolean => one.processes().some((pid) => one.boots().includes(pid));
      await until(`${name} to boot`, isUp, 3_000);
      expect(one.terms()).not.toContain(one.boots().at(-1));
    }
    expect(counts(rig, 'terms').sort()).toEqual([0, 1]);
    expect((await rig.workerctl('status')).exitCode).toBe(0);
  };

  test('before the first of a restart has left must not end the restart', async () => {
    const rig = createRig({ mail: noting({ count: 2, ready: logged }) });
    await starting(...two)(rig);
    await rig.workerctl('restart', '--no-wait');
    reboot(rig);
    await expectGoneOn(rig);
  });

  // A process that dies with its host before it was ready counts as one that failed: the restart is aborted.
  test('before the first replacement is ready must not end the restart', async () => {
    const rig = createRig({ mail: noting({ count: 2, ready: logged }) });
    await starting(...two)(rig);
    await rig.workerctl('restart', '--no-wait');
    await drained(rig);
    await rig.workerctl('bootcheck');
    reboot(rig);
    await expectGoneOn(rig);
  });
});

describe('a full disk', () => {
  /** No file may grow: what a write on a full disk comes to, without a disk of our own. */
  const onFullDisk = (rig: Rig, command: string) =>
    rig.shell(`ulimit -f 0; exec workerctl ${command}`);

  test.each(['stop', 'restart'])('must make %s fail before it has asked anybody', async (verb) => {
    const rig = createRig({ mail: noting({ count: 2 }) });
    await starting(...two)(rig);
    const { exitCode, all } = await onFullDisk(rig, verb);
    expect(exitCode, all).toBe(73);
    expect(all).toMatch(/state\.json: cannot be written: .*; nothing was done/);
    expect(counts(rig, 'terms')).toEqual([0, 0]);
    expect((await rig.workerctl(verb)).exitCode).toBe(0);
    expect(counts(rig, 'terms')).toEqual([1, 1]);
    await expectSound(rig, verb === 'stop' ? [] : two);
  });

  test('must keep a pass from asking whom it cannot note, and the next pass ask once', async () => {
    const rig = createRig({ mail: noting({ count: 2 }) });
    await starting(...two)(rig);
    rig.configure({ mail: noting() });
    const { exitCode, all } = await onFullDisk(rig, 'bootcheck');
    expect(exitCode, all).toBe(1);
    expect(all).toMatch(/mail\.2: could not ask pid \d+ .* cannot be noted: EFBIG: file too large/);
    expect(counts(rig, 'terms')).toEqual([0, 0]);
    await settle(rig);
    expect(counts(rig, 'terms')).toEqual([0, 1]);
    await expectSound(rig, ['mail.1']);
  });

  test('must make a start fail clearly, and the next pass start it', async () => {
    const rig = createRig({ mail: noting({ count: 2 }) });
    await starting('mail.1')(rig);
    const { exitCode, all } = await onFullDisk(rig, 'bootcheck');
    expect(exitCode, all).toBe(1);
    expect(all).toMatch(/mail\.2: start failed: .*disk full/);
    expect(rig.instance('mail.2').processes()).toEqual([]);
    await settle(rig);
    expect(counts(rig, 'boots')).toEqual([1, 1]);
    await expectSound(rig, two);
  });
});
