// Wrappers: programs that start the worker and do not pass the signal on. A command must succeed only if nothing of the
// session runs on unseen, and no process may be asked twice.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { InstanceHandle } from '../rig/instance.ts';
import { isAlive, look } from '../rig/kernel.ts';
import { fixture, launcher } from '../rig/programs.ts';
import { createRig, statesOf, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const worker = fixture('drains-after-job');

/** Like npm run: a parent that waits for a shell, and exits at a TERM without passing it on. */
const forks = `
  const child = require('node:child_process').spawn('sh', ['-c', '${worker}; exit $?'], { stdio: 'inherit' });
  child.on('exit', (code) => process.exit(code));
`;

const wrappers: readonly (readonly [string, readonly string[]])[] = [
  ['a background job', ['sh', '-c', `${worker} & wait`]],
  ['a shell without exec', ['sh', '-c', `cd . && ${worker}; exit $?`]],
  ['a pipe', ['sh', '-c', `${worker} | tee -a piped`]],
  ['a program that forks', [process.execPath, '-e', forks]],
];

interface Wrapped {
  readonly rig: Rig;
  readonly one: InstanceHandle;
  /** The worker itself, which the wrapper has started. */
  readonly inner: number;
  readonly outer: number;
}

/** Waits until the wrapped worker has noted its start. */
const innerOf = (one: InstanceHandle, old?: number): Promise<number> =>
  until('the wrapped worker', () => {
    const pid = one.boots().at(-1);
    return pid !== undefined && pid !== old ? pid : undefined;
  });

async function wrapped(command: readonly string[], keys: WorkerKeys = {}): Promise<Wrapped> {
  const rig = createRig({ mail: { command, ...keys } });
  expect((await rig.act('start')).exitCode).toBe(0);
  const one = rig.instance('mail.1');
  const inner = await innerOf(one);
  const outer = one.pid() ?? 0;
  expect(look(inner)?.session).toBe(outer);
  return { rig, one, inner, outer };
}

const pidsIn = (processes: unknown): number[] =>
  (processes as { readonly pid: number }[]).map(({ pid }) => pid);

const shownOf = async (rig: Rig): Promise<number[]> =>
  pidsIn((await statusOf(rig)).instances[0]?.leftovers);

const session = { stop: { to: 'session' } };
const [background] = wrappers.map(([, command]) => command);
if (background === undefined) throw new Error('no wrapper');

describe.each(wrappers)('%s, and nothing else is configured', (_, command) => {
  test('restart must name the worker that runs on, and fail', async () => {
    const { rig, one, inner } = await wrapped(command);
    const { exitCode, of, all } = await rig.act('restart');
    expect(exitCode, all).toBe(1);
    expect(of('survivors').flatMap((event) => pidsIn(event['processes']))).toContain(inner);
    await innerOf(one, inner);
    expect(one.terms()).toEqual([]);
    expect(await shownOf(rig)).toContain(inner);
    const doctor = await rig.workerctl('doctor');
    expect(doctor.all).toContain(String(inner));
  });

  test('stop must name it and fail, also when it is run again, until it is gone', async () => {
    const { rig, inner } = await wrapped(command);
    for (const round of [1, 2]) {
      const { exitCode, of, all } = await rig.act('stop');
      expect(exitCode, `round ${round}: ${all}`).toBe(1);
      expect(of('survivors').flatMap((event) => pidsIn(event['processes']))).toContain(inner);
    }
    expect(await shownOf(rig)).toContain(inner);
    process.kill(inner, 'SIGTERM');
    await until('its end', () => !isAlive(inner));
    await until('an empty session', async () => (await shownOf(rig)).length === 0);
    expect(await rig.act('stop')).toMatchObject({ exitCode: 0 });
  });

  test('stop --now must kill the whole session, and succeed', async () => {
    const { rig, inner, outer } = await wrapped(command);
    const { exitCode, all } = await rig.act('stop', '--now');
    expect(exitCode, all).toBe(0);
    expect([inner, outer].filter(isAlive)).toEqual([]);
    expect(await shownOf(rig)).toEqual([]);
  });

  test('stop --now --no-wait must kill it, too', async () => {
    const { rig, inner } = await wrapped(command);
    await rig.act('stop', '--now', '--no-wait');
    await until('its end', () => !isAlive(inner));
  });

  test('restart --kill-after must kill at its limit what was not reached, and start then', async () => {
    const { rig, one, inner } = await wrapped(command);
    const restarting = rig.act('restart', '--kill-after', '2s');
    await until('the end of the wrapper', () => !isAlive(one.pid() ?? 0));
    expect(isAlive(inner)).toBe(true);
    const { exitCode, all } = await restarting;
    expect(exitCode, all).toBe(0);
    expect(isAlive(inner)).toBe(false);
    expect(isAlive(await innerOf(one, inner))).toBe(true);
    expect(one.boots()).toHaveLength(2);
  });

  test('with stop.to: session it must be asked once, finish its job, and be replaced then', async () => {
    const { rig, one, inner } = await wrapped(command, session);
    await one.giveJob();
    const restarting = rig.act('restart');
    await until('its TERM', () => one.terms().includes(inner));
    await rig.workerctl('bootcheck');
    // Its leader is asked last, and may have exited by itself by then.
    await until('its drain', async () => (await statesOf(rig))[0] === 'mail.1 draining');
    expect(one.boots()).toEqual([inner]);
    one.finishJob();
    const { exitCode, all, of } = await restarting;
    expect(exitCode, all).toBe(0);
    expect(of('survivors', 'leftovers')).toEqual([]);
    expect(one.done()).toEqual([inner]);
    expect(isAlive(await innerOf(one, inner))).toBe(true);
    expect(one.terms()).toEqual([inner]);
  });
});

describe('what a stop does not reach', () => {
  test('must be accepted with leave: shown, and no failure', async () => {
    const { rig, inner } = await wrapped(background, { stop: { leftovers: 'leave' } });
    const { exitCode, of, all } = await rig.act('restart');
    expect(exitCode, all).toBe(0);
    expect(pidsIn(of('leftovers')[0]?.['processes'])).toContain(inner);
    expect(await shownOf(rig)).toContain(inner);
  });

  test('must be killed with kill, and waited for with wait', async () => {
    const killing = await wrapped(background, { stop: { leftovers: 'kill' } });
    expect(await killing.rig.act('restart')).toMatchObject({ exitCode: 0 });
    expect(isAlive(killing.inner)).toBe(false);

    const waiting = await wrapped(background, { stop: { leftovers: 'wait' } });
    const restarting = waiting.rig.act('restart');
    await until('the end of the wrapper', () => !isAlive(waiting.outer));
    process.kill(waiting.inner, 'SIGTERM');
    expect(await restarting).toMatchObject({ exitCode: 0 });
    await until('its successor', () => waiting.one.boots().length === 2);
  });

  test('must be killed at the limit of a command, also with wait', async () => {
    const { rig, inner } = await wrapped(background, { stop: { leftovers: 'wait' } });
    expect(await rig.act('stop', '--kill-after', '1s')).toMatchObject({ exitCode: 0 });
    expect(isAlive(inner)).toBe(false);
  });

  test('must be in the log of watch if that has finished the restart', async () => {
    const { rig, one, inner } = await wrapped(background);
    const { reports } = await watching(rig);
    expect(await rig.act('restart', '--no-wait')).toMatchObject({ exitCode: 0 });
    expect(pidsIn((await reports('survivors'))['processes'])).toContain(inner);
    await innerOf(one, inner);
  });

  test('must not include what exits within a second, nor what was born later', async () => {
    const late = `trap 'sleep 0.4; exit 0' TERM; sleep 1000000 & kid=$!; (trap "" TERM; while kill -0 $$ 2>/dev/null; do sleep 0.1; done; kill $kid) & while :; do sleep 0.05; done`;
    const rig = createRig({ mail: { command: ['sh', '-c', late] } });
    await rig.act('start');
    const { exitCode, of, all } = await rig.act('stop');
    expect(exitCode, all).toBe(0);
    expect(of('survivors')).toEqual([]);
  });
});

describe('a session that is asked as a whole', () => {
  /** Three workers in one session. */
  const member = fixture('drains-until-told');
  const three = ['sh', '-c', `${member} & ${member} & ${member} & trap exit TERM; wait`];

  const threeOf = async (): Promise<Wrapped> => {
    const found = await wrapped(three, session);
    await until('all three', () => found.one.boots().length === 3);
    return found;
  };

  /** The note of a stop whose helper was killed: the members with an x were asked. All exit as soon as they are. */
  async function halfAsked(asked: string): Promise<Wrapped & { readonly pids: number[] }> {
    const found = await threeOf();
    const { rig, one, outer: pid } = found;
    const pids = one.boots();
    const members = pids.map((member) => ({ pid: member, start_time: look(member)?.startTime }));
    const { start_time, boot_id } = one.record();
    const process = { pid, start_time, boot_id };
    const stop = { signal: 'SIGTERM', at: new Date().toISOString(), cause: 'a stop', ...process };
    const note = JSON.stringify({ sent: false, asked, members, ...stop });
    writeFileSync(`${rig.stateDir}/mail.1.stop`, note);
    writeFileSync(rig.path('end'), '');
    return { ...found, pids };
  }

  test.each([
    ['the command', ''],
    ['the command, after the first signal', 'signal'],
  ])('must be asked once each, though %s is killed and others go on', async (_, behind) => {
    const { rig, one } = await threeOf();
    if (behind === '') {
      const stopping = rig.workerctl('stop');
      await until('a TERM', () => one.terms().length > 0);
      stopping.kill('SIGKILL');
      await stopping;
    } else await rig.workerctlWith({ WORKERCTL_TEST_DIE_BEHIND: behind }, 'stop', '--no-wait');
    await Promise.all([rig.workerctl('bootcheck'), rig.workerctl('stop', '--no-wait')]);
    await until('all TERMs', () => one.terms().length === 3);
    writeFileSync(rig.path('end'), '');
    expect(await rig.act('stop')).toMatchObject({ exitCode: 0 });
    expect(one.terms().toSorted()).toEqual(one.boots().toSorted());
    expect(one.boots().filter(isAlive)).toEqual([]);
  });

  test('must be asked further by the next pass if the helper itself was killed half way', async () => {
    const { rig, one, pids } = await halfAsked('x..');
    process.kill(pids[0] ?? 0, 'SIGTERM');
    const { exitCode, all } = await rig.act('stop');
    expect(exitCode, all).toBe(0);
    expect(one.terms().toSorted()).toEqual(pids.toSorted());
  });

  test('must be asked further if its leader has died before its turn', async () => {
    const { rig, one, pids, outer } = await halfAsked('...');
    process.kill(outer, 'SIGKILL');
    await one.left(outer);
    const { exitCode, all } = await rig.act('stop');
    expect(exitCode, all).toBe(0);
    expect(one.terms().toSorted()).toEqual(pids.toSorted());
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('must not ask what is born after the stop, and wait for it', async () => {
    const bears = `${worker} & trap '' TERM; until [ -e born ]; do sleep 0.02; done; setsid --fork true; sh -c 'trap "echo x >>asked" TERM; : >up; until [ -e end ]; do sleep 0.02; done' & exit 0`;
    const { rig, one, inner } = await wrapped(['sh', '-c', bears], session);
    const stopping = rig.act('stop');
    await until('its TERM', () => one.terms().includes(inner));
    writeFileSync(rig.path('born'), '');
    await one.left(one.record()['pid'] as number);
    expect(await statesOf(rig)).toEqual(['mail.1 draining']);
    writeFileSync(rig.path('end'), '');
    expect(await stopping).toMatchObject({ exitCode: 0 });
    expect(spawnSync('test', ['-e', rig.path('asked')]).status).toBe(1);
  });

  test('must be killed at its limit, though its leader has exited', async () => {
    const stubborn = [
      'sh',
      '-c',
      `trap '' TERM; ${fixture('ignores-term')} & trap 'exit 0' TERM; wait`,
    ];
    const rig = createRig({
      mail: { command: stubborn, stop: { to: 'session', timeout: '1s' } },
    });
    await rig.act('start');
    const outer = rig.instance('mail.1').pid() ?? 0;
    const members = (): number[] => rig.instance('mail.1').processes();
    const { exitCode, all } = await rig.act('stop');
    expect(exitCode, all).toBe(0);
    expect(isAlive(outer)).toBe(false);
    expect(members()).toEqual([]);
    expect(await shownOf(rig)).toEqual([]);
  });

  test('must drain beside its replacement with overlap until its last process has exited', async () => {
    const { rig, one, inner } = await wrapped(background, {
      ...session,
      restart: { overlap: true },
    });
    await one.giveJob();
    const restarting = rig.act('restart');
    await until('its TERM', () => one.terms().includes(inner));
    const next = await innerOf(one, inner);
    expect(isAlive(inner)).toBe(true);
    expect(await statesOf(rig)).toContain('mail.1 retiring');
    one.finishJob();
    expect(await restarting).toMatchObject({ exitCode: 0 });
    await until('its end', () => !isAlive(inner));
    await rig.workerctl('bootcheck');
    expect(await statesOf(rig)).toEqual(['mail.1 ready']);
    expect([isAlive(next), one.terms()]).toEqual([true, [inner]]);
  });

  test('must be ended by watch --stop-on-exit before that ends', async () => {
    const { rig, one, inner } = await wrapped(background, session);
    const { running, send } = await watching(rig, '--stop-on-exit');
    await one.giveJob();
    send('SIGTERM');
    await until('its TERM', () => one.terms().includes(inner));
    expect(running.exitCode).toBeNull();
    one.finishJob();
    await running;
    expect(isAlive(inner)).toBe(false);
  });
});

test('real npm must be recognised by what it leaves, if it is there', async ({ skip }) => {
  if (spawnSync('npm', ['--version']).status !== 0) skip();
  const rig = createRig({ mail: { command: ['npm', 'run', '--silent', 'worker'], ...session } });
  writeFileSync(
    rig.path('package.json'),
    JSON.stringify({ name: 'app', version: '1.0.0', scripts: { worker } }),
  );
  expect(launcher).not.toBe('');
  await rig.act('start');
  const one = rig.instance('mail.1');
  const inner = await innerOf(one);
  const { exitCode, all } = await rig.act('stop');
  expect(exitCode, all).toBe(0);
  expect(isAlive(inner)).toBe(false);
  expect(one.terms()).toContain(inner);
});
