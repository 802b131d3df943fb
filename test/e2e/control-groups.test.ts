// Limits of control groups with a stand-in for systemd and the kernel's files. With real ones they were tried by hand:
// docs/decisions/22-cgroups.md.
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { endProcess, environmentOf } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { until } from '../rig/wait.ts';
import { createRig, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';

const limited: WorkerKeys = {
  command: fixture('idle'),
  ready: { after: '0s' },
  limits: { memory_max: '64MB', cpu: 0.5 },
};

interface Host {
  readonly rig: Rig;
  readonly run: (...args: string[]) => ReturnType<Rig['workerctlWith']>;
  /** What systemd was asked for. */
  readonly calls: () => string[];
  readonly at: (path: string) => string;
  /** Writes what systemd does, in sh: $NAME is the scope. */
  readonly systemdDoes: (script: string) => void;
}

function isLogReadable(): boolean {
  try {
    closeSync(openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

const user = String(process.geteuid?.() ?? 0);

/** Makes the scope with these two files, and has the process in it. */
const makes = (memoryMax: string | number, cpuMax: string): string =>
  `mkdir -p $R/sys/fs/cgroup/a/$NAME
   echo ${memoryMax} >$R/sys/fs/cgroup/a/$NAME/memory.max
   echo ${cpuMax} >$R/sys/fs/cgroup/a/$NAME/cpu.max
   printf 'oom 1\\noom_kill 1\\n' >$R/sys/fs/cgroup/a/$NAME/memory.events
   echo "0::/a/$NAME" >$R/proc/self/cgroup`;

const asWanted = makes(64 * 2 ** 20, '50000 100000');

function host(workers: Record<string, WorkerKeys> = { mail: limited }): Host {
  const rig = createRig(workers);
  const root = rig.path('host');
  const file = (path: string, text = ''): void => {
    mkdirSync(`${root}/${path}`.replace(/\/[^/]*$/, ''), { recursive: true });
    writeFileSync(`${root}/${path}`, text);
  };
  file('proc/self/cgroup', '0::/cron.service\n');
  file('sys/fs/cgroup/cgroup.controllers', 'cpu memory');
  file(
    `sys/fs/cgroup/user.slice/user-${user}.slice/user@${user}.service/cgroup.controllers`,
    'cpu memory',
  );
  file('run/dbus/system_bus_socket');
  file(`run/user/${user}/bus`);
  file('run/systemd/system/x');
  file(`var/lib/systemd/linger/${userInfo().username}`);
  mkdirSync(rig.path('programs'));
  const systemdDoes = (script: string): void => {
    writeFileSync(
      rig.path('programs/busctl'),
      `#!/bin/sh\nR=${root}\necho "$*" >>${rig.path('calls')}\nNAME=$8\n${script}\n`,
    );
    chmodSync(rig.path('programs/busctl'), 0o755);
  };
  systemdDoes(asWanted);
  const env = {
    PATH: `${rig.path('programs')}:${process.env['PATH'] ?? ''}`,
    WORKERCTL_TEST_HOST_ROOT: root,
    WORKERCTL_TEST_GROUP: '/cron.service',
  };
  return {
    rig,
    run: (...args) => rig.workerctlWith(env, ...args),
    calls: () => linesOf(rig.path('calls')),
    at: (path) => `${root}/${path}`,
    systemdDoes,
  };
}

test('a worker with limits must run in a scope of its own, and another must not', async () => {
  const { rig, run, calls } = host({ mail: limited, maps: { ...limited, limits: {} } });
  const { exitCode, all } = await run('start');
  expect(exitCode, all).toBe(0);
  expect(calls()).toHaveLength(1);
  expect(calls()[0]).toMatch(
    /^--address=unix:path=\S+ call org\.freedesktop\.systemd1 \S+ \S+ StartTransientUnit ssa\(sv\)a\(sa\(sv\)\) workerctl-mail\.1-[0-9a-f]{16}\.scope \S+ 10 Description s workerctl:mail\.1 CollectMode s inactive-or-failed Delegate b true Before as 1 workerctl\.slice After as \d+ /,
  );
  expect(calls()[0]).toMatch(
    / TimeoutStopUSec t 18446744073709551615 MemoryMax t 67108864 MemorySwapMax t 0 CPUQuotaPerSecUSec t 500000 PIDs au 1 \d+ 0$/,
  );
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'maps.1 ready']);
  const [pid = 0] = rig.instance('mail.1').processes();
  const variables = Object.keys(environmentOf(pid));
  expect(variables).not.toEqual([]);
  expect(variables.filter((name) => name.startsWith('SHIM_'))).toEqual([]);
});

test.each([
  [
    'refuses',
    'echo "Call failed: denied" >&2; exit 1',
    'systemd refuses to make it: Call failed: denied',
  ],
  ['gives another limit', makes('max', '50000 100000'), 'expected 67108864 in'],
  ['gives too small a limit', makes(2 ** 20, '50000 100000'), 'expected 67108864 in'],
  ['gives another share', makes(64 * 2 ** 20, '60000 100000'), 'expected 500 thousandths in'],
  ['gives no share', makes(64 * 2 ** 20, 'max 100000'), 'expected 500 thousandths in'],
])('if systemd %s, the worker must not be started', async (_, script, words) => {
  const { rig, run, systemdDoes } = host();
  systemdDoes(script);
  const { exitCode, all } = await run('start');
  expect(exitCode, all).toBe(1);
  expect(all).toMatch(/start failed: limits: control group workerctl-mail\.1-\w+\.scope: /);
  expect(all).toContain(words);
  expect(rig.instance('mail.1').boots()).toEqual([]);
});

test('a kernel that rounds down to whole pages must be accepted', async () => {
  const { run, systemdDoes } = host();
  systemdDoes(makes(64 * 2 ** 20 - 4096, '50000 100000'));
  const { exitCode, all } = await run('start');
  expect(exitCode, all).toBe(0);
});

test('what this host lacks must be refused by check, start and doctor, and before a restart asks', async () => {
  const { rig, run, at } = host();
  await run('start');
  const { pid } = rig.instance('mail.1');
  const running = pid();
  rmSync(at('sys/fs/cgroup/cgroup.controllers'));
  const words =
    /limits\.memory_max: expected a control group .*, found control groups of version 1; /;
  const checked = await run('check', '--quiet');
  expect(checked).toMatchObject({ exitCode: 78 });
  expect(checked.all).toMatch(words);
  expect((await run('doctor')).all).toMatch(words);
  const restarted = await run('restart', '--wait', '5s');
  expect(restarted.exitCode).not.toBe(0);
  expect(restarted.all).toMatch(words);
  expect(rig.instance('mail.1').terms()).toEqual([]);
  expect(pid()).toBe(running);
  await run('stop');
  expect((await run('start')).all).toMatch(words);
});

test('a death at the limit must be reported with it', async () => {
  const { rig, run } = host();
  await run('start');
  await endProcess(rig.instance('mail.1').pid() ?? 0);
  await until('its report', () => existsSync(`${rig.stateDir}/mail.1.exit`));
  expect(readFileSync(`${rig.stateDir}/mail.1.exit`, 'utf8')).toContain(
    '"signal_number":9,"out_of_memory":true,"memory_limit_bytes":67108864',
  );
  const { all } = await run('bootcheck');
  // The kernel's log, if it can be read, says that it was no such death.
  expect(all).toMatch(
    isLogReadable()
      ? /signal 9 \(SIGKILL\)$/m
      : /signal 9 \(SIGKILL\), out of memory \(limits\.memory_max: 64MB\)$/m,
  );
});
