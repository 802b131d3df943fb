import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRecord } from '../../../src/host/state/records.ts';
import { shimProblem } from '../../../src/host/worker/shim-problem.ts';
import { useScratch } from '../../rig/scratch.ts';
import { ownOomScoreAdj, runShim, shimScript, startName, type ShimAtWork } from '../../rig/shim.ts';
import { bootId, endProcess, isAlive, look, strings } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';
import { zombieIn } from '../../rig/zombie.ts';

const scratch = useScratch();
const asRoot = process.geteuid?.() === 0;
const forever = ['sleep', '1000'];

/** Runs a script under a shim. */
const run = (script: string): ShimAtWork => runShim(scratch, ['/bin/sh', '-c', script]);

const isLockFree = (shim: ShimAtWork): boolean =>
  spawnSync('flock', ['-n', shim.path('lock'), 'true'], { stdio: 'ignore' }).status === 0;

/** Locks the shim's lock through its own open file, as a command does before it hands the lock over. */
function lockFor(shim: ShimAtWork): void {
  const { status } = spawnSync('flock', ['-n', `/proc/${shim.pid}/fd/3`, 'true']);
  expect(status).toBe(0);
}

/** The program that a worker has become. */
const becomes = (pid: number, program: string): Promise<boolean> =>
  until(`pid ${pid} to become ${program}`, () => strings(pid, 'cmdline')[0] === program);

const fieldOf = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ??
  '';

describe('the report of a death', () => {
  test.each([
    ['exit 0', { exit_status: 0 }],
    ['exit 1', { exit_status: 1 }],
    ['exit 73', { exit_status: 73 }],
    ['exit 128', { exit_status: 128 }],
    ['exit 129', { exit_status: 129 }],
    ['exit 134', { exit_status: 134 }],
    ['exit 137', { exit_status: 137 }],
    ['exit 143', { exit_status: 143 }],
    ['exit 255', { exit_status: 255 }],
    ['kill -HUP $$', { signal_number: 1 }],
    ['kill -INT $$', { signal_number: 2 }],
    ['kill -KILL $$', { signal_number: 9 }],
    ['kill -USR1 $$', { signal_number: 10 }],
    ['kill -PIPE $$', { signal_number: 13 }],
    ['kill -ALRM $$', { signal_number: 14 }],
    ['kill -TERM $$', { signal_number: 15 }],
    ['kill -40 $$', { signal_number: 40 }],
    // The shell does not report these signals, so the statuses look the same.
    ['exit 130', { signal_number: 2 }],
    ['exit 141', { signal_number: 13 }],
  ])('%s', async (script, death) => {
    expect(await run(script).report()).toEqual(death);
  });

  test.each([
    ['ABRT', 6],
    ['QUIT', 3],
    ['SEGV', 11],
  ])('of SIG%s must be a signal, with a core or without', async (name, signal) => {
    const { core, ...death } = await run(`ulimit -c 0; kill -${name} $$`).report();
    expect(death).toEqual({ signal_number: signal });
    expect([undefined, true]).toContain(core);
  });

  test('must be 127 for a command that is missing, with a message in the log', async () => {
    const shim = runShim(scratch, ['/nowhere/at-all']);
    expect(await shim.report()).toEqual({ exit_status: 127 });
    expect(shim.log()).toContain('/nowhere/at-all: No such file or directory');
  });

  test('must be 126 for a command that cannot be run', async () => {
    const shim = runShim(scratch, [scratch.folder()]);
    expect(await shim.report()).toEqual({ exit_status: 126 });
  });

  test('must not be confused by what the worker writes', async () => {
    const shim = run('echo "Killed"; echo "Aborted (core dumped)" >&2; exit 137');
    expect(await shim.report()).toEqual({ exit_status: 137 });
    expect(shim.log()).toBe('Killed\nAborted (core dumped)\n');
  });

  test('must name a signal although the directory was deleted and created again meanwhile', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    rmSync(shim.stateDir, { recursive: true });
    mkdirSync(shim.stateDir);
    await endProcess(worker);
    expect(await shim.report()).toEqual({ signal_number: 9 });
  });

  test('must be missing, and no directory be created, if the directory was deleted', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    rmSync(shim.stateDir, { recursive: true });
    await endProcess(worker);
    await shim.ended();
    expect(existsSync(shim.stateDir)).toBe(false);
  });
});

describe('the pidfile of a dead worker', () => {
  /** A worker that has died while this process, or another file's content, attended it. */
  async function dead(
    line: (pid: number) => string,
    { pidfile, name = 'mail.1' }: { readonly pidfile?: string; readonly name?: string } = {},
  ): Promise<boolean> {
    const shim = runShim(scratch, forever, pidfile === undefined ? {} : { pidfile });
    const worker = await shim.worker();
    const folder = `${shim.stateDir}/attended`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${name}`, line(worker));
    await endProcess(worker);
    expect(await shim.report()).toEqual({ signal_number: 9 });
    return existsSync(pidfile ?? shim.path('pid'));
  }

  const identity = (pid: number): string => `${pid} ${look(pid)?.startTime ?? 0}\n`;

  test.each(['mail.1', 'all'])('must be left to a process that attends %s', async (name) => {
    expect(await dead(() => identity(process.pid), { name })).toBe(true);
  });

  test.each<[string, (worker: number) => string]>([
    ['of another start time', () => `${process.pid} 1\n`],
    ['that does not exist', () => '4194305 1\n'],
    ['that has died with it', identity],
    ['of another form', () => 'x\n'],
    ['without a name', () => ''],
    ['that is a path', () => '../proc/1 0\n'],
  ])('must be removed if it is attended by a process %s', async (_, line) => {
    expect(await dead(line)).toBe(false);
  });

  test('must be removed if another instance is attended', async () => {
    expect(await dead(() => identity(process.pid), { name: 'mail.2' })).toBe(false);
  });

  test('must be removed if a zombie attends', async () => {
    const zombie = await zombieIn(scratch);
    expect(await dead(() => identity(zombie))).toBe(false);
  });

  test('must be removed if a stopped process attends', async () => {
    const { pid } = scratch.run(forever);
    process.kill(pid, 'SIGSTOP');
    await until('its stop', () => look(pid)?.state === 'T');
    expect(await dead(() => identity(pid))).toBe(false);
  });

  test('must be removed if it is outside of the state directory', async () => {
    expect(await dead(() => identity(process.pid), { pidfile: scratch.path('own.pid') })).toBe(
      false,
    );
  });
});

describe('the files of a worker', () => {
  test('must exist before its program runs', async () => {
    const shim = run(
      'cat "$WORKERCTL_STATE_DIR/mail.1.json" "$WORKERCTL_STATE_DIR/mail.1.pid"; echo $$',
    );
    await shim.report();
    const [record = '', pidfile, pid] = shim.log().trimEnd().split('\n');
    expect(pidfile).toBe(pid);
    expect(JSON.parse(record)).toMatchObject({
      pid: Number(pid),
      shim_pid: shim.pid,
      boot_id: bootId(),
      run_id: startName,
      instance: 'mail.1',
    });
  });

  test('must name the process that the kernel knows', async () => {
    const shim = runShim(scratch, forever);
    const pid = await shim.worker();
    expect(readRecord(shim.stateDir, 'mail.1')).toMatchObject({
      kind: 'read',
      value: {
        pid,
        startTime: look(pid)?.startTime,
        shimPid: shim.pid,
        log: { path: `${scratch.path('worker.log')} %s "quoted" \\`, offset: 0 },
      },
    });
    expect(shim.read('pid')).toBe(`${pid}\n`);
  });

  test('must be a report and no pidfile after its death', async () => {
    const shim = run('exit 3');
    await shim.report();
    const files = readdirSync(shim.stateDir).filter((name) => !name.startsWith('.'));
    expect(files.sort()).toEqual(['mail.1.exit', 'mail.1.json', 'mail.1.lock', 'mail.1.shim']);
    expect(shim.read('exit')).toBe(`{"run_id":"${startName}","exit_status":3}\n`);
  });

  test('must be readable, but not writable, for other users', async () => {
    const shim = runShim(scratch, ['/bin/sh', '-c', 'exit 0'], { umask: '077' });
    await shim.report();
    const { stdout } = spawnSync('stat', ['-c', '%a', shim.path('json'), shim.path('exit')]);
    expect(String(stdout)).toBe('644\n644\n');
  });

  test('a pidfile elsewhere must be written and removed', async () => {
    const pidfile = scratch.path('else where.pid');
    const shim = runShim(scratch, forever, { pidfile });
    const pid = await shim.worker();
    expect(readFileSync(pidfile, 'utf8')).toBe(`${pid}\n`);
    await endProcess(pid);
    await shim.report();
    expect(existsSync(pidfile)).toBe(false);
  });

  test('must prevent the start of the worker if they cannot be written', async () => {
    const shim = runShim(scratch, ['/bin/sh', '-c', 'echo "it runs"'], {
      pidfile: scratch.path('nowhere/mail.1.pid'),
    });
    expect(await shim.report()).toEqual({ exit_status: 73 });
    expect(shim.log()).toContain(
      'workerctl: mail.1 is not started: its record or pidfile cannot be written',
    );
    expect(shim.log()).not.toContain('it runs');
  });

  test.runIf(asRoot)(
    'must leave nothing on a full disk for a pidfile that is elsewhere, and name it',
    async ({ skip }) => {
      mkdirSync(scratch.path('run'));
      const options = ['-t', 'tmpfs', '-o', 'size=4k', 'none', scratch.path('run')];
      if (spawnSync('mount', options).status !== 0) skip('no right to mount in here');
      try {
        spawnSync('sh', ['-c', `head -c 1M /dev/zero >${scratch.path('run')}/full`]);
        const pidfile = scratch.path('run/mail.1.pid');
        const shim = runShim(scratch, ['/bin/sh', '-c', 'echo "it runs"'], { pidfile });
        expect(await shim.report()).toEqual({ exit_status: 73 });
        expect(readdirSync(scratch.path('run'))).toEqual(['full']);
        const end = { kind: 'exited', status: 73 } as const;
        const started = { instance: 'mail.1', runId: '', pid: () => 1, end: () => end };
        expect(shimProblem(dirname(shim.path('json')), started)).toMatch(
          new RegExp(`^${pidfile} cannot be written: .*(I/O error|No space left)`),
        );
      } finally {
        spawnSync('umount', ['-l', scratch.path('run')]);
      }
    },
  );

  test('must be the same in a directory with an odd name', async () => {
    const stateDir = scratch.path(`it's a "state" %s $HOME * dir`);
    const shim = runShim(scratch, ['/bin/sh', '-c', 'exit 5'], { stateDir });
    expect(await shim.report()).toEqual({ exit_status: 5 });
    expect(readRecord(stateDir, 'mail.1').kind).toBe('read');
  });

  test.runIf(asRoot)(
    'must keep the worker from starting when the disk is full',
    async ({ skip }) => {
      mkdirSync(scratch.path('state'));
      const small = spawnSync('mount', [
        '-t',
        'tmpfs',
        '-o',
        'size=4k',
        'none',
        scratch.path('state'),
      ]);
      if (small.status !== 0) skip('no right to mount in here');
      try {
        spawnSync('sh', ['-c', `head -c 1M /dev/zero >${scratch.path('state')}/full`]);
        const shim = runShim(scratch, ['/bin/sh', '-c', 'echo "it runs"']);
        await shim.ended();
        expect(shim.log()).toContain('cannot be written');
        expect(shim.log()).not.toContain('it runs');
        expect(existsSync(shim.path('json'))).toBe(false);
      } finally {
        spawnSync('umount', ['-l', scratch.path('state')]);
      }
    },
  );
});

describe('a signal to the shim', () => {
  test('must end neither it nor the worker', async () => {
    const shim = run(
      'for s in HUP INT QUIT TERM USR1 USR2 ALRM; do trap "echo got $s" $s; done; trap "exit 7" CONT; echo up; while :; do sleep 0.02; done',
    );
    await until('a worker', () => shim.log().includes('up'));
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const)
      process.kill(shim.pid, signal);
    for (const signal of ['SIGALRM', 'SIGPIPE', 'SIGTERM', 'SIGTERM', 'SIGINT'] as const)
      process.kill(shim.pid, signal);
    await until('the signals to be taken', () => fieldOf(shim.pid, 'SigPnd') === '0'.repeat(16));
    expect(isAlive(shim.pid)).toBe(true);
    expect(existsSync(shim.path('exit'))).toBe(false);
    process.kill(await shim.worker(), 'SIGCONT');
    expect(await shim.report()).toEqual({ exit_status: 7 });
    expect(shim.log()).toBe('up\n');
  });

  test('must not make it report a wrong death', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    process.kill(shim.pid, 'SIGTERM');
    process.kill(shim.pid, 'SIGINT');
    await endProcess(worker, 'SIGTERM');
    expect(await shim.report()).toEqual({ signal_number: 15 });
  });

  test('to its whole group must not reach the worker', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    await becomes(worker, 'sleep');
    process.kill(-shim.pid, 'SIGTERM');
    process.kill(-shim.pid, 'SIGHUP');
    expect(isAlive(worker)).toBe(true);
    await endProcess(worker);
    expect(await shim.report()).toEqual({ signal_number: 9 });
  });

  test('that kills it must leave the worker alive and the lock free', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    lockFor(shim);
    await becomes(worker, 'sleep');
    await endProcess(shim.pid);
    expect(isAlive(worker)).toBe(true);
    expect(isLockFree(shim)).toBe(true);
    expect(shim.read('pid')).toBe(`${worker}\n`);
    await endProcess(worker);
    expect(existsSync(shim.path('exit'))).toBe(false);
  });
});

describe('what is in the place of a file that the shim reads', () => {
  const putInPlace: Readonly<Record<string, (path: string) => void>> = {
    'a link to /dev/zero': (path) => {
      symlinkSync('/dev/zero', path);
    },
    'a FIFO': (path) => {
      spawnSync('mkfifo', [path]);
    },
    'a directory': (path) => {
      mkdirSync(path);
    },
    'a file without end': (path) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 34);
    },
  };

  test.each(Object.entries(putInPlace))(
    'as its record, %s must not delay a report',
    async (_, put) => {
      const shim = runShim(scratch, forever);
      const worker = await shim.worker();
      rmSync(shim.path('json'));
      put(shim.path('json'));
      await endProcess(worker);
      expect(await shim.report()).toEqual({ signal_number: 9 });
      expect(existsSync(shim.path('pid'))).toBe(false);
    },
  );
});

describe('what is in the place of a file that the shim writes', () => {
  const putInPlace: Readonly<Record<string, (path: string) => void>> = {
    'a FIFO': (path) => {
      spawnSync('mkfifo', [path]);
    },
    'a link to a FIFO': (path) => {
      spawnSync('mkfifo', [scratch.path('fifo')]);
      symlinkSync(scratch.path('fifo'), path);
    },
    'a link to a file of another program': (path) => {
      symlinkSync(scratch.write('precious', 'precious'), path);
    },
    'a link to nothing': (path) => {
      symlinkSync(scratch.path('precious'), path);
    },
    'a device': (path) => {
      symlinkSync('/dev/full', path);
    },
  };
  const expectUntouched = (): void => {
    if (existsSync(scratch.path('precious')))
      expect(readFileSync(scratch.path('precious'), 'utf8')).toBe('precious');
  };

  test.each(Object.entries(putInPlace))('%s must not delay a report', async (_, put) => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    put(shim.path('exit'));
    await endProcess(worker);
    expect(await shim.report()).toEqual({ signal_number: 9 });
    expectUntouched();
  });

  test.each(Object.entries(putInPlace))('%s must not delay a start', async (_, put) => {
    mkdirSync(scratch.path('state/.new'), { recursive: true });
    for (const kind of ['json', 'pid']) put(scratch.path(`state/.new/mail.1.${kind}`));
    const shim = runShim(scratch, forever);
    await endProcess(await shim.worker());
    expect(await shim.report()).toEqual({ signal_number: 9 });
    expectUntouched();
  });

  test('a FIFO in the place of its own notes must not delay a report', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    rmSync(shim.path('shim'));
    spawnSync('mkfifo', [shim.path('shim')]);
    await endProcess(worker);
    expect(await shim.report()).toEqual({ signal_number: 9 });
  });

  test('a directory must cost the report, and nothing else', async () => {
    const shim = runShim(scratch, forever);
    const worker = await shim.worker();
    mkdirSync(shim.path('exit'));
    await endProcess(worker);
    await shim.ended();
    expect(existsSync(shim.path('pid'))).toBe(false);
  });
});

describe('the lock of an instance', () => {
  test('must be held until the worker is dead', async () => {
    // The open file is locked by a child that inherits it, exactly as workerctl has it done.
    mkdirSync(scratch.path('state'));
    const launcher = scratch.shell(
      `exec 3>>state/mail.1.lock; flock -n 3; setsid /bin/sh "$@" >worker.log 2>state/mail.1.shim & echo started; exec 3>&-; wait`,
      shimScript,
      ...['supervise', 'mail.1', scratch.path('state'), scratch.path('state/mail.1.pid'), 's'],
      ...forever,
    );
    await launcher.says('started');
    const pid = await until('a pidfile', () => {
      try {
        return Number(readFileSync(scratch.path('state/mail.1.pid'), 'utf8'));
      } catch {
        return undefined;
      }
    });
    const isFree = (): boolean =>
      spawnSync('flock', ['-n', scratch.path('state/mail.1.lock'), 'true']).status === 0;
    await becomes(pid, 'sleep');
    expect(isFree()).toBe(false);
    await endProcess(pid);
    await until('a free lock', isFree);
  });
});

/** The open files of a process, each as `fd target`. */
const openFiles = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`];
    } catch {
      return []; // the one that listed the directory
    }
  });

describe('what a worker has', () => {
  test('must be three open files: nothing to read, and its log', async () => {
    const shim = runShim(scratch, forever);
    const pid = await shim.worker();
    await becomes(pid, 'sleep');
    // The dynamic linker opens each library for a moment, after the exec.
    await until('its libraries to be loaded', () =>
      openFiles(pid).every((file) => !/ \/(usr\/)?lib/.test(file)),
    );
    // Files that leak into the tests themselves do not come from the shim: start-worker.ts closes such files.
    const leaked = new Set(openFiles(process.pid));
    const open = openFiles(pid).filter((file) => !leaked.has(file) || file.endsWith('/dev/null'));
    const log = scratch.path('worker.log');
    expect(open.sort()).toEqual(['0 /dev/null', `1 ${log}`, `2 ${log}`]);
  });

  test('must be a session of its own, without a terminal, and the shim as its parent', async () => {
    const shim = runShim(scratch, forever);
    const pid = await shim.worker();
    await becomes(pid, 'sleep'); // its record is there a moment before its session is
    expect(look(pid)).toMatchObject({ session: pid, parent: shim.pid });
    expect(look(shim.pid)?.session).toBe(shim.pid);
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[4]).toBe('0');
  });

  test('must be its signals as the kernel gives them: none ignored, none blocked', async () => {
    const pid = await runShim(scratch, forever).worker();
    await becomes(pid, 'sleep');
    for (const field of ['SigIgn', 'SigBlk', 'SigCgt', 'SigPnd'])
      expect(`${field} ${fieldOf(pid, field)}`).toBe(`${field} ${'0'.repeat(16)}`);
  });

  test('must be its name and pid, and nothing of the shim’s', async () => {
    const pid = await runShim(scratch, forever, { env: { OWN: 'a b' } }).worker();
    await becomes(pid, 'sleep');
    const environment = strings(pid, 'environ');
    expect(environment).toEqual(
      expect.arrayContaining(['WORKERCTL_INSTANCE=mail.1', `WORKERCTL_PID=${pid}`, 'OWN=a b']),
    );
    expect(environment.filter((entry) => entry.startsWith('SHIM_'))).toEqual([]);
  });

  test('must be the arguments of its command, unchanged', async () => {
    const words = ['a b', "it's", '$HOME', '*', '', '-n', '%s\\n', 'two\nlines', '"'];
    const shim = runShim(scratch, ['printf', '<%s>', ...words]);
    await shim.report();
    expect(shim.log()).toBe(words.map((word) => `<${word}>`).join(''));
  });

  test('must be its umask and its limits', async () => {
    const options = { umask: '027', limits: 'n=123 c=0' };
    const pid = await runShim(scratch, forever, options).worker();
    await becomes(pid, 'sleep');
    expect(fieldOf(pid, 'Umask')).toBe('0027');
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    const own = readFileSync('/proc/self/limits', 'utf8');
    const hardOf = (text: string): string | undefined =>
      /^Max open files +\S+ +(\S+)/m.exec(text)?.[1];
    expect(limits).toMatch(/^Max open files +123 /m);
    expect(limits).toMatch(/^Max core file size +0 /m);
    expect(hardOf(limits)).toBe(hardOf(own));
  });

  test.each(['n=4096', 'p=3000', 'v=8000000 n=100', 'c=unlimited'])(
    'must be the limits %s without a message',
    async (limits) => {
      const shim = runShim(scratch, ['/bin/sh', '-c', 'echo up'], { limits });
      await shim.report();
      expect(shim.log()).toBe('up\n');
    },
  );

  test('must be its oom_score_adj', async () => {
    const adjusted = String(Math.min(1000, Number(ownOomScoreAdj()) + 100));
    const pid = await runShim(scratch, forever, { oomScoreAdj: adjusted }).worker();
    await becomes(pid, 'sleep');
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe(adjusted);
  });

  test('must not depend on the caller’s umask and ignored signals', async () => {
    mkdirSync(scratch.path('state'));
    const launcher = scratch.shell(
      `umask 0; export SHIM_RECORD='"run_id":"s"'; exec 3>>state/mail.1.lock; setsid /bin/sh "$@" >worker.log 2>state/mail.1.shim & wait`,
      shimScript,
      ...['supervise', 'mail.1', scratch.path('state'), scratch.path('state/mail.1.pid'), 's'],
      ...['/bin/sh', '-c', 'exit 4'],
    );
    await until('a report', () => existsSync(scratch.path('state/mail.1.exit')));
    const { stdout } = spawnSync('stat', ['-c', '%a', scratch.path('state/mail.1.json')]);
    expect(String(stdout)).toBe('644\n');
    await launcher.ended();
  });
});

describe('the script itself', () => {
  test('must not be affected if it is replaced while it runs', async () => {
    const script = scratch.path('shim.sh');
    copyFileSync(shimScript, script);
    const shim = runShim(scratch, forever, { script });
    const pid = await shim.worker();
    await becomes(pid, 'sleep');
    writeFileSync(script, 'echo nonsense\n'.repeat(500));
    await endProcess(pid);
    expect(await shim.report()).toEqual({ signal_number: 9 });
    expect(shim.log()).toBe('');
  });

  test('must not need to be executable', async () => {
    const script = scratch.path('shim.sh');
    copyFileSync(shimScript, script);
    chmodSync(script, 0o444);
    expect(await runShim(scratch, ['true'], { script }).report()).toEqual({ exit_status: 0 });
  });

  test('must refuse a stage that it does not know', () => {
    const { status, stdout } = spawnSync('/bin/sh', [shimScript, 'nonsense'], { encoding: 'utf8' });
    expect(status).toBe(64);
    expect(stdout).toContain('unknown stage: nonsense');
  });

  test('must report a worker that exits at once, a hundred times', async () => {
    const shims = Array.from({ length: 100 }, (_, index) =>
      runShim(scratch, ['/bin/sh', '-c', `exit ${index % 100}`], { instance: `mail.${index}` }),
    );
    const reports = await Promise.all(shims.map((shim) => shim.report()));
    expect(reports).toEqual(shims.map((_, index) => ({ exit_status: index % 100 })));
  });
});

describe('a control group of its own', () => {
  /** Enters a plain directory in the place of the kernel's, in which the process is said to be. */
  function entered(files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv): ShimAtWork {
    const root = scratch.path('host');
    const group = `${root}/sys/fs/cgroup/app/workerctl-mail.1-1`;
    mkdirSync(group, { recursive: true });
    mkdirSync(`${root}/proc/self`, { recursive: true });
    const all = { 'memory.events': 'oom 0\noom_kill 0\n', ...files };
    for (const [name, text] of Object.entries(all)) writeFileSync(`${group}/${name}`, text);
    writeFileSync(`${root}/proc/self/cgroup`, '4:memory:/x\n0::/app/workerctl-mail.1-1\n');
    return runShim(scratch, forever, {
      env: { SHIM_ROOT: root, SHIM_GROUP: group, SHIM_MEMORY: '', SHIM_CPU: '', ...env },
    });
  }

  const cgroup = (name: string): string =>
    readFileSync(scratch.path(`host/sys/fs/cgroup/app/workerctl-mail.1-1/${name}`), 'utf8');

  test('must be entered by the shim before the worker runs', async () => {
    const limits = { 'memory.max': '1048576\n', 'cpu.max': '50000 100000\n' };
    const shim = entered(limits, { SHIM_MEMORY: '1048576', SHIM_CPU: '500' });
    const worker = await shim.worker();
    expect(Number(cgroup('cgroup.procs'))).toBe(shim.pid);
    await endProcess(worker);
    expect(await shim.report()).toEqual({ signal_number: 9 });
  });

  test.each([
    ['memory.max', 'max', { SHIM_MEMORY: '1048576' }, 'expected 1048576 in'],
    ['memory.max', '1048577', { SHIM_MEMORY: '1048576' }, 'expected 1048576 in'],
    ['cpu.max', 'max 100000', { SHIM_CPU: '500' }, 'expected 500 thousandths in'],
    ['cgroup.kind', '', { SHIM_MEMORY: '1048576' }, 'memory.max, found nothing'],
  ])('with %s %s must keep the worker from starting', async (name, text, env, words) => {
    const shim = entered({ [name]: `${text}\n` }, env);
    await shim.ended();
    expect(shim.read('shim')).toContain('limits: control group workerctl-mail.1-1: ');
    expect(shim.read('shim')).toContain(words);
    expect(existsSync(shim.path('json'))).toBe(false);
  });

  test.each([
    ['oom 1\noom_kill 1\n', { out_of_memory: true, memory_limit_bytes: 1048576 }],
    ['oom 0\noom_kill 1\n', { out_of_memory: true }],
    ['oom 1\noom_kill 0\n', {}],
  ])('with the counts %j must be reported so', async (events, more) => {
    const files = { 'memory.max': '1048576\n', 'memory.events': events };
    const shim = entered(files, { SHIM_MEMORY: '1048576' });
    await endProcess(await shim.worker());
    expect(await shim.report()).toEqual({ signal_number: 9, ...more });
  });
});
