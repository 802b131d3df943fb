// A host that loses its power, and a disk that is full.
import { describe, expect, test } from 'vitest';
import {
  counts,
  drained,
  expectSound,
  logged,
  noting,
  settle,
  starting,
  two,
} from '../rig/crash.ts';
import { eventsIn, ofKinds, problemOf } from '../rig/output.ts';
import { rebooted } from '../rig/reboot.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

describe('a reboot', () => {
  test('must bring up what is wanted, and leave down what was stopped', async () => {
    const rig = createRig({ mail: noting({ count: 2, ready: logged }) });
    await starting(...two)(rig);
    await rig.workerctl('stop', '--no-wait', 'mail.2');
    await rebooted(rig);
    await settle(rig);
    await until('mail.1 to boot', () => rig.instance('mail.1').boots().length === 2);
    expect(counts(rig, 'boots')).toEqual([2, 1]);
    expect(rig.instance('mail.1').processes()).toEqual([rig.instance('mail.1').boots()[1]]);
    expect(rig.instance('mail.2').processes()).toEqual([]);
  });

  /** Each runs once more, only the one that was asked before was asked, and the restart is done. */
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

  test('before the first of a restart has exited must not end the restart', async () => {
    const rig = createRig({ mail: noting({ count: 2, ready: logged }) });
    await starting(...two)(rig);
    await rig.workerctl('restart', '--no-wait');
    await rebooted(rig);
    await expectGoneOn(rig);
  });

  // A process that dies with its host before it was ready counts as one that failed: the restart is aborted.
  test('before the first replacement is ready must not end the restart', async () => {
    const rig = createRig({ mail: noting({ count: 2, ready: logged }) });
    await starting(...two)(rig);
    await rig.workerctl('restart', '--no-wait');
    await drained(rig);
    await rig.workerctl('bootcheck');
    await rebooted(rig);
    await expectGoneOn(rig);
  });
});

describe('a full disk', () => {
  /** No file may grow: what a write on a full disk comes to, without a disk of our own. */
  const onFullDisk = (rig: Rig, command: string) =>
    rig.shell(`ulimit -f 0; exec workerctl ${command}`);

  test.each(['stop', 'restart'])(
    'must make %s fail before it has asked any process',
    async (verb) => {
      const rig = createRig({ mail: noting({ count: 2 }) });
      await starting(...two)(rig);
      const { exitCode, all } = await onFullDisk(rig, verb);
      expect(exitCode, all).toBe(73);
      expect(all).toContain('state.json');
      expect(counts(rig, 'terms')).toEqual([0, 0]);
      expect((await rig.workerctl(verb)).exitCode).toBe(0);
      expect(counts(rig, 'terms')).toEqual([1, 1]);
      await expectSound(rig, verb === 'stop' ? [] : two);
    },
  );

  test('must keep a pass from asking a process that it cannot note, and the next pass must ask once', async () => {
    const rig = createRig({ mail: noting({ count: 2 }) });
    await starting(...two)(rig);
    rig.configure({ mail: noting() });
    const { exitCode, stdout, all } = await onFullDisk(rig, 'bootcheck --json');
    expect(exitCode, all).toBe(1);
    const [failed] = ofKinds(eventsIn(stdout), ['signal_failed']);
    expect(failed).toMatchObject({ instance: 'mail.2' });
    expect(problemOf(failed)).toContain('EFBIG');
    expect(counts(rig, 'terms')).toEqual([0, 0]);
    await settle(rig);
    expect(counts(rig, 'terms')).toEqual([0, 1]);
    await expectSound(rig, ['mail.1']);
  });

  test('must make a start fail clearly, and the next pass must start it', async () => {
    const rig = createRig({ mail: noting({ count: 2, backoff: { initial: '1ms' } }) });
    await starting('mail.1')(rig);
    const { exitCode, stdout, all } = await onFullDisk(rig, 'bootcheck --json');
    expect(exitCode, all).toBe(73); // not even that it has failed can be noted
    const [failed] = ofKinds(eventsIn(stdout), ['start_failed']);
    expect(failed).toMatchObject({ instance: 'mail.2' });
    expect(problemOf(failed)).toContain('EFBIG');
    expect(rig.instance('mail.2').processes()).toEqual([]);
    await settle(rig);
    expect(counts(rig, 'boots')).toEqual([1, 1]);
    await expectSound(rig, two);
  });
});
