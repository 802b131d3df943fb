// A worker whose standard error has a log of its own (log.error).
import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { openFiles } from '../rig/kernel.ts';
import { createRig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const speaks = {
  command: ['sh', '-c', 'echo said; echo wrong >&2; exec sleep 1000'],
  log: { error: 'log/%n.err.log' },
};

test('both outputs must go to their own files, which nothing else holds but the shim', async () => {
  const rig = createRig({ mail: speaks, img: { ...speaks, log: {} } });
  await rig.workerctl('start');
  const path = rig.path('log/mail.1.err.log');
  await until('its lines', () => readOr(path, '') !== '');
  await until('both lines', () => readOr(rig.path('log/img.1.log'), '').includes('wrong'));
  expect(readFileSync(path, 'utf8')).toBe('wrong\n');
  expect(readFileSync(rig.path('log/mail.1.log'), 'utf8')).toBe('said\n');
  expect(readFileSync(rig.path('log/img.1.log'), 'utf8')).toBe('said\nwrong\n');
  const files = openFiles(rig.instance('mail.1').pid() ?? 0);
  expect([...files.keys()].filter((fd) => fd > 2)).toEqual([]);
  expect(files.get(2)).toBe(path);
});

test('logs must show both, each with its name', async () => {
  const rig = createRig({ mail: speaks });
  await rig.workerctl('start');
  await until('its lines', () => readOr(rig.path('log/mail.1.err.log'), '') !== '');
  const { stdout } = await rig.workerctl('logs');
  expect(stdout.split('\n').sort()).toEqual(['mail.1     | said', 'mail.1 err | wrong']);
  const json = await rig.workerctl('logs', '--json');
  const lines = json.stdout.split('\n').map((line) => JSON.parse(line) as object);
  expect(lines).toContainEqual(
    expect.objectContaining({ instance: 'mail.1', stream: 'error', line: 'wrong' }),
  );
});

test('a start that fails must show what standard error said', async () => {
  const command = ['sh', '-c', 'echo fine; echo "boom: no database" >&2; exit 3'];
  const rig = createRig({ mail: { ...speaks, command, ready: { after: '20s' } } });
  const { of } = await rig.act('start');
  expect(of('start_failed')).toMatchObject([
    { log_file: rig.path('log/mail.1.err.log'), log: ['boom: no database'] },
  ]);
});

test('ready.log must find its line in either', async () => {
  const ready = { log: '^wrong$', timeout: '20s' };
  const rig = createRig({ mail: { ...speaks, ready } });
  expect(await rig.workerctl('start')).toMatchObject({ exitCode: 0 });
});

test('max_size must rotate both', async () => {
  const filler = 'head -c 70000 /dev/zero | tr "\\0" x';
  const command = ['sh', '-c', `${filler}; ${filler} >&2; echo up >&2; exec sleep 1000`];
  const rig = createRig({ mail: { command, log: { ...speaks.log, max_size: '64KB' } } });
  await rig.workerctl('start');
  const logs = ['log/mail.1.log', 'log/mail.1.err.log'].map(rig.path);
  const isFull = (path: string): boolean =>
    (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= 70_000;
  await until('both to be too long', () => logs.every(isFull));
  expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0 });
  for (const path of logs) expect(existsSync(`${path}.1`), path).toBe(true);
});

test('a lost log of standard error must be reported and shown', async () => {
  const rig = createRig({ mail: speaks });
  await rig.workerctl('start');
  const path = rig.path('log/mail.1.err.log');
  await until('its lines', () => readOr(path, '') !== '');
  renameSync(path, `${path}.old`);
  expect((await rig.workerctl('status', 'mail.1')).all).toContain(`log ${path} was moved`);
  expect((await rig.workerctl('logs')).stdout).toContain('mail.1 err | wrong');
});

test('a process that only its standard error gives away must get no second one beside it', async () => {
  // It has lost its environment, its output is elsewhere, and its record and shim are gone.
  const command = ['sh', '-c', 'exec env -i sh -c "echo up >&2; exec sleep 1000" >/dev/null'];
  const rig = createRig({ mail: { ...speaks, command } });
  await rig.workerctl('start');
  const mail = rig.instance('mail.1');
  await until('its line', () => readOr(rig.path('log/mail.1.err.log'), '') !== '');
  const { pid, shim_pid: shim } = mail.record();
  process.kill(Number(shim), 'SIGKILL');
  for (const end of ['json', 'pid']) rmSync(rig.path(`.workerctl/mail.1.${end}`), { force: true });
  await rig.workerctl('bootcheck');
  expect(existsSync(rig.path('.workerctl/mail.1.json'))).toBe(false);
  process.kill(Number(pid), 'SIGKILL');
  await until('its end', () => !existsSync(`/proc/${String(pid)}`));
  await rig.workerctl('bootcheck');
  expect(existsSync(rig.path('.workerctl/mail.1.json'))).toBe(true);
});

test('check must refuse one file for both, and a logger beside it', async () => {
  for (const log of [
    { file: 'a.log', error: 'a.log' },
    { command: 'cat', error: 'a.log' },
    { error: '/' },
  ]) {
    const { exitCode, stderr } = await createRig({ mail: { ...speaks, log } }).workerctl('check');
    expect(exitCode, stderr).toBe(78);
  }
  const printed = await createRig({ mail: speaks }).workerctl('check');
  expect(printed.stdout).toMatch(/error: .*%n\.err\.log/);
});
