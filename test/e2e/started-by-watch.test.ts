// A running watch starts what commands would start: its workers live in its unit, not in the session of who runs a command.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { processAt } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, holdsPassLock, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching, type Watching } from '../rig/watch.ts';

const idle: WorkerKeys = { command: fixture('idle'), ready: { after: '0s' } };

/** Who has started an instance: the parent of its shim. */
const starterOf = (rig: Rig, name: string): number | undefined => {
  const shim = processAt(rig.instance(name).pid() ?? 0)?.parent ?? 0;
  return processAt(shim)?.parent;
};

const slow = 'has started nothing for 2 s';

/** Two instances that run, and a watch that has started neither. */
async function underWatch(keys: WorkerKeys = idle): Promise<{ rig: Rig; watch: Watching }> {
  const rig = createRig({ mail: { ...keys, count: 2 } });
  await rig.start();
  const watch = await watching(rig);
  await watch.quiet();
  return { rig, watch };
}

test.each([
  ['restart', []],
  ['restart --no-wait', []],
  ['restart --overlap', []],
  ['start', ['stop']],
  ['start --no-wait', ['stop']],
  ['unhold', ['hold', 'stop', 'start']],
  ['want 3 mail', []],
])('%s must leave the starts to a watch, and report them', async (command, before) => {
  const { rig, watch } = await underWatch();
  for (const words of before) await rig.act(words);
  const acted = await rig.act(...command.split(' '));
  expect(acted.exitCode, acted.all).toBe(0);
  const name = command.startsWith('want') ? 'mail.3' : 'mail.1';
  await booted(rig.instance(name));
  await watch.quiet();
  expect(starterOf(rig, name)).toBe(watch.pid);
  expect(acted.all).not.toContain(slow);
  // Written to the journal once, by the watch.
  const started = rig
    .journal()
    .filter(({ kind, pid }) => kind === 'started' && pid === rig.instance(name).pid());
  expect(started).toMatchObject([{ command: 'watch' }]);
  for (const one of ['mail.1', 'mail.2']) expect(rig.instance(one).processes()).toHaveLength(1);
});

test('a bootcheck beside a watch must leave the starts to it', async () => {
  const { rig, watch } = await underWatch();
  process.kill(watch.pid, 'SIGSTOP');
  process.kill(rig.instance('mail.1').pid() ?? 0, 'SIGKILL');
  const checking = rig.act('bootcheck');
  await until('bootcheck to have seen the death', () =>
    rig.journal().some(({ kind, command }) => kind === 'died' && command === 'bootcheck'),
  );
  process.kill(watch.pid, 'SIGCONT');
  const checked = await checking;
  expect(checked.exitCode, checked.all).toBe(0);
  expect(starterOf(rig, 'mail.1')).toBe(watch.pid);
});

test('what a watch does not start within two seconds must be started by the command, which says so', async () => {
  const { rig, watch } = await underWatch();
  await rig.act('stop');
  await watch.quiet(); // else it may hold the pass lock
  process.kill(watch.pid, 'SIGSTOP');
  const started = await rig.act('start');
  expect(started.exitCode, started.all).toBe(0);
  expect(started.all.split(slow)).toHaveLength(3); // its sentence in text, and as JSON
  for (const name of ['mail.1', 'mail.2']) expect(starterOf(rig, name)).not.toBe(watch.pid);
  process.kill(watch.pid, 'SIGCONT');
  await watch.quiet();
  for (const name of ['mail.1', 'mail.2']) expect(rig.instance(name).processes()).toHaveLength(1);
});

test('also while others wait for their turn: what was asked for waits for none', async () => {
  const ready = { file: '%n.never', timeout: '100s' };
  const rig = createRig({ mail: { ...idle, count: 24, start: { parallel: 1 }, ready } });
  const watch = await watching(rig);
  await booted(rig.instance('mail.1'));
  await until('the watch to be stopped between two passes', () => {
    process.kill(watch.pid, 'SIGSTOP');
    if (!holdsPassLock(rig, watch.pid)) return true;
    process.kill(watch.pid, 'SIGCONT');
    return false;
  });
  expect(rig.instance('mail.24').process()).toBeUndefined();
  const started = await rig.act('start', 'mail.24', '--no-wait');
  expect(started.exitCode, started.all).toBe(0);
  expect(started.all).toContain(slow);
  expect(rig.instance('mail.24').processes()).toHaveLength(1);
  expect(starterOf(rig, 'mail.24')).not.toBe(watch.pid);
  process.kill(watch.pid, 'SIGCONT');
});

test('a restart must wait for a busy instance as ever, and its replacement be started by the watch', async () => {
  const { rig, watch } = await underWatch(tells);
  const busy = await giveJob(rig, rig.instance('mail.2'), 'job 7');
  const restarting = rig.act('restart');
  const [first] = [rig.instance('mail.1')];
  await watch.reports('started', { instance: 'mail.1' });
  finishJob(rig, busy);
  const restarted = await restarting;
  expect(restarted.exitCode, restarted.all).toBe(0);
  expect(rig.instance('mail.2').boots()).toHaveLength(2);
  expect(starterOf(rig, 'mail.2')).toBe(watch.pid);
  expect(first.processes()).toHaveLength(1);
});

test('a process that ends before it is ready must make the command fail, if the watch has started it', async () => {
  const { rig, watch } = await underWatch();
  writeFileSync(rig.path('bad.sh'), 'echo no database; exit 3\n');
  rig.configure({ mail: { command: 'sh bad.sh', count: 2, ready: { after: '5s' } } });
  const restarted = await rig.act('restart');
  expect(restarted.exitCode, restarted.all).toBe(1);
  expect(restarted.all).toContain('no database');
  expect(watch.events('started').length).toBeGreaterThan(0);
  expect(restarted.all).not.toContain(slow);
});
