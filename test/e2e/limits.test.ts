import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor, type InstanceHandle } from '../rig/instance.ts';
import { tells } from '../rig/jobs.ts';
import { processAt } from '../rig/kernel.ts';
import { deathOf, eventsIn, type EventJson } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** A worker that does not exit, with a child that does not either and one in a session of its own. */
async function stubborn(keys: WorkerKeys = {}): Promise<{
  rig: Rig;
  mail: InstanceHandle;
  pid: number;
  child: number;
  runaway: number;
}> {
  const rig = createRig({ mail: { command: fixture('keeps-children'), ...keys } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const noted = (kind: string): number => Number(readOr(rig.path(`mail.1.${kind}`), ''));
  return { rig, mail, pid: await booted(mail), child: noted('child'), runaway: noted('runaway') };
}

const killedIn = (events: readonly EventJson[]): EventJson | undefined =>
  events.find(({ kind }) => kind === 'killed');

for (const [what, keys, options, limit] of [
  ['stop.timeout', { stop: { timeout: '300ms' } }, [], 0.3],
  ['--kill-after over stop.timeout', { stop: { timeout: '1h' } }, ['--kill-after', '300ms'], 0.3],
  ['--now', {}, ['--now'], 0],
] as const) {
  test(`stop with ${what} must report the limit, then kill the whole session, and the children that left it`, async () => {
    const { rig, mail, pid, child, runaway } = await stubborn(keys);
    const { exitCode, all } = await rig.workerctl('stop', '--json', ...options);
    expect(exitCode, all).toBe(0);
    const events = eventsIn(all);
    expect(events.map(({ kind }) => kind)).toEqual([
      'draining',
      'killed',
      'died',
      'job_lost',
      'exited',
    ]);
    const asked = Number(events[0]?.['limit_seconds']);
    expect(asked).toBeLessThanOrEqual(limit);
    expect(asked).toBeGreaterThan(limit - 0.25);
    expect(killedIn(events)).toMatchObject({ pid, job: 'job 9' });
    expect(killedIn(events)?.['process_count']).toBeGreaterThanOrEqual(2);
    expect(events[2]).toMatchObject({ pid, job: 'job 9' });
    expect(deathOf(events[2])).toEqual({ signal: 'SIGKILL' });
    expect([pid, child, runaway].map(processAt)).toEqual([undefined, undefined, undefined]);
    expect(await statesOf(rig)).toEqual(['mail.1 stopped']);
    expect(mail.pid()).toBeUndefined();
  });
}

test('the limit must be reported when the drain begins and in status, and the job when it is lost', async () => {
  const { rig, mail, pid } = await stubborn({ stop: { timeout: '1h' } });
  const begun = await rig.act('stop', '--no-wait');
  expect(begun.of('draining')).toMatchObject([{ pid, limit_seconds: 3600 }]);
  expect((await rig.workerctl('status')).stdout).toMatch(/^mail\.1 +draining .*job 9.*59m \d+s/m);
  const { exitCode, all, of } = await rig.act('stop', '--now');
  expect(exitCode, all).toBe(0);
  expect(of('killed')).toMatchObject([{ instance: 'mail.1', pid, job: 'job 9' }]);
  expect(mail.processes()).toEqual([]);
});

test('without a limit a worker that ignores its signal must be left alive', async () => {
  const { rig, mail, pid, child } = await stubborn();
  const { exitCode, of, result } = await rig.act('stop', '--wait', '1s');
  expect(exitCode).toBe(124);
  expect(of('draining')).toMatchObject([{ instance: 'mail.1', pid }]);
  expect(of('draining')[0]).not.toHaveProperty('limit_seconds');
  expect(result()).toMatchObject({ draining: [{ instance: 'mail.1', pid }] });
  expect(JSON.stringify(result().draining)).toContain('job 9');
  expect(mail.processes()).toEqual([pid]);
  expect(processAt(child)).toBeDefined();
});

test('restart --kill-after must also replace a worker that does not exit', async () => {
  const { rig, mail, pid, child } = await stubborn();
  const { exitCode, all, story } = await rig.act('restart', '--kill-after', '300ms');
  expect(exitCode, all).toBe(0);
  expect(story('killed', 'ready')).toEqual(['killed mail.1', 'ready mail.1']);
  const fresh = await successor(mail, pid);
  expect(mail.processes()).toEqual([fresh]);
  expect(processAt(child)).toBeUndefined();
});

test('a limit must also hold when its command is gone: bootcheck kills', async () => {
  const { rig, mail, pid } = await stubborn();
  expect((await rig.workerctl('restart', '--no-wait', '--kill-after', '4s')).exitCode).toBe(0);
  await expectQuiet(rig);
  expect(mail.processes()).toEqual([pid]);
  const said = await until('bootcheck to kill it', async () => {
    const { all } = await rig.workerctl('bootcheck', '--json');
    return killedIn(eventsIn(all));
  });
  expect(said).toMatchObject({ pid, job: 'job 9' });
  await until('its replacement', async () => {
    await rig.workerctl('bootcheck');
    return mail.boots().length === 2;
  });
});

test('a worker that exits in time must not be killed', async () => {
  const rig = createRig({ mail: { ...tells, stop: { timeout: '30s' } } });
  await rig.start();
  const { exitCode, all } = await rig.workerctl('restart', '--json');
  expect(exitCode, all).toBe(0);
  expect(killedIn(eventsIn(all))).toBeUndefined();
});

test('a disk that takes no state.json must be a clear error with 73, and nothing must be signalled', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const all = [rig.instance('mail.1'), rig.instance('mail.2')];
  const before = all.map((instance) => instance.pid());
  for (const command of ['restart', 'stop', 'hold']) {
    const { exitCode, stderr, stdout } = await rig.shell(`ulimit -f 0; exec workerctl ${command}`);
    expect({ exitCode, stdout }, command).toEqual({ exitCode: 73, stdout: '' });
    expect(stderr).toMatch(/state\.json.*EFBIG/);
  }
  expect(all.flatMap((instance) => instance.terms())).toEqual([]);
  expect(all.map((instance) => instance.pid())).toEqual(before);
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.2 ready']);
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect(all.map((instance) => instance.terms())).toEqual(before.map((pid) => [pid]));
});
