import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor, type InstanceHandle } from '../rig/instance.ts';
import { tells } from '../rig/jobs.ts';
import { processAt } from '../rig/kernel.ts';
import { eventsIn, type EventJson } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** A worker that does not leave, with a child that does not either and one that has a session of its own. */
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
  test(`stop with ${what} must say the limit, then kill the whole session, and only that`, async () => {
    const { rig, mail, pid, child, runaway } = await stubborn(keys);
    const { exitCode, all } = await rig.workerctl('stop', '--json', ...options);
    expect(exitCode, all).toBe(0);
    const events = eventsIn(all);
    expect(events.map(({ kind }) => kind)).toEqual(['asked', 'killed', 'died', 'lost', 'left']);
    const asked = Number(events[0]?.['limit_s']);
    expect(asked).toBeLessThanOrEqual(limit);
    expect(asked).toBeGreaterThan(limit - 0.25);
    expect(killedIn(events)).toMatchObject({ pid, job: 'job 9' });
    expect(killedIn(events)?.['processes']).toBeGreaterThanOrEqual(2);
    expect(events[2]).toMatchObject({ pid, job: 'job 9', death: { kind: 'signalled', signal: 9 } });
    expect([pid, child].map(processAt)).toEqual([undefined, undefined]);
    expect(processAt(runaway)).toBeDefined();
    expect(await statesOf(rig)).toEqual(['mail.1 stopped']);
    expect(mail.pid()).toBeUndefined();
  });
}

test('people must be told of the limit when the drain begins, of the job that was lost, and in status', async () => {
  const { rig, mail } = await stubborn({ stop: { timeout: '1h' } });
  const begun = await rig.workerctl('stop', '--no-wait');
  expect(begun.stdout).toMatch(/mail\.1: asked pid \d+ to finish \(TERM, killed after 1h\)/);
  expect((await rig.workerctl('status')).stdout).toMatch(
    /^mail\.1 +draining .* job 9 for .*, killed in 59m \d+s$/m,
  );
  const { exitCode, stdout } = await rig.workerctl('stop', '--now');
  expect(exitCode, stdout).toBe(0);
  expect(stdout).toMatch(
    /mail\.1: killed pid \d+ and its session \(\d+ processes\) during job 9: it has not left for /,
  );
  expect(stdout).toContain('1 killed');
  expect(mail.processes()).toEqual([]);
});

test('without a limit a worker that ignores its signal must be left alive', async () => {
  const { rig, mail, pid, child } = await stubborn();
  const { exitCode, stdout } = await rig.workerctl('stop', '--wait', '1s');
  expect(exitCode).toBe(124);
  expect(stdout).toMatch(new RegExp(`mail\\.1: asked pid ${pid} to finish \\(TERM, no limit\\)`));
  expect(stdout).toMatch(
    new RegExp(
      `still draining: mail\\.1 \\(pid ${pid}, asked \\S+ ago, job 9 for \\S+, no limit\\)`,
    ),
  );
  expect(mail.processes()).toEqual([pid]);
  expect(processAt(child)).toBeDefined();
});

test('restart --kill-after must replace also who does not leave', async () => {
  const { rig, mail, pid, child } = await stubborn();
  const { exitCode, stdout } = await rig.workerctl('restart', '--kill-after', '300ms');
  expect(exitCode, stdout).toBe(0);
  expect(stdout).toMatch(/1 restarted, 1 killed, longest drain \S+ \(mail\.1, job 9\)/);
  const fresh = await successor(mail, pid);
  expect(mail.processes()).toEqual([fresh]);
  expect(processAt(child)).toBeUndefined();
});

test('a limit must also hold when its command is gone: bootcheck kills', async () => {
  const { rig, mail, pid } = await stubborn();
  expect((await rig.workerctl('restart', '--no-wait', '--kill-after', '1s')).exitCode).toBe(0);
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

test('a worker that leaves in time must not be killed', async () => {
  const rig = createRig({ mail: { ...tells, stop: { timeout: '30s' } } });
  await rig.start();
  const { exitCode, all } = await rig.workerctl('restart', '--json');
  expect(exitCode, all).toBe(0);
  expect(killedIn(eventsIn(all))).toBeUndefined();
});

test('a disk that takes no state.json must be a clear error with 73, and nobody be signalled', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const all = [rig.instance('mail.1'), rig.instance('mail.2')];
  const before = all.map((instance) => instance.pid());
  for (const command of ['restart', 'stop', 'hold']) {
    const { exitCode, stderr, stdout } = await rig.shell(`ulimit -f 0; exec workerctl ${command}`);
    expect({ exitCode, stdout }, command).toEqual({ exitCode: 73, stdout: '' });
    expect(stderr).toMatch(
      /state\.json: cannot be written: EFBIG: file too large; nothing was done/,
    );
  }
  expect(all.flatMap((instance) => instance.terms())).toEqual([]);
  expect(all.map((instance) => instance.pid())).toEqual(before);
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.2 ready']);
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect(all.map((instance) => instance.terms())).toEqual(before.map((pid) => [pid]));
});
