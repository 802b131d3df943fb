import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { getPriority } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import type { Launch } from '../../../src/core/model/launch.ts';
import type { ProcessRecord } from '../../../src/core/model/record.ts';
import { chooseBackend } from '../../../src/host/lock/choose-backend.ts';
import { openPlace, type Place } from '../../../src/host/worker/place.ts';
import { prepareShim, type StartedShim } from '../../../src/host/worker/start-worker.ts';
import { startPrograms } from '../../../src/host/worker/starter.ts';
import { readDeath } from '../../../src/host/state/exits.ts';
import { readRecord } from '../../../src/host/state/records.ts';
import { lockPath } from '../../../src/host/state/paths.ts';
import { useScratch } from '../../rig/scratch.ts';
import { ownOomScoreAdj } from '../../rig/shim.ts';
import { endProcess, isAlive, look, strings } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const asRoot = process.geteuid?.() === 0;

afterEach(() => {
  vi.unstubAllEnvs();
});

const launchOf = (changes: Partial<Launch> = {}): Launch => ({
  instance: 'mail.1',
  command: ['sleep', '1000'],
  directory: scratch.folder(),
  env: { WORKERCTL_STATE_DIR: scratch.folder(), WORKERCTL_ID: '1', WORKERCTL_WORKER: 'mail' },
  envFiles: [],
  passEnv: [],
  pidfile: scratch.path('mail.1.pid'),
  logFile: scratch.path('log/mail.1.log'),
  umask: '022',
  limits: '',
  nice: getPriority(),
  noNewPrivs: false,
  oomScoreAdj: Number(ownOomScoreAdj()),
  stopSignal: 'TERM',
  ...changes,
});

/** Starts a worker while holding its lock, as a pass does, and gives up the lock and the directory at once. */
async function start(
  changes: Partial<Launch> = {},
  meanwhile: () => void = () => undefined,
): Promise<StartedShim> {
  const stateDir = scratch.folder();
  const [lock] = await chooseBackend({}).tryLock([lockPath(stateDir, 'mail.1')]);
  if (lock === undefined) throw new Error('the lock is held');
  let place: Place | undefined;
  try {
    const launch = launchOf(changes);
    place = openPlace(launch.directory);
    meanwhile();
    const order = { before: 'workerctl.slice', after: [], stopLimit: undefined };
    const site = { place, commandDigest: '0123456789ab', stateDir, lock, order };
    const { instance, runId, program, close } = prepareShim(launch, site);
    const [started] = startPrograms([program]).programs;
    close();
    if (started === undefined) throw new Error('nothing was started');
    return { instance, runId, ...started };
  } finally {
    place?.close();
    await lock.release();
  }
}

/** The record of this run. */
const recordOf = ({ runId: name }: StartedShim): Promise<ProcessRecord> =>
  until('its record', () => {
    const record = readRecord(scratch.folder(), 'mail.1');
    return record.kind === 'read' && record.value.runId === name ? record.value : undefined;
  });

/** A started worker that has become its program. */
async function running(changes: Partial<Launch> = {}): Promise<ProcessRecord> {
  const record = await recordOf(await start(changes));
  await until('its program', () => strings(record.pid, 'cmdline')[0] === 'sleep');
  return record;
}

const isLockFree = (): boolean =>
  spawnSync('flock', ['-n', lockPath(scratch.folder(), 'mail.1'), 'true']).status === 0;

describe('a started worker', () => {
  test('must have its lock held by its shim until it is dead, and then free', async () => {
    const { pid, shimPid } = await running();
    expect(isLockFree()).toBe(false);
    expect(look(pid)?.parent).toBe(shimPid);
    await endProcess(pid);
    await until('a free lock', isLockFree);
  });

  test('must have three open files and no lock', async () => {
    const { pid } = await running();
    // While it loads its libraries it has one more for a moment.
    const open = await until('three open files', () => {
      const fds = readdirSync(`/proc/${pid}/fd`);
      return fds.length === 3 && fds.map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    });
    const log = scratch.path('log/mail.1.log');
    expect(open).toEqual(['/dev/null', log, log]);
  });

  test('must have an environment of its own', async () => {
    vi.stubEnv('BUILD_ID', '77');
    vi.stubEnv('PASSED', 'along');
    const { pid } = await running({ passEnv: ['PASSED'] });
    const environment = strings(pid, 'environ');
    expect(environment).toEqual(
      expect.arrayContaining([
        'WORKERCTL_INSTANCE=mail.1',
        `WORKERCTL_PID=${pid}`,
        'WORKERCTL_ID=1',
        'PASSED=along',
        'SHELL=/bin/sh',
      ]),
    );
    const names = environment.map((entry) => entry.split('=')[0] ?? '');
    for (const name of ['BUILD_ID', 'SHIM_RECORD', 'SHIM_UMASK', 'NODE_OPTIONS', 'VITEST'])
      expect(names).not.toContain(name);
  });

  test('must run in the real path of its directory, so that a deploy does not move it', async () => {
    mkdirSync(scratch.path('releases-7'));
    symlinkSync(scratch.path('releases-7'), scratch.path('current'));
    const { pid } = await running({ directory: scratch.path('current') });
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(realpathSync(scratch.path('releases-7')));
    expect(strings(pid, 'environ')).toContain(`PWD=${realpathSync(scratch.path('releases-7'))}`);
  });

  test('must run in the directory that was opened, even if a deploy moves the link before it starts', async () => {
    for (const name of ['r1', 'r2']) mkdirSync(scratch.path(name));
    symlinkSync('r1', scratch.path('current'));
    const shim = await start({ directory: scratch.path('current') }, () => {
      symlinkSync('r2', scratch.path('current.new'));
      renameSync(scratch.path('current.new'), scratch.path('current'));
    });
    const { pid, shimPid, directory } = await recordOf(shim);
    await until('its program', () => strings(pid, 'cmdline')[0] === 'sleep');
    expect(directory).toBe(realpathSync(scratch.path('r1')));
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(directory);
    // Neither the worker nor its shim has the directory open.
    for (const one of [pid, shimPid])
      for (const fd of readdirSync(`/proc/${one}/fd`))
        expect(readlinkSync(`/proc/${one}/fd/${fd}`)).not.toBe(directory);
  });

  test('must outlive the process that started it', async () => {
    const record = await running();
    expect(look(record.shimPid)?.session).toBe(record.shimPid);
    expect(look(record.pid)?.session).toBe(record.pid);
  });

  test('must have its priority, independent of the caller’s', async () => {
    const nice = Math.min(19, getPriority() + 5);
    const { pid } = await running({ nice });
    expect(getPriority(pid)).toBe(nice);
  });

  test.runIf(asRoot)('must have a higher priority than ours if we may set it', async () => {
    const { pid } = await running({ nice: getPriority() - 3 });
    expect(getPriority(pid)).toBe(getPriority() - 3);
  });

  test('must append to its log, and have a record of where it began', async () => {
    mkdirSync(scratch.path('log'));
    scratch.write('log/mail.1.log', 'before\n');
    const record = await recordOf(await start({ command: ['echo', 'now'] }));
    const { dev, ino } = statSync(scratch.path('log/mail.1.log'));
    expect(record.log).toEqual({
      path: scratch.path('log/mail.1.log'),
      offset: 7,
      file: `${dev}:${ino}`,
    });
    await until('its death', () => readDeath(scratch.folder(), 'mail.1', record));
    expect(readFileSync(record.log.path, 'utf8')).toBe('before\nnow\n');
  });

  test('must have a record with its command’s digest, its stop signal and its directory', async () => {
    const record = await running({ stopSignal: 'QUIT' });
    expect(record).toMatchObject({
      stopSignal: 'QUIT',
      commandDigest: '0123456789ab',
      directory: realpathSync(scratch.folder()),
    });
  });

  test('must not keep the report and the stop of its predecessor', async () => {
    scratch.write('mail.1.exit', 'old');
    scratch.write('mail.1.stop', 'old');
    await running();
    expect(readdirSync(scratch.folder())).not.toContain('mail.1.exit');
    expect(readdirSync(scratch.folder())).not.toContain('mail.1.stop');
  });

  test('must count as ended only after its shim has', async () => {
    const shim = await start();
    const { pid, shimPid } = await recordOf(shim);
    expect(shim.end()).toBeUndefined();
    await endProcess(pid);
    await until('the end of the shim', () => !isAlive(shimPid) && shim.end() !== undefined);
  });
});

describe('a start that fails', () => {
  async function refusal(changes: Partial<Launch>, meanwhile?: () => void): Promise<string> {
    try {
      await start(changes, meanwhile);
    } catch (error) {
      if (error instanceof WorkerctlError && error.code === 'failed') return error.message;
      throw error;
    }
    throw new Error('expected that it cannot be started');
  }

  test('must name a directory that is missing', async () => {
    const directory = scratch.path('none');
    expect(await refusal({ directory })).toContain(`directory ${directory}: ENOENT`);
  });

  test('must name a directory that is removed just before it', async () => {
    mkdirSync(scratch.path('r1'));
    symlinkSync('r1', scratch.path('current'));
    const directory = scratch.path('current');
    const path = realpathSync(directory);
    const problem = await refusal({ directory }, () => {
      rmSync(scratch.path('r1'), { recursive: true });
    });
    expect(problem).toBe(`directory ${directory}: ${path} was just removed`);
    expect(readdirSync(scratch.folder())).not.toContain('mail.1.json');
  });

  test('must name a directory that is a file', async () => {
    const directory = scratch.write('file', '');
    expect(await refusal({ directory })).toContain(`directory ${directory}: ENOTDIR`);
  });

  test('must name a log that is a directory', async () => {
    mkdirSync(scratch.path('log'));
    expect(await refusal({ logFile: scratch.path('log') })).toContain(
      `log ${scratch.path('log')}: expected a file,`,
    );
  });

  test('must name an env file that is missing', async () => {
    const file = scratch.path('.env');
    expect(await refusal({ envFiles: [file] })).toContain(`env file ${file}: ENOENT`);
  });

  test('must name a directory of the pidfile that is a file', async () => {
    const file = scratch.write('file', '');
    expect(await refusal({ pidfile: `${file}/mail.1.pid` })).toContain(`directory ${file}`);
  });

  test('must leave its lock free', async () => {
    await refusal({ directory: scratch.path('none') });
    expect(isLockFree()).toBe(true);
  });
});
