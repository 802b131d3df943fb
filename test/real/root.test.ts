// What needs root: files and processes of other users, priorities, and memory groups. Without root these tests are skipped.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { isAlive, processAt } from '../rig/kernel.ts';
import { deathOf } from '../rig/output.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const idle = { command: fixture('idle') };
const drains = { command: fixture('drains-after-job') };
const asNobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

test.runIf(isRoot)("another user's FIFO must be refused with 73 and stay", async () => {
  const rig = createRig({ mail: idle });
  await rig.shell(
    'mkdir -p .workerctl && mkfifo .workerctl/trigger && chown 12345 .workerctl/trigger',
  );
  const trigger = join(rig.stateDir, 'trigger');
  const { ino } = lstatSync(trigger);
  // A reader: without the check the byte would go to another user's process.
  const reader = openSync(trigger, constants.O_RDWR | constants.O_NONBLOCK);
  for (const verb of ['watch', 'trigger']) {
    const { exitCode, stderr } = await rig.workerctl(verb);
    expect({ verb, exitCode }).toEqual({ verb, exitCode: 73 });
    expect(stderr).toContain('12345');
  }
  closeSync(reader);
  expect(lstatSync(trigger).ino).toBe(ino);
});

test.runIf(isRoot)(
  'doctor as a user who may not write the state directory must report that without a crash',
  async () => {
    const rig = createRig({ mail: idle });
    await rig.start();
    chmodSync(rig.folder, 0o755);
    const { stdout, exitCode } = await rig.shell(`${asNobody} workerctl doctor --json`);
    expect(exitCode).toBe(1);
    const { findings } = JSON.parse(stdout) as { findings: { level: string; about: string }[] };
    const problems = findings.filter(({ level }) => level === 'problem');
    expect(problems.map(({ about }) => about)).toContain(`state directory ${rig.stateDir}`);
  },
);

test.runIf(isRoot)(
  'install logrotate must serve root, and read nothing of another user',
  async () => {
    const rig = createRig({ mail: { ...idle, count: 2 } });
    const comments = (text: string): number =>
      text.split('\n').filter((line) => line.startsWith('#')).length;
    const own = await rig.workerctl('install', 'logrotate');
    mkdirSync(rig.stateDir, { recursive: true });
    writeFileSync(rig.path('secret'), 'of root alone');
    symlinkSync(rig.path('secret'), rig.path('.workerctl/state.json'));
    chownSync(rig.stateDir, 65534, 65534);
    const { exitCode, stdout, all } = await rig.workerctl('install', 'logrotate');
    expect(exitCode, all).toBe(0);
    expect(comments(stdout), 'a comment says which counts these are').toBeGreaterThan(
      comments(own.stdout),
    );
    expect(stdout).toContain(rig.path('log/mail.2.log'));
    expect(all).not.toContain('of root');
  },
);

test.runIf(isRoot)('a worker must have nice 0 though its caller is nice', async () => {
  const rig = createRig({ mail: idle });
  expect((await rig.shell('nice -n 5 workerctl start')).exitCode).toBe(0);
  expect(processAt(await booted(rig.instance('mail.1')))?.nice).toBe(0);
});

test.runIf(isRoot)("another user's process must be refused", async () => {
  const rig = createRig({ mail: drains });
  const { pid = 0 } = spawn('sleep', ['1000'], { cwd: rig.folder, stdio: 'ignore' });
  await rig.shell(`chmod -R a+rX . && mkdir -p nobody && chown 65534:65534 nobody`);
  rig.configure({ mail: drains }, { state_dir: 'nobody/state' });
  const { exitCode, all } = await rig.shell(`${asNobody} workerctl adopt mail.1 ${pid}`);
  expect(exitCode, all).toBe(1);
  expect(all).toContain(String(pid));
  expect(isAlive(pid)).toBe(true);
});

const memoryGroups = '/sys/fs/cgroup/memory';
const canLimitMemory = isRoot && existsSync(join(memoryGroups, 'memory.limit_in_bytes'));

test.runIf(canLimitMemory)(
  'a worker that the kernel kills because its cgroup is out of memory must be noted as such, and no sibling',
  async () => {
    const group = join(memoryGroups, `workerctl-test-${process.pid}`);
    mkdirSync(group);
    onTestFinished(async () => {
      await until('the group to be empty', () => {
        for (const pid of readOr(join(group, 'cgroup.procs'), '').split('\n').filter(Boolean))
          writeFileSync(join(memoryGroups, 'cgroup.procs'), pid);
        return readOr(join(group, 'cgroup.procs'), '') === '';
      });
      rmdirSync(group);
    });
    writeFileSync(join(group, 'memory.limit_in_bytes'), String(200 * 2 ** 20));
    const eats = 'const a=[]; setInterval(() => a.push(Buffer.alloc(4e7, 1)), 30)';
    const rig = createRig({
      mail: {
        command: [process.execPath, '-e', eats],
        backoff: { reset: '0s', min_run: '0s' },
        lost_grace: '0s',
      },
      calm: idle,
      stubborn: { command: fixture('ignores-term') },
    });
    const { exitCode, all } = await rig.shell(
      `echo $$ >${group}/cgroup.procs && exec workerctl start --no-wait`,
    );
    expect(exitCode, all).toBe(0);
    const { pid } = rig.instance('mail.1').record() as { pid: number };
    await rig.instance('mail.1').left(pid);
    await rig.workerctl('bootcheck');
    const [died] = rig.journal('died');
    expect(died).toMatchObject({ pid, verdict: 'unexpected' });
    expect(deathOf(died)).toEqual({ signal: 'SIGKILL' });
    expect(JSON.stringify(died)).toMatch(/"out_of_memory":"(?:certain|likely)"/);

    // The count of the group is above what it was at the start of this one, too.
    const calm = rig.instance('calm.1');
    const sibling = await booted(calm);
    process.kill(sibling, 'SIGKILL');
    await calm.left(sibling);
    await rig.workerctl('bootcheck');
    const own = rig.journal('died').find((event) => event.instance === 'calm.1');
    expect(own).toMatchObject({ pid: sibling, verdict: 'unexpected' });
    expect(deathOf(own)).toEqual({ signal: 'SIGKILL' });
    expect(JSON.stringify(own)).not.toContain('out_of_memory');

    const stubborn = rig.instance('stubborn.1');
    const killed = await booted(stubborn);
    const stopped = await rig.workerctl('stop', 'stubborn', '--now');
    expect(stopped.exitCode, stopped.all).toBe(0);
    expect(stopped.all).toMatch(new RegExp(`pid ${killed} .*SIGKILL`));
    const said = [
      stopped.all,
      ...rig
        .journal('started', 'died')
        .map(({ instance, ...rest }) => (instance === 'mail.1' ? '' : JSON.stringify(rest))),
    ];
    expect(said.join('\n')).not.toMatch(/out.of.memory/);
  },
);
