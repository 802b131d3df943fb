import { execa } from 'execa';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { processAt, stateOf } from '../rig/kernel.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle: WorkerKeys = { command: fixture('idle') };

interface FindingJson {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly about: string;
  readonly found: string;
  readonly why: string | null;
  readonly advice: string | null;
}

/** A program of the host, as the CLI finds it. */
function program(rig: Rig, name: string, script: string): void {
  writeFileSync(rig.path(`bin/${name}`), `#!/bin/sh\n${script}\n`);
  chmodSync(rig.path(`bin/${name}`), 0o755);
}

/** A rig whose crontab runs bootcheck each minute, so that nothing is to be found but what a test makes. */
function healthy(worker: WorkerKeys = idle, top: WorkerKeys = {}): Rig {
  const rig = createRig({ mail: worker }, top);
  crontab(
    rig,
    `* * * * * ${rig.path('bin/workerctl')} bootcheck --config ${rig.path('workerctl.yaml')}`,
  );
  return rig;
}

function crontab(rig: Rig, ...lines: readonly string[]): void {
  writeFileSync(rig.path('crontab.txt'), lines.map((line) => `${line}\n`).join(''));
  program(rig, 'crontab', `cat ${rig.path('crontab.txt')}`);
}

/** What doctor has found besides what is well; its exit code must fit to that. */
async function found(rig: Rig, env: Readonly<Record<string, string>> = {}): Promise<FindingJson[]> {
  const { exitCode, stdout, stderr } = await rig.workerctlWith(env, 'doctor', '--json');
  const { ok, problems, warnings, findings } = JSON.parse(stdout) as {
    ok: boolean;
    problems: number;
    warnings: number;
    findings: FindingJson[];
  };
  expect({ exitCode, ok, stderr }).toEqual({
    exitCode: ok ? 0 : 1,
    ok: problems === 0,
    stderr: '',
  });
  const bad = findings.filter(({ level }) => level !== 'ok');
  expect(bad).toHaveLength(problems + warnings);
  for (const { why, advice } of bad) expect([why, advice]).not.toContain(null);
  return bad;
}

/** The warning that nothing runs bootcheck for this config. */
const noCron = /^warning cron: .*bootcheck/;

/** The findings as lines, for a host in a container without a cron daemon. */
const told = async (rig: Rig, env: Readonly<Record<string, string>> = {}): Promise<string[]> =>
  (await found(rig, env))
    .map((one) => `${one.level} ${one.about}: ${one.found}`)
    .filter((line) => !line.includes('no process named cron'))
    .map((line) => line.replaceAll(rig.folder, ''));

/** Lines that match these patterns, in order. */
const like = (...patterns: readonly RegExp[]): string[] =>
  patterns.map((pattern) => expect.stringMatching(pattern) as string);

/** All files of the folder, with what they are and when they were changed. */
const files = (rig: Rig): string[] =>
  readdirSync(rig.folder, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { mode, size, mtimeMs } = statSync(rig.path(name));
      return `${name} ${mode} ${size} ${statSync(rig.path(name)).isDirectory() ? '' : mtimeMs}`;
    })
    .sort();

test('on a healthy host doctor must find nothing, end with 0, and change nothing', async () => {
  const rig = healthy({ ...idle, count: 2 });
  expect(await told(rig)).toEqual([]);
  expect(existsSync(rig.stateDir)).toBe(false);
  await rig.start();
  const before = files(rig);
  expect(await told(rig)).toEqual([]);
  expect(files(rig)).toEqual(before);
  const { stdout } = await rig.workerctl('doctor');
  expect(stdout).toMatch(/^ok +processes: .*\b2\b/m);
  expect(stdout).toMatch(/\n0 problems.*\n?$/);
  expect(stdout).not.toContain('\u001b');
});

test('a damaged record, stop or exit report must be a warning', async () => {
  const rig = healthy({ ...idle, count: 3 });
  await rig.start();
  writeFileSync(`${rig.stateDir}/mail.1.json`, '{"pid":');
  writeFileSync(`${rig.stateDir}/mail.2.stop`, 'x');
  writeFileSync(`${rig.stateDir}/mail.3.exit`, '');
  const lines = await told(rig);
  for (const file of ['mail.1.json', 'mail.2.stop', 'mail.3.exit'])
    expect(lines.filter((line) => line.startsWith('warning ') && line.includes(file))).toHaveLength(
      1,
    );
  const pid = String(rig.instance('mail.1').pid());
  expect(
    lines.filter((line) => line.startsWith('warning mail.1: ') && line.includes(pid)),
  ).toHaveLength(1);
});

test('a damaged state.json must be a warning while its copy is valid, and otherwise a problem', async () => {
  const rig = healthy();
  await rig.start();
  expect((await rig.workerctl('hold')).exitCode).toBe(0);
  expect(await told(rig)).toEqual([]);
  writeFileSync(`${rig.stateDir}/state.json`, 'nonsense');
  expect(await told(rig)).toEqual(like(/^warning .*state\.json: is damaged/));
  expect((await rig.workerctl('unhold')).exitCode).toBe(0);
  expect(await told(rig)).toEqual([]);
  writeFileSync(`${rig.stateDir}/state.copy`, 'nonsense');
  expect(await told(rig)).toEqual(like(/^warning .*state\.copy: is damaged/));
  writeFileSync(`${rig.stateDir}/state.json`, 'nonsense');
  expect(await told(rig)).toEqual(
    like(/^problem .*state\.json: is damaged .*state\.copy is damaged/),
  );
});

test('strays, stopped processes, surplus instances and wrong pidfiles must be reported', async () => {
  const rig = healthy({ ...idle, count: 4 });
  await rig.start();
  const pids = await Promise.all([1, 2, 3, 4].map((id) => booted(rig.instance(`mail.${id}`))));
  const [first, second, third, fourth] = pids as [number, number, number, number];
  rmSync(`${rig.stateDir}/mail.1.json`);
  process.kill(second, 'SIGSTOP');
  await until('it to stop', () => stateOf(second) === 'T');
  writeFileSync(`${rig.stateDir}/mail.3.pid`, `${first}\n`);
  rig.configure({ mail: { ...idle, count: 3 } });
  const lines = await told(rig);
  expect(lines).toHaveLength(5);
  expect(lines).toEqual(
    expect.arrayContaining(
      like(
        new RegExp(`^problem mail\\.2: .*${second}`),
        new RegExp(`^warning mail\\.1: .*${first}`),
        new RegExp(`^warning mail\\.4: .*${fourth}`),
        new RegExp(`^warning pidfile of mail\\.1: .*${first}`),
        new RegExp(`^warning pidfile of mail\\.3: .*${first}.*${third}`),
      ),
    ),
  );
  rig.configure({ maps: idle });
  expect(await told(rig)).toEqual(
    expect.arrayContaining(like(new RegExp(`^warning mail\\.3: .*${third}`))),
  );
});

test('files left half written must be reported, and those just being written must not', async () => {
  const rig = healthy();
  mkdirSync(rig.stateDir);
  writeFileSync(`${rig.stateDir}/state.json.4194304.new`, '');
  expect(await told(rig)).toEqual([]);
  await rig.shell(`touch -d '5 minutes ago' ${rig.stateDir}/state.json.4194304.new`);
  expect(await told(rig)).toEqual(like(/^warning .*state\.json\.4194304\.new/));
});

test('a state directory that is not safe, and one that is none, must be problems', async () => {
  const rig = healthy();
  mkdirSync(rig.stateDir);
  chmodSync(rig.stateDir, 0o777);
  expect(await told(rig)).toEqual(like(/^problem state directory \/\.workerctl: /));
  chmodSync(rig.stateDir, 0o775);
  expect(await told(rig)).toEqual(like(/^warning state directory \/\.workerctl: .*775/));
  rmSync(rig.stateDir, { recursive: true });
  writeFileSync(rig.stateDir, '');
  const lines = await told(rig);
  expect(lines.some((line) => line.startsWith('problem state directory /.workerctl: '))).toBe(true);
  expect(lines.join('\n')).not.toMatch(/at .*\.cjs/);
});

test.skipIf(isRoot)('a folder that cannot be read must be a problem', async () => {
  const rig = healthy();
  mkdirSync(rig.stateDir);
  chmodSync(rig.stateDir, 0);
  const lines = await told(rig);
  chmodSync(rig.stateDir, 0o755);
  expect(lines.some((line) => line.startsWith('problem state directory'))).toBe(true);
});

test('what would make a start fail must be reported: program, folder, env file, log folder', async () => {
  const rig = healthy({ command: 'no-such-program-here', env_files: ['none.env'] });
  expect(await told(rig)).toEqual(
    like(
      /^problem workers\.mail\.command: .*no-such-program-here/,
      /^problem workers\.mail\.env_files: .*\/none\.env/,
    ),
  );
  rig.configure({ mail: { ...idle, directory: 'away', env_files: [] } });
  expect(await told(rig)).toEqual(
    expect.arrayContaining(like(/^problem workers\.mail\.directory: .*\/away/)),
  );
});

test('a weaker lock backend must be a warning, and an unknown one a problem', async () => {
  const rig = healthy();
  mkdirSync(rig.stateDir);
  expect(await told(rig, { WORKERCTL_LOCK: 'portable' })).toEqual(
    like(/^warning lock backend: .*portable/),
  );
  expect(readdirSync(rig.stateDir)).toEqual([]);
  expect(await told(rig, { WORKERCTL_LOCK: 'hope' })).toEqual(
    like(/^problem lock backend: .*WORKERCTL_LOCK.*hope/),
  );
  expect(await told(rig, { WORKERCTL_NOTIFY: 'hope' })).toEqual(
    like(/^problem sd_notify: .*WORKERCTL_NOTIFY.*hope/),
  );
});

test('a watch must be found, and one that is stopped must be a problem', async () => {
  const rig = createRig({ mail: { ...idle, heartbeat: { timeout: '1h' } } });
  program(rig, 'crontab', 'exit 1');
  expect(await told(rig)).toEqual(like(/^warning watch: /, noCron));
  const watch = await watching(rig);
  await booted(rig.instance('mail.1'));
  const before = await watch.quiet(); // only then is its first pass over
  expect(await told(rig)).toEqual([]);
  expect((await rig.workerctl('doctor')).stdout).toMatch(new RegExp(`watch: .*${watch.pid}`));
  expect(await watch.quiet(), 'doctor has woken the watch').toBe(before);
  watch.send('SIGSTOP');
  await until('the watch to stop', () => stateOf(watch.pid) === 'T');
  expect(await told(rig)).toEqual(like(new RegExp(`^problem watch: .*${watch.pid}.*SIGSTOP`)));
  watch.send('SIGCONT');
});

test('a file in place of the trigger must be a problem', async () => {
  const rig = healthy();
  mkdirSync(rig.stateDir);
  writeFileSync(`${rig.stateDir}/trigger`, '');
  expect(await told(rig)).toEqual(like(/^problem trigger \/\.workerctl\/trigger: .*FIFO/));
});

test('ready.notify without a watch must be a problem', async () => {
  const rig = healthy({ ...idle, ready: { notify: true } }, { defaults: { ready: {} } });
  const [line = ''] = await told(rig);
  expect(line).toMatch(/^problem sd_notify: /);
});

test('marks of CI runners in the environment of workers must be a problem', async () => {
  const rig = healthy({ ...idle, count: 2, env: { BUILD_ID: '7' } });
  await rig.start();
  expect(await told(rig)).toEqual(like(/^problem environment.*BUILD_ID.*mail\.1, mail\.2/));
});

test('cron must be asked for its period, its PATH and its config', async () => {
  const rig = healthy();
  const config = rig.path('workerctl.yaml');
  const workerctl = rig.path('bin/workerctl');
  const lines = async (...all: readonly string[]): Promise<string[]> => {
    crontab(rig, ...all);
    return told(rig);
  };
  expect(await lines('* * * * * /bin/true')).toEqual(like(noCron));
  expect(await lines(`* * * * * ${workerctl} bootcheck --config /etc/hostname`)).toEqual(
    like(noCron),
  );
  expect(await lines(`0 * * * * ${workerctl} bootcheck -c ${config}`)).toEqual(
    like(/^warning cron \(crontab -l\): .*1h/),
  );
  expect(await lines(`@reboot cd ${rig.folder} && ${workerctl} bootcheck`)).toEqual(
    like(/^warning cron \(crontab -l\): .*boot/),
  );
  expect(await lines(`* * * * * workerctl bootcheck --config ${config}`)).toEqual(
    like(/^problem cron \(crontab -l\): .*workerctl.*\/usr\/bin:\/bin/),
  );
  expect(
    await lines(`PATH=${rig.path('bin')}:/bin`, `* * * * * workerctl bootcheck --config ${config}`),
  ).toEqual([]);
  expect(await lines(`* * * * * ${workerctl} bootcheck --config ${config}.old`)).toEqual(
    like(/^problem cron \(crontab -l\): .*\/workerctl\.yaml\.old/, noCron),
  );
  expect(await lines(`* * * * * /no/node ${workerctl} bootcheck --config ${config}`)).toEqual(
    like(/^problem cron \(crontab -l\): .*\/no\/node/),
  );
  writeFileSync(rig.path('script'), '#!/usr/bin/env no-such-node\n', { mode: 0o755 });
  mkdirSync(rig.path('other'));
  symlinkSync(rig.path('script'), rig.path('other/workerctl'));
  expect(await lines(`* * * * * ${rig.path('other/workerctl')} bootcheck -c ${config}`)).toEqual(
    like(/^problem cron \(crontab -l\): .*no-such-node/),
  );
});

test('a program that does not answer must not hold doctor up, nor be left behind', async () => {
  const rig = healthy();
  program(rig, 'crontab', `echo $$ >${rig.path('asked')}; sleep 1000 & wait`);
  const lines = await told(rig);
  expect(lines.some((line) => noCron.test(line))).toBe(true);
  const pid = Number(readOr(rig.path('asked'), ''));
  await until('the program to be ended', () => pid > 0 && processAt(pid) === undefined);
  program(rig, 'stat', 'sleep 1000');
  const [first] = await told(rig);
  expect(first).toMatch(/^problem .*\b3 ?s/);
});

test('doctor must take no targets, and a wrong config must end it with 78', async () => {
  const rig = healthy();
  expect((await rig.workerctl('doctor', 'mail')).exitCode).toBe(2);
  expect((await rig.workerctl('doctor', '--help')).exitCode).toBe(0);
  rig.writeConfig('workers: {mail: {comand: x}}');
  expect((await rig.workerctl('doctor')).exitCode).toBe(78);
});

const canMount = (await execa('unshare', ['-Urm', 'true'], { reject: false })).exitCode === 0;

test.runIf(canMount)('a full disk must be a problem, and one in memory a warning', async () => {
  const rig = healthy();
  mkdirSync(rig.stateDir);
  const { stdout } = await rig.shell(
    `exec unshare -Urm sh -c 'mount -t tmpfs -o size=64k none .workerctl && head -c 99999 /dev/zero >.workerctl/x; workerctl doctor --json'`,
  );
  const { findings } = JSON.parse(stdout) as { findings: FindingJson[] };
  const lines = findings.map(
    (one) => `${one.level} ${one.about.replace(rig.folder, '')}: ${one.found}`,
  );
  expect(lines).toEqual(
    expect.arrayContaining(
      like(/^warning state directory \/\.workerctl: .*tmpfs/, /^problem .*\/\.workerctl: .*\b0 ?M/),
    ),
  );
});
