// Programs that fork away and write their own pidfile.
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { environmentOf, isStillThere, processAt } from '../rig/kernel.ts';
import { deathOf, eventsIn, problemOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** A worker whose daemon does what `how` says; see the fixture. */
const daemon = (how: string, more: WorkerKeys = {}): WorkerKeys => ({
  command: [fixture('forks-away'), 'tmp/%n.pid', how],
  daemonizes: true,
  pidfile: 'tmp/%n.pid',
  backoff: { initial: '100ms', max: '100ms' },
  ...more,
});

function createDaemonRig(how = 'late', more: WorkerKeys = {}): Rig {
  const rig = createRig({ mail: daemon(how, more) });
  mkdirSync(rig.path('tmp'));
  return rig;
}

/** The pid in the program's own pidfile. */
const pidOf = (rig: Rig, name = 'mail.1'): number =>
  Number(readOr(rig.path(`tmp/${name}.pid`), '0'));

/** The pid in the record, which a start removes for a moment. */
const recordedPid = (rig: Rig, name = 'mail.1'): number =>
  Number(/"pid":(\d+)/.exec(readOr(`${rig.stateDir}/${name}.json`, ''))?.[1]);

/** How often the program's command was called. */
const callsOf = (rig: Rig, name = 'mail.1'): number =>
  readOr(rig.path(`${name}.calls`), '')
    .split('\n')
    .filter(Boolean).length;

/** The daemons of an instance by the kernel's word alone, without the shell that forks one. */
function daemonsOf(rig: Rig, name = 'mail.1'): number[] {
  const found = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter(
      (pid) =>
        processAt(pid) !== undefined &&
        environmentOf(pid)['WORKERCTL_INSTANCE'] === name &&
        environmentOf(pid)['WORKERCTL_STATE_DIR'] === rig.stateDir &&
        /^(?!.*\0-c\0).*(drains-after-job|become)/.test(readOr(`/proc/${pid}/cmdline`, '')),
    );
  // A child of one is what it has just forked, and not another program yet.
  return found.filter((pid) => !found.includes(processAt(pid)?.parent ?? pid));
}

const statesOf = async (rig: Rig): Promise<unknown> => {
  const { stdout } = await rig.workerctl('status', '--json');
  const { instances } = JSON.parse(stdout) as { instances: { instance: string; state: string }[] };
  return Object.fromEntries(instances.map(({ instance, state }) => [instance, state]));
};

test('the daemon in the pidfile must become the instance, with our environment and its own heartbeat file', async () => {
  const rig = createDaemonRig();
  const { exitCode, all, of } = await rig.act('start');
  expect(exitCode, all).toBe(0);
  const pid = pidOf(rig);
  expect(of('started')).toMatchObject([{ instance: 'mail.1', pid }]);
  expect(recordedPid(rig)).toBe(pid);
  expect(daemonsOf(rig)).toEqual([pid]);
  const environment = environmentOf(pid);
  const runId = String(rig.instance('mail.1').record()['run_id']);
  expect(environment['WORKERCTL_HEARTBEAT_FILE']).toBe(
    `${rig.stateDir}/heartbeats/mail.1.${runId}`,
  );
  expect(environment).not.toHaveProperty('WORKERCTL_PID');
  expect(Object.keys(environment).filter((key) => key.startsWith('SHIM_'))).toEqual([]);
  expect(existsSync(`${rig.stateDir}/mail.1.pid`)).toBe(false);
});

test('a busy daemon must be drained with one TERM, its job done once, and replaced through its own pidfile', async () => {
  const rig = createDaemonRig();
  await rig.workerctl('start');
  const old = pidOf(rig);
  const mail = rig.instance('mail.1');
  await mail.giveJob();
  const restart = rig.workerctl('restart', '--graceful');
  await mail.asked();
  const refused = await rig.workerctl('start');
  expect(refused.exitCode, refused.all).toBe(1);
  expect((await rig.workerctl('bootcheck')).all).toBe('');
  mail.finishJob();
  const { exitCode, all } = await restart;
  expect(exitCode, all).toBe(0);
  expect(pidOf(rig)).not.toBe(old);
  expect(recordedPid(rig)).toBe(pidOf(rig));
  expect(mail.terms()).toEqual([old]);
  expect(mail.done()).toEqual([old]);
  expect(daemonsOf(rig)).toEqual([pidOf(rig)]);
});

test('stop must let it finish and leave the pidfile, which is not ours, alone', async () => {
  const rig = createDaemonRig();
  await rig.workerctl('start');
  const pid = pidOf(rig);
  const { exitCode, all, of } = await rig.act('stop');
  expect(exitCode, all).toBe(0);
  expect(of('exited')).toMatchObject([{ instance: 'mail.1', pid }]);
  expect(deathOf(of('exited')[0])).toEqual({ unknown: expect.stringMatching(/shim/) as string });
  expect(processAt(pid)).toBeUndefined();
  expect(pidOf(rig)).toBe(pid);
  expect(await statesOf(rig)).toEqual({ 'mail.1': 'stopped' });
});

test('the pidfile of a dead process must not keep it from starting', async () => {
  const rig = createDaemonRig();
  const dead = spawn('true');
  await new Promise((resolve) => dead.once('exit', resolve));
  writeFileSync(rig.path('tmp/mail.1.pid'), `${String(dead.pid)}\n`);
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(0);
  expect(daemonsOf(rig)).toEqual([pidOf(rig)]);
});

test('a pid that was given to another process must neither keep it from starting nor be signalled', async () => {
  const rig = createDaemonRig();
  const innocent = spawn('sleep', ['1000'], { env: { RIG: rig.folder }, stdio: 'ignore' });
  const pid = Number(innocent.pid);
  const { startTime = 0 } = processAt(pid) ?? {};
  writeFileSync(rig.path('tmp/mail.1.pid'), `${pid}\n`);
  utimesSync(rig.path('tmp/mail.1.pid'), 1_000_000, 1_000_000);
  const { exitCode, all } = await rig.workerctl('start');
  // The program itself only asks whether a process has that pid: so the file had to go.
  expect(exitCode, all).toBe(0);
  expect(pidOf(rig)).not.toBe(pid);
  await rig.workerctl('stop');
  expect(isStillThere({ pid, startTime })).toBe(true);
});

test('a pidfile that may or may not be its own must be left to a person', async () => {
  const rig = createDaemonRig();
  const unlike = spawn('sleep', ['1000'], { env: { RIG: rig.folder }, stdio: 'ignore' });
  writeFileSync(rig.path('tmp/mail.1.pid'), `${String(unlike.pid)}\n`);
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(1);
  expect(all).toMatch(new RegExp(`${String(unlike.pid)}.*sleep 1000`));
  expect(callsOf(rig)).toBe(0);
  const adopted = await rig.workerctl('adopt', 'mail.1', 'tmp/mail.1.pid');
  expect(adopted.exitCode, adopted.all).toBe(0);
  expect(recordedPid(rig)).toBe(unlike.pid);
});

test.each([
  ['fails', /\b3\b/],
  ['never', /pidfile/],
  ['garbage', /pidfile/],
  ['dies', /pidfile/],
])('a daemon that %s must be a failed start, and be found if it lives', async (how, found) => {
  const rig = createDaemonRig(how, { start: { timeout: '3s' } });
  const { exitCode, all, of } = await rig.act('start');
  expect(exitCode, all).toBe(1);
  const [failed] = of('start_failed');
  expect(failed).toMatchObject({ instance: 'mail.1' });
  // One that dies may have been seen alive before: then its end is what is reported.
  if (how !== 'dies') expect(problemOf(failed)).toMatch(found);
  if (how === 'fails') expect(failed).toMatchObject({ log: ['cannot reach the queue'] });
  const living = daemonsOf(rig);
  expect(living).toHaveLength(how === 'never' || how === 'garbage' ? 1 : 0);
  if (living.length === 0) return;
  await until('the process that carries the marker to be adopted', async () => {
    await rig.workerctl('bootcheck');
    return recordedPid(rig) === living[0];
  });
  expect(callsOf(rig)).toBe(1);
});

test('a command that fails must be a failed start, and the daemon that it leaves behind be shown, stopped and not doubled', async () => {
  const rig = createDaemonRig('leaves');
  const { exitCode, all, of } = await rig.act('start');
  expect(exitCode, all).toBe(1);
  expect(problemOf(of('start_failed')[0])).toMatch(/exit status 3.*left pid/);
  expect(JSON.stringify(of('started'))).not.toContain('named by its pidfile');
  const pid = pidOf(rig);
  expect([recordedPid(rig), daemonsOf(rig)]).toEqual([pid, [pid]]);
  expect(await statesOf(rig)).toEqual({ 'mail.1': 'late' });
  expect((await rig.workerctl('bootcheck')).exitCode).toBeLessThan(2);
  expect((await rig.workerctl('start')).exitCode).toBe(1);
  expect([callsOf(rig), daemonsOf(rig)]).toEqual([1, [pid]]);
  const [shown] = (
    JSON.parse((await rig.workerctl('status', '--json')).stdout) as {
      instances: { pid: number; detail: string }[];
    }
  ).instances;
  expect(shown).toMatchObject({ pid, detail: expect.stringContaining('exit status 3') as string });
  const doctor = await rig.workerctl('doctor');
  expect(doctor.stdout).toMatch(/^problem +mail\.1: late: .*exit status 3/m);
  expect(doctor.stdout).toMatch(/do: .*workerctl restart mail\.1$/m);
  expect(doctor.stdout).not.toContain('raise ready.timeout');
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(daemonsOf(rig)).toEqual([]);
});

test('a restart whose command fails must be aborted, whatever its pidfile says', async () => {
  const rig = createDaemonRig('late', { count: 2 });
  expect((await rig.act('start')).exitCode).toBe(0);
  rig.configure({ mail: daemon('leaves', { count: 2 }) });
  const { exitCode, all } = await rig.act('restart');
  expect(exitCode, all).toBe(1);
  expect(daemonsOf(rig, 'mail.2')).toHaveLength(1);
});

test('a command that does not fork must be reported as such, and can be stopped', async () => {
  const rig = createDaemonRig('stays', { start: { timeout: '1s' } });
  const { exitCode, all, of } = await rig.act('start');
  expect(exitCode, all).toBe(1);
  expect(problemOf(of('start_failed')[0])).toContain('1s');
  expect(await statesOf(rig)).toEqual({ 'mail.1': 'late' });
  await rig.workerctl('bootcheck');
  expect(callsOf(rig)).toBe(1);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(await statesOf(rig)).toEqual({ 'mail.1': 'stopped' });
});

test('while a daemon is starting no other pass must wait for it or start it again', async () => {
  const rig = createDaemonRig('slow');
  const started = await rig.workerctl('start', '--no-wait');
  expect(started.exitCode, started.all).toBe(0);
  await until('the daemon without its pidfile', () => daemonsOf(rig).length === 1);
  expect(await statesOf(rig)).toEqual({ 'mail.1': 'starting' });
  const passes = await Promise.all(
    ['bootcheck', 'start', 'bootcheck'].map((verb) =>
      rig.workerctl(verb, ...(verb === 'start' ? ['--no-wait'] : [])),
    ),
  );
  for (const { exitCode } of passes) expect([0, 75]).toContain(exitCode);
  writeFileSync(rig.path('go'), '');
  await until('the daemon in the record', () => recordedPid(rig) === pidOf(rig));
  expect(callsOf(rig)).toBe(1);
  expect(daemonsOf(rig)).toEqual([pidOf(rig)]);
});

test('a restart while a daemon is starting must replace that daemon', async () => {
  const rig = createDaemonRig('slow');
  await rig.workerctl('start', '--no-wait');
  const [first] = await until('the daemon without its pidfile', () => {
    const found = daemonsOf(rig);
    return found.length === 1 && found;
  });
  const restart = rig.workerctl('restart');
  await until('the restart', () =>
    /"rollouts": \[\n/.test(readOr(`${rig.stateDir}/state.json`, '')),
  );
  writeFileSync(rig.path('go'), '');
  const { exitCode, all } = await restart;
  expect(exitCode, all).toBe(0);
  expect(rig.instance('mail.1').terms()).toEqual([first]);
  expect(daemonsOf(rig)).toEqual([pidOf(rig)]);
  expect(pidOf(rig)).not.toBe(first);
});

test.each([
  ['the shim was killed while its daemon had not written the pidfile', true],
  ['the state directory was deleted', false],
])('no second one must be started when %s', async (_, isBeforePidfile) => {
  const rig = createDaemonRig('slow');
  await rig.workerctl('start', '--no-wait');
  await until('the daemon', () => daemonsOf(rig).length === 1);
  const [only = 0] = daemonsOf(rig);
  if (isBeforePidfile) {
    // Behind its command the shim itself is what the record names.
    const shim = await until('the shim to wait', () => {
      const { pid, shim_pid: own } = rig.instance('mail.1').record();
      return pid === own && Number(pid);
    });
    process.kill(shim, 'SIGKILL');
    await until('the end of the shim', () => processAt(shim) === undefined);
  } else {
    writeFileSync(rig.path('go'), '');
    await until('the record', () => recordedPid(rig) === only);
    await rig.shell(`rm -rf '${rig.stateDir}'`);
  }
  await until('it to be adopted, which its backoff may put off', async () =>
    (await rig.workerctl('bootcheck')).all.includes(`mail.1: adopted pid ${only}`),
  );
  writeFileSync(rig.path('go'), '');
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  expect(recordedPid(rig)).toBe(only);
  expect(daemonsOf(rig)).toEqual([only]);
  expect(callsOf(rig)).toBe(1);
});

test('a program that replaces itself must be followed through its pidfile, and drained there', async () => {
  const rig = createDaemonRig();
  await rig.workerctl('start');
  const old = pidOf(rig);
  // The new one takes the pidfile before the old one leaves.
  const next = spawn(fixture('drains-after-job'), [], {
    env: { ...environmentOf(old) },
    cwd: rig.folder,
    detached: true,
    stdio: 'ignore',
  });
  next.unref();
  writeFileSync(rig.path('tmp/mail.1.pid'), `${String(next.pid)}\n`);
  await until('the new one to boot', () => rig.instance('mail.1').boots().length === 2);
  expect((await rig.workerctl('bootcheck')).all).toBe('');
  process.kill(old, 'SIGTERM');
  await until('the end of the old one', () => processAt(old) === undefined);
  expect((await rig.act('bootcheck')).of('adopted')).toMatchObject([
    { instance: 'mail.1', pid: next.pid },
  ]);
  expect(callsOf(rig)).toBe(1);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(rig.instance('mail.1').terms()).toEqual([old, next.pid]);
});

test('a killed command must leave nothing behind that the next pass does twice', async () => {
  for (let effects = 1; ; effects += 1) {
    const rig = createDaemonRig();
    const died = await rig.workerctlWith({ WORKERCTL_TEST_DIE_AFTER: String(effects) }, 'start');
    await until(`the instance to be ready after ${effects} effects`, async () => {
      await rig.workerctl('bootcheck');
      const states = (await statesOf(rig)) as Record<string, string>;
      return states['mail.1'] === 'ready';
    });
    expect(daemonsOf(rig)).toEqual([pidOf(rig)]);
    expect(callsOf(rig), `killed behind ${effects} effects`).toBe(1);
    if (died.signal !== 'SIGKILL') return;
  }
});

test('a dead daemon must be seen by a watch, and replaced', async () => {
  const rig = createDaemonRig();
  const watch = rig.workerctl('watch', '--json');
  await until('the daemon', () => pidOf(rig) > 0 && recordedPid(rig) === pidOf(rig));
  const old = pidOf(rig);
  process.kill(old, 'SIGKILL');
  await until('another daemon', () => pidOf(rig) !== old && recordedPid(rig) === pidOf(rig));
  watch.kill('SIGTERM');
  const { stdout } = await watch;
  const died = eventsIn(`${stdout}\n`).filter(({ kind }) => kind === 'died');
  expect(died).toMatchObject([{ instance: 'mail.1', pid: old }]);
  expect(daemonsOf(rig)).toEqual([pidOf(rig)]);
});

test('--overlap must be refused: both would own one pidfile', async () => {
  const rig = createDaemonRig();
  const { exitCode, all } = await rig.workerctl('restart', '--overlap');
  expect(exitCode, all).toBe(2);
  expect(all).toMatch(/--overlap.*mail/);
});
