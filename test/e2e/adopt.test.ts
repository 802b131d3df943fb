// Taking over what something else has started.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { processAt } from '../rig/kernel.ts';
import { deathOf, eventsIn, problemOf, resultIn } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const worker = (more: WorkerKeys = {}): WorkerKeys => ({
  command: fixture('drains-after-job'),
  count: 2,
  ...more,
});

/** A worker that was started by hand, as instance `name`, with nothing of workerctl in its environment but that name. */
async function byHand(rig: Rig, name = 'mail.1'): Promise<number> {
  const { pid = 0 } = spawn(fixture('drains-after-job'), [], {
    env: { PATH: process.env['PATH'], RIG: rig.folder, WORKERCTL_INSTANCE: name },
    cwd: rig.folder,
    stdio: 'ignore',
  });
  await until('it to boot', () => rig.instance(name).boots().includes(pid));
  return pid;
}

test('an adopted process must be asked once, finish its job, and be replaced by an ordinary start', async () => {
  const rig = createRig({ mail: worker({ count: 1 }) });
  const pid = await byHand(rig);
  const mail = rig.instance('mail.1');
  const adopted = await rig.act('adopt', 'mail.1', String(pid));
  expect(adopted.exitCode, adopted.all).toBe(0);
  expect(adopted.of('adopted')).toMatchObject([{ instance: 'mail.1', pid }]);
  expect(adopted.of('warning')).toEqual([]);
  expect(mail.pid()).toBe(pid);
  await expectQuiet(rig);
  const status = await rig.workerctl('status');
  expect(status.exitCode, status.all).toBe(0);
  expect(status.all).toContain('adopted');

  await mail.giveJob();
  const restart = rig.act('restart');
  await mail.asked();
  await rig.workerctl('bootcheck');
  mail.finishJob();
  const { exitCode, all, of } = await restart;
  expect(exitCode, all).toBe(0);
  expect(of('exited')).toMatchObject([{ instance: 'mail.1', pid }]);
  expect(deathOf(of('exited')[0])).toEqual({ unknown: expect.any(String) as string });
  expect(mail.terms()).toEqual([pid]);
  expect(mail.done()).toEqual([pid]);
  expect(mail.processes()).toEqual([mail.pid()]);
  expect(mail.record()['shim_pid']).not.toBe(0);
});

test('it must be taken from a pidfile, be journalled as JSON, and be said again without harm', async () => {
  const rig = createRig({ mail: worker() });
  const pid = await byHand(rig);
  writeFileSync(rig.path('by-hand.pid'), `${pid}\n`);
  const planned = await rig.workerctl('adopt', 'mail.1', 'by-hand.pid', '--dry-run');
  expect(planned.exitCode).toBe(0);
  expect(planned.all).toMatch(new RegExp(`adopt.*${pid}.*by-hand\\.pid`));
  expect(rig.instance('mail.1').pid()).toBeUndefined();
  const { all } = await rig.workerctl('adopt', 'mail.1', 'by-hand.pid', '--json');
  expect(eventsIn(`${all}\n`)).toMatchObject([{ kind: 'adopted', instance: 'mail.1', pid }]);
  expect(resultIn(`${all}\n`)).toMatchObject({ command: 'adopt', exit_code: 0 });
  const again = await rig.act('adopt', 'mail.1', String(pid));
  expect(again.exitCode, again.all).toBe(0);
  expect(again.of('already_running')).toMatchObject([{ instance: 'mail.1', pid }]);
});

test('an instance that was stopped on purpose must be wanted again, and a stop must keep it down', async () => {
  const rig = createRig({ mail: worker({ count: 1 }) });
  await rig.workerctl('stop');
  const pid = await byHand(rig);
  await rig.workerctl('adopt', 'mail.1', String(pid));
  await expectQuiet(rig);
  expect(processAt(pid)).toBeDefined();
  const stopped = await rig.act('stop');
  expect(stopped.exitCode, stopped.all).toBe(0);
  expect(stopped.of('pidfile_removed')).toMatchObject([{ cause: `pid ${pid} has exited` }]);
  expect(rig.instance('mail.1').terms()).toEqual([pid]);
  await expectQuiet(rig);
  expect(rig.instance('mail.1').processes()).toEqual([]);
});

test('a process that does not look like the command must be adopted with a warning', async () => {
  const rig = createRig({ mail: worker() });
  const { pid = 0 } = spawn('sleep', ['1000'], { env: { RIG: rig.folder }, stdio: 'ignore' });
  const { exitCode, all, of } = await rig.act('adopt', 'mail.1', String(pid));
  expect(exitCode, all).toBe(0);
  expect(of('warning')).toHaveLength(1);
  expect(problemOf(of('warning')[0])).toMatch(new RegExp(`${pid}.*sleep 1000`));
});

test('an adopted process needs neither to show readiness nor to give signs of life', async () => {
  const rig = createRig({
    mail: worker({
      count: 1,
      ready: { log: 'is up', timeout: '1s' },
      heartbeat: { timeout: '100ms' },
    }),
  });
  const pid = await byHand(rig);
  await rig.workerctl('adopt', 'mail.1', String(pid));
  const status = await rig.workerctl('status');
  expect(status.exitCode, status.all).toBe(0);
  const watch = await watching(rig);
  // Each of these looks would kill a worker that is silent for 100 ms, and so would the watch meanwhile.
  for (let look = 0; look < 8; look += 1) await rig.workerctl('bootcheck');
  expect(processAt(pid)).toBeDefined();
  expect(watch.events('killed')).toEqual([]);
});

test('commands that race for one instance must leave it with one process', async () => {
  for (let round = 0; round < 3; round += 1) {
    const rig = createRig({ mail: worker({ count: 1 }) });
    const pid = await byHand(rig);
    const outcomes = await Promise.all([
      rig.workerctl('adopt', 'mail.1', String(pid)),
      rig.workerctl('start'),
      rig.workerctl('bootcheck'),
      rig.workerctl('adopt', 'mail.1', String(pid)),
    ]);
    const mail = rig.instance('mail.1');
    const recorded = mail.record()['pid'];
    const isAdopted = recorded === pid;
    expect([0, 1]).toContain(outcomes[0].exitCode);
    // Whichever came first: the other has seen that.
    expect(mail.processes()).toEqual(isAdopted ? [] : [recorded]);
    expect(outcomes[0].exitCode === 0).toBe(isAdopted);
    expect(mail.terms()).toEqual([]);
  }
});

test('a killed adopt must have been done or not, and leave no second process where the instance was down', async () => {
  for (let effects = 1; ; effects += 1) {
    const rig = createRig({ mail: worker({ count: 1 }) });
    await rig.workerctl('stop');
    const pid = await byHand(rig);
    const died = await rig.workerctlWith(
      { WORKERCTL_TEST_DIE_AFTER: String(effects) },
      'adopt',
      'mail.1',
      String(pid),
    );
    await rig.workerctl('bootcheck');
    const mail = rig.instance('mail.1');
    expect(mail.processes(), `killed behind ${effects} effects`).toEqual([]);
    if (died.signal !== 'SIGKILL') {
      expect(mail.pid()).toBe(pid);
      return;
    }
  }
});

test.each([
  [['mail.1', 'nonsense'], 2, 'nonsense'],
  [['mail.1', '0'], 2, '0'],
  [['mail.1', '99999999'], 2, '99999999'],
  [['mail', '1'], 2, 'mail'],
  [['mail.9', '1'], 2, 'mail.9'],
  [['other.1', '1'], 2, 'other.1'],
  [['mail.1'], 2, 'adopt'],
  [['mail.1', '1'], 1, 'pid 1'],
  [['mail.1', '4194304'], 1, '4194304'],
  [['mail.1', 'empty.pid'], 1, 'empty.pid'],
  [['mail.1', 'garbage.pid'], 1, 'garbage.pid'],
  [['mail.1', 'stale.pid'], 1, '4194304'],
])('adopt %s must end with %i and say why', async (args, code, words) => {
  const rig = createRig({ mail: worker() });
  writeFileSync(rig.path('empty.pid'), '');
  writeFileSync(rig.path('garbage.pid'), 'abc\n');
  writeFileSync(rig.path('stale.pid'), '4194304\n');
  const { exitCode, all } = await rig.workerctl('adopt', ...args);
  expect(exitCode, all).toBe(code);
  expect(all).toContain(words);
});

test('the command itself, and the process that has started it, must be refused', async () => {
  const rig = createRig({ mail: worker() });
  const { exitCode, all } = await rig.shell('workerctl adopt mail.1 $$; exit $?');
  expect(exitCode, all).toBe(1);
  expect(rig.instance('mail.1').pid()).toBeUndefined();
});

test('shims, the processes of other instances, and their children must be refused', async () => {
  const rig = createRig({ mail: worker() });
  await rig.start('mail.2');
  const other = rig.instance('mail.2');
  const refusal = async (pid: unknown): Promise<string> => {
    const { exitCode, all } = await rig.workerctl('adopt', 'mail.1', String(pid));
    expect(exitCode, all).toBe(1);
    return all;
  };
  expect(await refusal(other.record()['shim_pid'])).toContain('shim');
  expect(await refusal(other.pid())).toContain('mail.2');
  const taken = await rig.workerctl('adopt', 'mail.2', String(await byHand(rig)));
  expect(taken.exitCode).toBe(1);
  expect(taken.all).toContain(String(other.pid()));
  // Another config beside, with a state directory of its own.
  rig.configure({ mail: worker() }, { state_dir: 'other' });
  expect(await refusal(other.pid())).toContain(rig.stateDir);
});

test('a held instance must be left alone', async () => {
  const rig = createRig({ mail: worker() });
  await rig.workerctl('hold', 'mail.1');
  const { exitCode, all } = await rig.workerctl('adopt', 'mail.1', String(await byHand(rig)));
  expect(exitCode, all).toBe(1);
  expect(all).toMatch(/mail\.1.*held|held.*mail\.1/);
});
