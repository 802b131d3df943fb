import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { readProcess } from '../../../src/host/process/process-table.ts';
import { writeRecord } from '../../../src/host/state/records.ts';
import { watchInstances, type Watched } from '../../../src/engine/wait/view.ts';
import type { Context } from '../../../src/engine/session.ts';
import { aConfig, aWorker, recordOf } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const none: ReadonlySet<string> = new Set();

function sleeper(): { readonly pid: number; readonly end: () => Promise<void> } {
  const child: ChildProcess = spawn('sleep', ['1000']);
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(end);
  return { pid: child.pid ?? 0, end };
}

/** `mail.1`, whose record names this process and this shim. */
function watched(pid: number, shimPid: number): Watched {
  const process = readProcess(pid);
  if (process === undefined) throw new Error('it does not run');
  const { startTime, bootId } = process;
  const config = { ...aConfig(aWorker('mail', ['1'])), stateDir: scratch.folder() };
  writeRecord(config.stateDir, { ...recordOf('mail.1', pid), startTime, bootId, shimPid });
  return watchInstances({ config, hostName: 'web1' } as Context, ['mail.1']);
}

const presenceIn = async (
  { look }: Watched,
  changed: ReadonlySet<string> | undefined,
): Promise<string | undefined> => (await look(changed)).instances.get('mail.1')?.presence.kind;

test('a death that no shim reports must be seen at a look without any news', async () => {
  const [worker, shim] = [sleeper(), sleeper()];
  const of = watched(worker.pid, shim.pid);
  expect(await presenceIn(of, undefined)).toBe('alive');
  await shim.end();
  expect(await presenceIn(of, none)).toBe('alive');
  await worker.end();
  expect(await presenceIn(of, none)).toBe('dead');
});

test('so must the death of a process that has no shim', async () => {
  const worker = sleeper();
  const of = watched(worker.pid, 0);
  expect(await presenceIn(of, undefined)).toBe('alive');
  await worker.end();
  expect(await presenceIn(of, none)).toBe('dead');
});

test('an instance whose shim lives must cost nothing until there is news of it, or all are looked at', async () => {
  const [worker, shim] = [sleeper(), sleeper()];
  const of = watched(worker.pid, shim.pid);
  expect(await presenceIn(of, undefined)).toBe('alive');
  await worker.end();
  expect(await presenceIn(of, none), 'without news').toBe('alive');
  expect(await presenceIn(of, new Set(['mail.10.exit'])), 'of another').toBe('alive');
  expect(await presenceIn(of, new Set(['mail.1.exit']))).toBe('dead');
});

test('a look at all must see it, too', async () => {
  const [worker, shim] = [sleeper(), sleeper()];
  const of = watched(worker.pid, shim.pid);
  await of.look(undefined);
  await worker.end();
  expect(await presenceIn(of, undefined)).toBe('dead');
});

test('what has died since the last look must be known when it is asked for, and be of these instances', () => {
  const of = watched(sleeper().pid, 0);
  expect([...of.dying]).toEqual([]);
  const coming = new Set<string>();
  of.follow(() => coming);
  coming.add('mail.1.json').add('mail.10.exit').add('state.json');
  expect([...of.dying]).toEqual([]);
  coming.add('mail.1.exit');
  expect([...of.dying]).toEqual(['mail.1']);
});
