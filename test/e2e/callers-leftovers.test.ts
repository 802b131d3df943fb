import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, type InstanceHandle } from '../rig/instance.ts';
import { environmentOf, openFiles, processAt } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const idle = { command: fixture('idle') };

/** A line of /proc/PID/status. */
const statusLine = (pid: number, name: string): string | undefined =>
  new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(readOr(`/proc/${pid}/status`, ''))?.[1];

/** The soft and the hard limit. */
function limitOf(pid: number, name: string): string[] {
  const line = new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm').exec(readOr(`/proc/${pid}/limits`, ''));
  return line?.slice(1) ?? [];
}

/** A worker that was started by a shell script, and its shim. */
async function startedBy(
  script: string,
  keys: Readonly<Record<string, unknown>> = {},
): Promise<{ rig: Rig; mail: InstanceHandle; worker: number; shim: number; stdout: string }> {
  const rig = createRig({ mail: { ...idle, ...keys } });
  const { exitCode, stdout, all } = await rig.shell(script);
  expect(exitCode, all).toBe(0);
  const mail = rig.instance('mail.1');
  return {
    rig,
    mail,
    worker: await until('mail.1 to boot', () => mail.boots()[0]),
    shim: Number(mail.record()['shim_pid']),
    stdout,
  };
}

test('$(workerctl start) must end when the command is done', async () => {
  const { stdout } = await startedBy('out=$(workerctl start 2>&1); echo "got: $out"');
  expect(stdout).toMatch(/^got: .*mail\.1: /);
});

test('workerctl start | cat must end when the command is done', async () => {
  const { stdout } = await startedBy('workerctl start 2>&1 | cat');
  expect(stdout).toContain('mail.1: ');
});

test('workerctl start from a session without a terminal must end, and its worker outlive it', async () => {
  const { worker, stdout } = await startedBy('setsid --wait workerctl start');
  expect(stdout).toContain('mail.1: ');
  expect(processAt(worker)).toBeDefined();
});

test('a worker started at a terminal must have none, and outlive the hang-up', async () => {
  const { worker, shim } = await startedBy(
    'script --quiet --return --command "workerctl start" typescript',
  );
  for (const pid of [worker, shim]) expect(processAt(pid)?.tty).toBe(0);
});

test('a worker and its shim must have sessions of their own', async () => {
  const { worker, shim } = await startedBy('workerctl start');
  expect(processAt(worker)?.session).toBe(worker);
  expect(processAt(shim)?.session).toBe(shim);
  expect(statusLine(worker, 'PPid')).toBe(String(shim));
});

test("cron's empty environment must suffice", async () => {
  const { worker } = await startedBy('env -i PATH=/usr/bin:/bin "$(command -v workerctl)" start');
  expect(processAt(worker)).toBeDefined();
});

test('a worker must have the same environment whoever starts it', async () => {
  const shells = [
    'env -i PATH=/usr/bin:/bin "$(command -v workerctl)" start',
    'PATH=/opt/x:$PATH HOME=/nowhere LANG=de_DE TZ=Mars USER=eve SHELL=/bin/zsh EDITOR=vi workerctl start',
  ];
  const environments = [];
  for (const script of shells) {
    const { worker, rig } = await startedBy(script);
    const text = JSON.stringify(environmentOf(worker))
      .replaceAll(rig.folder, 'FOLDER')
      .replaceAll(basename(rig.folder), 'RELEASE')
      .replaceAll(String(rig.instance('mail.1').record()['run_id']), 'START');
    environments.push(text.replaceAll(String(worker), 'PID'));
  }
  expect(environments[1]).toBe(environments[0]);
});

test("a worker must not hold the caller's fds, nor the lock on one", async () => {
  const { rig, worker, shim } = await startedBy(
    'exec 9>cron.lock 7<workerctl.yaml && flock -n 9 && workerctl start',
  );
  expect([...openFiles(worker).keys()]).toEqual([0, 1, 2]);
  expect(openFiles(worker)).toEqual(
    new Map([
      [0, '/dev/null'],
      [1, rig.path('log/mail.1.log')],
      [2, rig.path('log/mail.1.log')],
    ]),
  );
  const ofShim = [...openFiles(shim).values()];
  expect(ofShim).not.toContain(rig.path('cron.lock'));
  expect(ofShim).not.toContain(rig.path('workerctl.yaml'));
  expect(ofShim).not.toContain(`${rig.stateDir}/pass.lock`);
  expect(ofShim).toContain(`${rig.stateDir}/mail.1.lock`);
  expect((await rig.shell('flock -n cron.lock true')).exitCode).toBe(0);
  expect((await rig.shell('flock -n .workerctl/pass.lock true')).exitCode).toBe(0);
  expect((await rig.shell('flock -n .workerctl/mail.1.lock true')).exitCode).toBe(1);
});

test('workerctl must start workers with its own standard streams closed', async () => {
  const { rig, worker } = await startedBy('workerctl start <&- >&- 2>&-');
  expect(openFiles(worker)).toEqual(
    new Map([
      [0, '/dev/null'],
      [1, rig.path('log/mail.1.log')],
      [2, rig.path('log/mail.1.log')],
    ]),
  );
});

test('a worker must ignore and block no signal that the caller ignores', async () => {
  const { worker } = await startedBy(
    "trap '' HUP INT QUIT PIPE TERM USR1 USR2 CHLD && workerctl start",
  );
  expect(statusLine(worker, 'SigIgn')).toMatch(/^0+$/);
  expect(statusLine(worker, 'SigBlk')).toMatch(/^0+$/);
});

// Node gives each signal its default back when it starts, so what nohup has done is undone: see docs/decisions.
test('a hang-up under nohup must lose nothing: the next bootcheck goes on', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job') } });
  await rig.start();
  const mail = rig.instance('mail.1');
  await mail.giveJob();
  const [old = 0] = mail.processes();
  const restarting = rig.shell("trap '' HUP; exec workerctl restart");
  await mail.asked();
  restarting.kill('SIGHUP');
  expect((await restarting).exitCode).toBe(129);
  mail.finishJob();
  await mail.left(old);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  expect(mail.boots()).toHaveLength(2);
  expect(mail.terms()).toHaveLength(1);
});

test("a worker's soft limit of open files must be 1024, and the hard one be left", async () => {
  const { rig, worker } = await startedBy('ulimit -Sn 512; workerctl start');
  const { stdout: hard } = await rig.shell('ulimit -Hn');
  expect(limitOf(worker, 'Max open files')).toEqual(['1024', hard]);
});

test('a configured limit must be set', async () => {
  const { worker } = await startedBy('workerctl start', { limits: { nofile: 2048, core: 0 } });
  expect(limitOf(worker, 'Max open files')[0]).toBe('2048');
  expect(limitOf(worker, 'Max core file size')[0]).toBe('0');
});

test('a worker must have the nice value of the config', async () => {
  const { worker } = await startedBy('workerctl start', { nice: 7 });
  expect(processAt(worker)?.nice).toBe(7);
});

test("a worker's umask must be 022 whatever the caller's is, and its log and folders as readable as ever", async () => {
  const { rig, worker } = await startedBy('umask 077; workerctl start', {
    command: fixture('writes-to-log'),
  });
  expect(statusLine(worker, 'Umask')).toBe('0022');
  const { stdout } = await rig.shell(
    'stat -c %a mail.1.made log log/mail.1.log .workerctl/mail.1.pid',
  );
  expect(stdout.split('\n')).toEqual(['644', '755', '644', '644']);
});

test('a caller without a umask must not open folders to everybody', async () => {
  const { rig } = await startedBy('umask 000; workerctl start', { pidfile: 'run/%n.pid' });
  const { stdout } = await rig.shell('stat -c %a .workerctl log run log/mail.1.log run/mail.1.pid');
  expect(stdout.split('\n')).toEqual(['755', '755', '755', '644', '644']);
});

test('a configured umask must be set', async () => {
  const { worker } = await startedBy('workerctl start', { umask: '027' });
  expect(statusLine(worker, 'Umask')).toBe('0027');
});

test('what makes CI systems kill daemons must not reach a worker', async () => {
  const { worker, shim } = await startedBy(
    'export BUILD_ID=1 JENKINS_NODE_COOKIE=2 RUNNER_TRACKING_ID=3 OTHER=4; workerctl start',
  );
  for (const pid of [worker, shim]) {
    const names = Object.keys(environmentOf(pid));
    for (const name of ['BUILD_ID', 'JENKINS_NODE_COOKIE', 'RUNNER_TRACKING_ID', 'OTHER'])
      expect(names).not.toContain(name);
  }
});

test('env must win over env_files, and those over pass_env; what was not asked for must not pass', async () => {
  const rig = createRig({
    mail: {
      ...idle,
      env: { FROM_ENV: 'env %i of %p', IN_ALL: 'env' },
      env_files: ['.env'],
      pass_env: ['PASSED', 'IN_TWO', 'IN_ALL', 'UNSET'],
    },
  });
  writeFileSync(rig.path('.env'), 'FROM_FILE="a file"\nIN_TWO=file\nIN_ALL=file\n');
  await rig.workerctlWith(
    { PASSED: 'caller', IN_TWO: 'caller', IN_ALL: 'caller', STRANGER: 'x' },
    'start',
  );
  const environment = environmentOf(await booted(rig.instance('mail.1')));
  expect(environment).toMatchObject({
    FROM_ENV: 'env 1 of mail',
    FROM_FILE: 'a file',
    PASSED: 'caller',
    IN_TWO: 'file',
    IN_ALL: 'env',
  });
  for (const name of ['STRANGER', 'UNSET']) expect(environment).not.toHaveProperty(name);
});

test('a worker must know who it is', async () => {
  const { rig, worker } = await startedBy('workerctl start');
  expect(environmentOf(worker)).toMatchObject({
    WORKERCTL_INSTANCE: 'mail.1',
    WORKERCTL_WORKER: 'mail',
    WORKERCTL_ID: '1',
    WORKERCTL_STATE_DIR: rig.stateDir,
    WORKERCTL_PID: String(worker),
  });
});

test('variables that the shim happens to use must reach the worker as they are', async () => {
  const env = {
    instance: 'blue',
    state_dir: 'mine',
    pidfile: 'mine',
    runId: 'early',
    stage: 'production',
    stat: 'mine',
    start_time: 'mine',
    limit: '3',
    current: 'v7',
    status: 'fine',
    main: 'x',
  };
  const { worker } = await startedBy('workerctl start', { env });
  expect(environmentOf(worker)).toMatchObject(env);
});

test('nothing of the shim must show in the environment of a worker', async () => {
  const { worker } = await startedBy('workerctl start');
  const names = Object.keys(environmentOf(worker)).filter((name) => name.startsWith('SHIM'));
  expect(names).toEqual([]);
});

test('a worker whose PATH has none of the usual folders must start and its end be written down', async () => {
  const { rig, mail, worker } = await startedBy('workerctl start', {
    env: { PATH: '/nowhere' },
    command: ['/bin/sh', '-c', 'echo $$ >>"$RIG/$WORKERCTL_INSTANCE.boots"; exec /bin/sleep 1000'],
    nice: 3,
  });
  expect(environmentOf(worker)).toMatchObject({ PATH: '/nowhere' });
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  await mail.left(worker);
  expect(mail.pid()).toBeUndefined();
});

test("a worker's output must go to its log, errors too", async () => {
  const { mail } = await startedBy('workerctl start', { command: fixture('writes-to-log') });
  expect(mail.log()).toBe('this is output\nthis is an error\n');
});

test('a worker must run in the real folder behind a link, so that a deploy does not move it', async () => {
  const { rig, worker } = await startedBy(
    'mkdir release-1 && ln -s release-1 current && workerctl start',
    { directory: 'current' },
  );
  expect((await rig.shell(`readlink /proc/${worker}/cwd`)).stdout).toBe(rig.path('release-1'));
});
