import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import type { ProcessRecord } from '../../../src/core/model/record.ts';
import { createAttending, everyInstance } from '../../../src/host/state/attended.ts';
import { attendedFolder } from '../../../src/host/state/paths.ts';
import { recordText, writeRecord } from '../../../src/host/state/records.ts';
import { bootId, look } from '../../rig/kernel.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const runId = 'abcdef0123456789';

const record = (instance: string): ProcessRecord => ({
  pid: 4711,
  startTime: 1,
  bootId: bootId(),
  instance,
  runId,
  shimPid: 4710,
  startedAt: momentOf(0),
  commandDigest: '0123456789ab',
  stopSignal: 'TERM',
  log: { path: '/a', offset: 0 },
});

/** A process that has died, with the report of its shim, which has left the pidfile. */
function leave(instance: string, { pidfile = '4711\n', run = runId } = {}): void {
  writeRecord(scratch.folder(), record(instance));
  scratch.write(`${instance}.exit`, `${JSON.stringify({ run_id: run, exit_status: 0 })}\n`);
  scratch.write(`${instance}.pid`, pidfile);
}

const attended = (): string[] => readdirSync(attendedFolder(scratch.folder()));
const hasPidfile = (instance: string): boolean => existsSync(scratch.path(`${instance}.pid`));

describe('attending', () => {
  test('must name this very process for each instance, until it is done with it', async () => {
    const attending = createAttending(scratch.folder());
    attending.add(['mail.1', 'mail.2']);
    attending.add(['mail.1']);
    const line = `${process.pid} ${look(process.pid)?.startTime ?? 0}\n`;
    expect(readFileSync(scratch.path('attended/mail.1'), 'utf8')).toBe(line);
    attending.done(['mail.1', 'other.1']);
    expect(attended()).toEqual(['mail.2']);
    await attending.close();
    expect(attended()).toEqual([]);
  });

  test('must remove in the end what shims have left', async () => {
    const attending = createAttending(scratch.folder());
    attending.add(['mail.1', 'mail.2']);
    for (const name of ['mail.1', 'mail.2', 'mail.3']) leave(name);
    attending.done(['mail.1']);
    await attending.close();
    expect(['mail.1', 'mail.2', 'mail.3'].filter(hasPidfile)).toEqual(['mail.3']);
  });

  test('to all must include every recorded one', async () => {
    const attending = createAttending(scratch.folder());
    attending.add([everyInstance]);
    for (const name of ['mail.1', 'mail.2']) leave(name);
    await attending.close();
    expect(['mail.1', 'mail.2'].filter(hasPidfile)).toEqual([]);
  });

  test.each([
    ['another process', { pidfile: '4712\n' }],
    ['a run that no shim has reported', { run: 'another' }],
  ])('must leave a pidfile of %s', async (_, left) => {
    const attending = createAttending(scratch.folder());
    attending.add(['mail.1']);
    leave('mail.1', left);
    await attending.close();
    expect(hasPidfile('mail.1')).toBe(true);
  });

  test('must leave the pidfile of a program that daemonizes', async () => {
    const attending = createAttending(scratch.folder());
    attending.add(['mail.1']);
    leave('mail.1');
    const text = recordText(record('mail.1')).replace('{', '{"launch_timeout_seconds":60,');
    scratch.write('mail.1.json', text);
    await attending.close();
    expect(hasPidfile('mail.1')).toBe(true);
  });

  describe('while a start holds the lock of the instance', () => {
    let fd: number | undefined;
    afterEach(() => {
      if (fd !== undefined) closeSync(fd);
    });

    test('must leave the pidfile', async () => {
      const attending = createAttending(scratch.folder());
      attending.add(['mail.1']);
      leave('mail.1');
      fd = openSync(scratch.path('mail.1.lock'), 'a+');
      const { status } = spawnSync('flock', ['-n', '3'], {
        stdio: ['ignore', 'ignore', 'ignore', fd],
      });
      expect(status).toBe(0);
      await attending.close();
      expect(hasPidfile('mail.1')).toBe(true);
    });
  });

  test('must do nothing where it cannot be said', async () => {
    writeFileSync(attendedFolder(scratch.folder()), 'a file');
    const attending = createAttending(scratch.folder());
    attending.add(['mail.1']);
    attending.done(['mail.1']);
    await attending.close();
    expect(readFileSync(attendedFolder(scratch.folder()), 'utf8')).toBe('a file');
  });
});
