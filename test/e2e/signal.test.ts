// Signals that a person sends to instances.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startBystander } from '../rig/bystander.ts';
import { booted } from '../rig/instance.ts';
import { signals, tells } from '../rig/jobs.ts';
import { isAlive, look } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const noted = (rig: Rig, name: string, line: string): Promise<true> =>
  until(`${name} to note ${line}`, () => signals(rig, rig.instance(name)).includes(line));

test('a signal must reach the processes of all targets once, and be in the journal', async () => {
  const rig = createRig({ mail: { ...tells, count: 3 } });
  await rig.start();
  const one = await booted(rig.instance('mail.1'));
  const three = await booted(rig.instance('mail.3'));
  const { exitCode, events } = await rig.act('signal', 'usr1', 'mail.{1,3}');
  expect(exitCode).toBe(0);
  expect(events).toMatchObject([
    { kind: 'signal_sent', instance: 'mail.1', pid: one, signal: 'SIGUSR1' },
    { kind: 'signal_sent', instance: 'mail.3', pid: three, signal: 'SIGUSR1' },
  ]);
  await noted(rig, 'mail.1', `USR1 ${one}`);
  await noted(rig, 'mail.3', `USR1 ${three}`);
  expect(signals(rig, rig.instance('mail.2'))).toEqual([]);
  expect(rig.journal('signal_sent').map(({ instance }) => instance)).toEqual(['mail.1', 'mail.3']);
  const { stdout } = await rig.workerctl('signal', 'SIGUSR2', 'mail', '--state', 'ready');
  expect(stdout).toMatch(/^3 signalled$/m);
  await expectQuiet(rig);
});

test.each([
  ['TERM', {}, 'workerctl stop mail'],
  ['SIGKILL', {}, 'workerctl stop mail --now'],
  ['STOP', {}, 'workerctl quiet mail'],
  ['USR1', { stop: { quiet: 'USR1', resume: 'USR2' } }, 'workerctl quiet mail'],
  ['USR2', { stop: { quiet: 'USR1', resume: 'USR2' } }, 'workerctl resume mail'],
  ['HUP', { stop: { signal: 'HUP' } }, 'workerctl stop mail'],
])('SIG%s must be refused for the worker %j, naming %j', async (signal, keys, command) => {
  const rig = createRig({ mail: { ...tells, ...keys } });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  const { exitCode, stderr } = await rig.workerctl('signal', signal, 'mail.1');
  expect(exitCode).toBe(2);
  expect(stderr).toContain(command);
  expect(isAlive(pid)).toBe(true);
  expect(signals(rig, rig.instance('mail.1'))).toEqual([]);
});

test('a signal that the process does not handle must not be sent: it would end it', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  for (const signal of ['USR1', 'HUP', 'ALRM', 'TTIN']) {
    const { exitCode, of } = await rig.act('signal', signal, 'mail.1');
    expect(exitCode).toBe(1);
    expect(of('signal_failed')).toMatchObject([
      { pid, problem: expect.stringContaining('does not handle') as unknown },
    ]);
  }
  expect((await rig.act('signal', 'WINCH', 'mail.1')).exitCode).toBe(0);
  expect(isAlive(pid)).toBe(true);
});

test('an instance that does not run must make it fail, and not keep it from the others', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start('mail.1');
  const pid = await booted(rig.instance('mail.1'));
  const { exitCode, events } = await rig.act('signal', 'USR1', 'mail');
  expect(exitCode).toBe(1);
  expect(events).toMatchObject([
    { kind: 'signal_sent', instance: 'mail.1' },
    { kind: 'not_running', instance: 'mail.2' },
  ]);
  await noted(rig, 'mail.1', `USR1 ${pid}`);
});

test('a process that only its record calls the instance’s must get none', async () => {
  const rig = createRig({ mail: tells });
  await rig.start();
  await booted(rig.instance('mail.1'));
  const innocent = await startBystander(rig.folder);
  const file = `${rig.stateDir}/mail.1.json`;
  const record = JSON.parse(readFileSync(file, 'utf8')) as object;
  const startTime = look(innocent.pid)?.startTime;
  writeFileSync(
    file,
    `${JSON.stringify({ ...record, pid: innocent.pid, start_time: startTime })}\n`,
  );
  const { exitCode, of } = await rig.act('signal', 'WINCH', 'mail.1');
  expect(exitCode).toBe(1);
  expect(of('signal_failed')).toMatchObject([{ pid: innocent.pid }]);
  expect(of('signal_sent')).toEqual([]);
});

test.each([
  [['signal'], /expected SIGNAL and TARGET/],
  [['signal', 'USR1'], /expected SIGNAL and TARGET/],
  [['signal', 'mail.1', 'USR1'], /expected the name of a signal/],
  [['signal', '10', 'mail'], /expected the name of a signal/],
  [['signal', 'USR1', 'mial'], /did you mean mail/],
])('%j must be wrong usage', async (words, problem) => {
  const rig = createRig({ mail: tells });
  const { exitCode, stderr } = await rig.workerctl(...words);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(problem);
});
