import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { counts, crashEverywhere, noting, oneOf, starting, two } from '../rig/crash.ts';
import { linesOf } from '../rig/files.ts';
import { booted, successor, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, signals, tells } from '../rig/jobs.ts';
import { isAlive } from '../rig/kernel.ts';
import { bootcheck, createRig, statesOf, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** Notes itself, waits for INSTANCE.let if there is a file `waits`, and asks the worker by a signal of its own. */
const script = `
echo "$1 $WORKERCTL_PID $PWD" >>"$RIG/$2.commands"
while [ -e "$RIG/waits" ] && [ ! -e "$RIG/$2.let" ]; do sleep 0.02; done
if [ -e "$RIG/fails" ]; then echo 'connecting'; echo 'no such node' >&2; exit 69; fi
case $1 in hush) kill -s USR1 "$WORKERCTL_PID" ;; back) kill -s USR2 "$WORKERCTL_PID" ;; esac
echo "$1 done" >>"$RIG/$2.commands"
`;
const hush = { command: ['sh', 'control', 'hush', '%n'] };
const back = { command: ['sh', 'control', 'back', '%n'] };

/** Commands that began, and their ends. */
const commands = (rig: Rig, { name }: InstanceHandle): string[] =>
  linesOf(rig.path(`${name}.commands`)).map((line) => line.replace(/ \/.*/, ''));

async function running(stop: WorkerKeys, more: WorkerKeys = {}) {
  const rig = createRig({ mail: { ...tells, stop, ...more } });
  writeFileSync(rig.path('control'), script);
  await rig.start();
  const mail = rig.instance('mail.1');
  return { rig, mail, pid: await booted(mail) };
}

const begun = (rig: Rig, mail: InstanceHandle): Promise<true> =>
  until('the command to run', () => commands(rig, mail).length > 0);

test('an idle instance must be made quiet by the command before it gets its TERM, in its directory and with its environment', async () => {
  const { rig, mail, pid } = await running({ quiet: hush });
  writeFileSync(rig.path('waits'), '');
  const stopping = rig.act('stop');
  await begun(rig, mail);
  expect(linesOf(rig.path('mail.1.commands'))).toEqual([`hush ${pid} ${rig.folder}`]);
  expect(await statesOf(rig)).toEqual(['mail.1 draining']);
  // A pass does not hang behind the command, and does not ask either.
  expect(await bootcheck(rig)).toEqual([]);
  expect(mail.terms()).toEqual([]);
  writeFileSync(rig.path('mail.1.let'), '');
  const { exitCode, all, of } = await stopping;
  expect(exitCode, all).toBe(0);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
  expect(commands(rig, mail)).toEqual([`hush ${pid}`, 'hush done']);
  expect(of('quieted')).toMatchObject([{ pid, program: 'sh', stops_when_idle: true }]);
  expect(rig.journal('not_quieted')).toEqual([]);
});

test('a busy instance must finish its job and take no other', async () => {
  const { rig, mail } = await running({ quiet: hush });
  const pid = await giveJob(rig, mail, 'job 1');
  const stopping = rig.workerctl('stop');
  await until('it to be quiet', () => signals(rig, mail).length > 0);
  writeFileSync(rig.path('mail.1.job'), 'job 2\n');
  finishJob(rig, pid);
  expect((await stopping).exitCode).toBe(0);
  expect(mail.done()).toEqual([pid]);
  expect(existsSync(rig.path('mail.1.job'))).toBe(true);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('stop --no-wait must go as far as the commands allow: idle ones are asked', async () => {
  const { rig, mail, pid } = await running({ quiet: hush });
  expect((await rig.workerctl('stop', '--no-wait')).exitCode).toBe(0);
  await mail.left(pid);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('stop --now must not run it', async () => {
  const { rig, mail, pid } = await running({ quiet: hush });
  expect((await rig.workerctl('stop', '--now')).exitCode).toBe(0);
  await mail.left(pid);
  expect(commands(rig, mail)).toEqual([]);
});

test('a command that fails must be reported once, with its last line, and TERM must follow', async () => {
  const { rig, mail, pid } = await running({ quiet: hush });
  writeFileSync(rig.path('fails'), '');
  const { exitCode, of, all } = await rig.act('stop');
  expect(exitCode, all).toBe(0);
  expect(of('not_quieted')).toMatchObject([{ pid, problem: 'exit status 69 (no such node)' }]);
  expect(of('draining')[0]?.['cause']).toMatch(
    /; stop\.quiet failed: exit status 69 \(no such node\)$/,
  );
  expect(signals(rig, mail)).toEqual([`TERM ${pid}`]);
});

test('a command that fails must not make it lose its job', async () => {
  const { rig, mail } = await running({ quiet: hush });
  writeFileSync(rig.path('fails'), '');
  const pid = await giveJob(rig, mail, 'job 1');
  const stopping = rig.workerctl('stop');
  await until('the failure', () => rig.journal('not_quieted').length > 0);
  await bootcheck(rig);
  expect(mail.terms()).toEqual([]);
  finishJob(rig, pid);
  expect((await stopping).exitCode).toBe(0);
  expect(mail.done()).toEqual([pid]);
});

test('a command that takes too long must be killed with what it has started, and TERM must follow', async () => {
  const { rig, mail, pid } = await running({ quiet: { ...hush, timeout: '1s' } });
  writeFileSync(rig.path('waits'), '');
  const { exitCode, of } = await rig.act('stop');
  expect(exitCode).toBe(0);
  expect(of('not_quieted')).toMatchObject([{ problem: 'it took too long and was killed' }]);
  expect(signals(rig, mail)).toEqual([`TERM ${pid}`]);
});

test('a command that cannot be run must be reported, and TERM must follow', async () => {
  const { rig, mail, pid } = await running({ quiet: { command: 'no-such-program' } });
  const { exitCode, of } = await rig.act('stop');
  expect(exitCode).toBe(0);
  expect(of('not_quieted')[0]?.['problem']).toMatch(/^exit status 127/);
  expect(signals(rig, mail)).toEqual([`TERM ${pid}`]);
});

test('what was killed after it had started the command must be continued by the next pass, without a second one', async () => {
  const { rig, mail, pid } = await running({ quiet: hush });
  writeFileSync(rig.path('waits'), '');
  const stopping = rig.workerctl('stop');
  await begun(rig, mail);
  stopping.kill('SIGKILL');
  await stopping;
  expect(await bootcheck(rig)).toEqual([]);
  writeFileSync(rig.path('mail.1.let'), '');
  await until('the TERM', async () => {
    await rig.workerctl('bootcheck');
    return mail.terms().length > 0;
  });
  await mail.left(pid);
  expect(commands(rig, mail)).toEqual([`hush ${pid}`, 'hush done']);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('a stop that is killed behind any of its effects must be carried on, and no command or TERM be repeated', async () => {
  const quiet = { command: ['sh', '-c', 'kill -s USR1 "$WORKERCTL_PID"'], timeout: '1s' };
  const effects = await crashEverywhere({
    workers: { mail: noting({ count: 2, stop: { quiet } }) },
    prepare: starting(...two),
    command: ['stop', '--no-wait'],
    // A command that was noted, but not started, has failed when its time is over.
    afterwards: (rig) =>
      until('the TERMs of those that were asked', async () => {
        await rig.workerctl('bootcheck');
        return two.map(rig.instance).every((one) => {
          const isAsked = existsSync(`${rig.stateDir}/${one.name}.quiet`);
          return !isAsked || one.processes().length === 0;
        });
      }),
    verdict: (rig) => {
      for (const count of counts(rig, 'quiets')) expect(count).toBeLessThan(2);
      return oneOf(counts(rig, 'terms'), [0, 0], [1, 1]);
    },
    wanted: (verdict) => (verdict === 'all' ? [] : two),
  });
  expect(effects).toBeGreaterThan(3);
}, 180_000);

test('quiet must wait for the command and fail with it; a second quiet tries again', async () => {
  const { rig, mail, pid } = await running({ quiet: hush, resume: back });
  writeFileSync(rig.path('fails'), '');
  const failed = await rig.act('quiet');
  expect(failed.exitCode).toBe(1);
  expect(failed.of('quiet_failed')).toMatchObject([{ problem: 'exit status 69 (no such node)' }]);
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
  await bootcheck(rig); // it does not try again by itself
  expect(commands(rig, mail)).toEqual([`hush ${pid}`]);
  rmSync(rig.path('fails'));
  expect((await rig.act('quiet')).exitCode).toBe(0);
  expect(commands(rig, mail)).toEqual([`hush ${pid}`, `hush ${pid}`, 'hush done']);
});

test('quiet and resume by commands must hold when they are confirmed', async () => {
  const { rig, mail, pid } = await running({ quiet: hush, resume: back });
  expect((await rig.act('quiet')).exitCode).toBe(0);
  await until('it to be quiet', () => signals(rig, mail).length === 1);
  expect(await statesOf(rig)).toEqual(['mail.1 quiet']);
  expect((await rig.act('quiet')).story()).toEqual(['already_quiet mail.1']);
  const resumed = await rig.act('resume');
  expect(resumed.exitCode).toBe(0);
  expect(resumed.of('resumed')).toMatchObject([{ pid, program: 'sh' }]);
  await until('it to take jobs', () => signals(rig, mail).length === 2);
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
  expect((await rig.act('resume')).story()).toEqual(['not_quiet mail.1']);
  // Another round: nothing of the first one counts any more.
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(commands(rig, mail).filter((line) => line.endsWith(` ${pid}`))).toEqual([
    `hush ${pid}`,
    `back ${pid}`,
    `hush ${pid}`,
  ]);
  expect(signals(rig, mail).at(-1)).toBe(`TERM ${pid}`);
});

test('a resume that fails must be reported, and the instance replaced', async () => {
  const { rig, mail, pid } = await running({ quiet: hush, resume: back });
  expect((await rig.workerctl('quiet')).exitCode).toBe(0);
  writeFileSync(rig.path('fails'), '');
  const { exitCode, of } = await rig.act('resume');
  expect(exitCode).toBe(1);
  expect(of('resume_failed')).toMatchObject([{ problem: 'exit status 69 (no such node)' }]);
  await until('the replacement', async () => {
    await rig.workerctl('bootcheck');
    return mail.boots().length > 1;
  });
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('with overlap the replacement must start while the command runs, and the old one get one TERM', async () => {
  const { rig, mail } = await running({ quiet: hush }, { ready: { after: '100ms' } });
  writeFileSync(rig.path('waits'), '');
  const pid = await giveJob(rig, mail, 'job 1');
  const restarting = rig.act('restart', '--overlap');
  const next = await successor(mail, pid);
  await until('both', async () => (await statusOf(rig)).instances.length === 2);
  expect(mail.terms()).toEqual([]);
  writeFileSync(rig.path('mail.1.let'), '');
  const { exitCode, all } = await restarting;
  expect(exitCode, all).toBe(0);
  expect((await statusOf(rig)).instances.map(({ state }) => state)).toEqual(['ready', 'retiring']);
  await until('it to be quiet', () => signals(rig, mail).length > 0);
  expect(mail.terms()).toEqual([]);
  finishJob(rig, pid);
  await until('the old one to be asked', async () => {
    await rig.workerctl('bootcheck');
    return mail.terms().length > 0;
  });
  await until('it to exit', async () => (await statusOf(rig)).instances.length === 1);
  await rig.workerctl('bootcheck');
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
  expect(commands(rig, mail)).toEqual([`hush ${pid}`, 'hush done']);
  expect(mail.pid()).toBe(next);
});

test('with overlap a restart must ask an idle old one itself when the command has ended', async () => {
  const { rig, mail, pid } = await running({ quiet: hush }, { ready: { after: '100ms' } });
  writeFileSync(rig.path('waits'), '');
  const restarting = rig.act('restart', '--overlap');
  await successor(mail, pid);
  const both = ['mail.1 ready', 'mail.1 retiring'];
  await until('both', async () => (await statesOf(rig)).join() === both.join());
  writeFileSync(rig.path('mail.1.let'), '');
  const { exitCode, all } = await restarting;
  expect(exitCode, all).toBe(0);
  await until('its end', () => !isAlive(pid));
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('a surplus instance must be made quiet before its TERM by want', async () => {
  const { rig } = await running({ quiet: hush }, { count: 2 });
  const [one, two] = [rig.instance('mail.1'), rig.instance('mail.2')];
  const pid = await booted(two);
  expect((await rig.workerctl('want', '1', 'mail')).exitCode).toBe(0);
  await two.left(pid);
  expect(signals(rig, two)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
  expect(commands(rig, one)).toEqual([]);
});
