// Whose config may decide what is run. Files of other users need root: without it these tests are skipped.
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const idle = { command: fixture('idle') };
const eve = 54321;
const asUser = (uid: number): string =>
  `setpriv --reuid ${uid} --regid ${uid} --clear-groups --no-new-privs env`;

/** A config of another user, in that user's directory, which notes if its programs are run. */
function foreignRig(): Rig {
  const ran = (what: string) => ['/bin/sh', '-c', `: >"$0/ran-${what}"; echo r2`, rig.folder];
  const rig = createRig();
  const ready = { command: ran('ready'), timeout: '10s' };
  rig.configure({ mail: { ...idle, ready } }, { release: { command: ran('release') } });
  chownSync(rig.path('workerctl.yaml'), eve, eve);
  chownSync(rig.folder, eve, eve);
  return rig;
}

const hasRun = (rig: Rig): boolean =>
  existsSync(rig.path('ran-release')) || existsSync(rig.path('ran-ready'));

const looks = ['status', 'status mail.1', 'jobs', 'events', 'logs', 'doctor', 'check'];
const acts = [
  'start',
  'stop',
  'restart',
  'bootcheck',
  'quiet',
  'hold',
  'want 2 mail',
  'watch',
  'adopt mail.1 1',
  'rollout cancel',
  'start --dry-run',
  'trigger',
  'install cron --write',
  'env',
  'signal HUP mail',
];

describe.runIf(isRoot)("root in another user's directory", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = foreignRig();
  });

  test.each(looks)('%s must read the config and run nothing from it', async (line) => {
    const { exitCode, all } = await rig.workerctl(...line.split(' '));
    expect([0, 1, 3], all).toContain(exitCode);
    expect(hasRun(rig)).toBe(false);
  });

  test.each(acts)('%s must be refused, and print the line to use', async (line) => {
    const { exitCode, stderr } = await rig.workerctl(...line.split(' '));
    expect(exitCode, stderr).toBe(78);
    expect(stderr).toContain(`the directory ${rig.folder} belongs to #${eve} (mode 700)`);
    expect(stderr).toContain(`sudo -u '#${eve}' workerctl ${line}\n`);
    expect(stderr).toContain(`workerctl ${line} --trust-config ${rig.path('workerctl.yaml')}`);
    expect(hasRun(rig)).toBe(false);
    expect(existsSync(rig.stateDir)).toBe(false);
  });

  test('lines for cron that would be refused must come with a note', async () => {
    for (const more of [[], ['--config', rig.path('workerctl.yaml')]]) {
      const { exitCode, stdout, stderr } = await rig.workerctl('install', 'cron', ...more);
      expect(exitCode, stderr).toBe(0);
      expect(stdout).toContain('bootcheck');
      expect(stderr).toContain(`note: ${rig.path('workerctl.yaml')}: this config is not trusted`);
    }
    const trusted = ['--trust-config', rig.path('workerctl.yaml')];
    expect((await rig.workerctl('install', 'cron', ...trusted)).stderr).toBe('');
    expect(hasRun(rig)).toBe(false);
  });

  test('doctor must name that it is not trusted, and what to do', async () => {
    const { exitCode, stdout } = await rig.workerctl('doctor');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/problem +config .*is not trusted: .* belongs to #54321/);
    expect(stdout).toContain(`--trust-config ${rig.path('workerctl.yaml')}`);
  });

  test('a named config must be refused, too', async () => {
    for (const args of [
      ['--config', rig.path('workerctl.yaml')],
      ['-c', 'workerctl.yaml'],
    ])
      expect(await rig.workerctl('bootcheck', ...args)).toMatchObject({ exitCode: 78 });
    const env = { WORKERCTL_CONFIG: rig.path('workerctl.yaml') };
    expect(await rig.workerctlWith(env, 'bootcheck')).toMatchObject({ exitCode: 78 });
  });

  test('--trust-config must let it be used, and so must a sudo of its owner', async () => {
    const trusted = await rig.workerctl('status', '--trust-config', 'workerctl.yaml');
    expect(trusted.exitCode, trusted.all).toBe(3);
    expect(existsSync(rig.path('ran-release'))).toBe(true);
    const { exitCode, all } = await rig.workerctlWith({ SUDO_UID: String(eve) }, 'start');
    expect(exitCode, all).toBe(0);
    await until('ready.command', () => existsSync(rig.path('ran-ready')));
    expect((await rig.workerctlWith({ SUDO_UID: '1' }, 'stop')).exitCode).toBe(78);
  });

  test('what runs must be shown from the records, and outdated as unknown', async () => {
    const { exitCode, all } = await rig.workerctl('start', '--trust-config', 'workerctl.yaml');
    expect(exitCode, all).toBe(0);
    const { instances, not_run: notRun, distrust, releases } = await statusOf(rig);
    expect(instances).toMatchObject([{ state: 'ready', release: 'r2', outdated: null }]);
    expect(notRun).toEqual(['release.command', 'ready.command']);
    expect(distrust).toContain(`#${eve}`);
    expect(releases).toEqual({});
    const { stdout } = await rig.workerctl('status');
    expect(stdout).toMatch(
      /release.command .*not run, so it is unknown what is outdated: .*#54321/,
    );
  });

  test('the kept config must not go round that', async () => {
    for (const command of ['start', 'stop'])
      await rig.workerctl(command, '--trust-config', 'workerctl.yaml');
    expect(existsSync(`${rig.stateDir}/.new/config`)).toBe(true);
    expect((await rig.workerctl('stop')).exitCode).toBe(78);
    rmSync(rig.path('ran-release'));
    expect(await statusOf(rig)).toMatchObject({ not_run: ['release.command', 'ready.command'] });
    expect(existsSync(rig.path('ran-release'))).toBe(false);
  });

  test('a link of another user to a config of our own must be refused', async () => {
    chownSync(rig.folder, 0, 0);
    chownSync(rig.path('workerctl.yaml'), 0, 0);
    renameSync(rig.path('workerctl.yaml'), rig.path('real.yaml'));
    symlinkSync('real.yaml', rig.path('workerctl.yaml'));
    expect((await rig.workerctl('stop')).exitCode).toBe(0);
    lchownSync(rig.path('workerctl.yaml'), eve, eve);
    const { exitCode, stderr } = await rig.workerctl('stop');
    expect(exitCode).toBe(78);
    expect(stderr).toContain(`it belongs to #${eve} (mode 777)`);
  });
});

test.runIf(isRoot)('an own file in the directory of another user must be refused', async () => {
  const rig = createRig({ mail: idle });
  chownSync(rig.folder, eve, eve);
  expect((await rig.workerctl('start')).exitCode).toBe(78);
});

test.runIf(isRoot)(
  'a user must find only own configs, and may name those that only others can write',
  async () => {
    const rig = createRig(
      { mail: idle },
      { state_dir: '/dev/shm/%i/none', release: { command: ['/bin/false'] } },
    );
    rig.configure({ mail: idle });
    chmodSync(rig.folder, 0o755);
    mkdirSync(rig.path('var'), { mode: 0o755 });
    rig.configure({ mail: idle }, { state_dir: 'var/state' });
    chownSync(rig.path('var'), 65534, 65534);
    const run = (line: string) => rig.shell(`${asUser(65534)} workerctl ${line}`);
    expect((await run('stop')).exitCode, 'of root').toBe(0);
    chownSync(rig.path('workerctl.yaml'), eve, eve);
    expect((await run('stop')).exitCode, 'found').toBe(78);
    expect((await run('stop --config workerctl.yaml')).exitCode, 'named').toBe(0);
    chmodSync(rig.path('workerctl.yaml'), 0o666);
    const open = await run('stop --config workerctl.yaml');
    expect(open.exitCode, 'named, and writable').toBe(78);
    expect(open.stderr).toContain(`chmod o-w ${rig.path('workerctl.yaml')}`);
  },
);

/** Runs a line where /etc/passwd and /etc/group have these lines, too. */
const withUsers = (rig: Rig, users: string, groups: string, line: string) => {
  writeFileSync(rig.path('passwd'), `root:x:0:0:root:/root:/bin/sh\n${users}\n`);
  writeFileSync(rig.path('group'), `root:x:0:\n${groups}\n`);
  return rig.shell(
    `unshare -m sh -c 'mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec ${line}'`,
  );
};

describe.runIf(isRoot)('real hosts', () => {
  const users = 'deploy:x:1003:1003::/srv:/bin/sh\nalice:x:1004:1004::/home/alice:/bin/sh';

  test.each([
    ['of deploy alone (umask 002)', 'deploy:x:1003:', 0],
    ['of deploy and itself', 'deploy:x:1003:deploy', 0],
    ['that alice is in', 'deploy:x:1003:alice', 78],
  ])("Capistrano's shared directories (2775) with a group %s", async (_, group, expected) => {
    const rig = createRig({ mail: idle });
    for (const path of ['shared', 'releases']) mkdirSync(rig.path(path));
    renameSync(rig.path('workerctl.yaml'), rig.path('shared/workerctl.yaml'));
    mkdirSync(rig.path('releases/1'));
    symlinkSync('releases/1', rig.path('current'));
    symlinkSync(rig.path('shared/workerctl.yaml'), rig.path('releases/1/workerctl.yaml'));
    await rig.shell(
      'chown -Rh 1003:1003 . && chmod 755 . && chmod 2775 shared releases releases/1 && chmod 664 shared/workerctl.yaml',
    );
    const line = `setpriv --reuid 1003 --regid 1003 --clear-groups env HOME=/ "$PWD/bin/workerctl" stop --config current/workerctl.yaml`;
    const { exitCode, all } = await withUsers(rig, users, group, line);
    expect(exitCode, all).toBe(expected);
    if (expected === 0) return;
    expect(all).toContain(
      `the group deploy can write to the directory ${rig.path('releases')} (of deploy, mode 2775)`,
    );
    expect(all).toContain(`chmod g-w ${rig.path('releases')}\n`);
  });

  test('a bind mount of uid 1000 in a container of root must name the option', async () => {
    const rig = createRig({ mail: idle });
    await rig.shell('chown -R 1000:1000 workerctl.yaml .');
    const refused = await rig.workerctl('bootcheck', '--config', rig.path('workerctl.yaml'));
    expect(refused.exitCode).toBe(78);
    const [, option = ''] = /(--trust-config \S+)$/.exec(refused.stderr) ?? [];
    expect((await rig.workerctl('bootcheck', ...option.split(' '))).exitCode).toBe(0);
    expect((await rig.workerctl('bootcheck', ...option.split(' '))).all).toBe('');
  });

  test('a path with a blank must be quoted in the lines to copy', async () => {
    const rig = createRig({ mail: idle });
    mkdirSync(rig.path('my app'));
    renameSync(rig.path('workerctl.yaml'), rig.path('my app/workerctl.yaml'));
    chownSync(rig.path('my app'), 1001, 1001);
    const { stderr } = await rig.workerctl('stop', '-c', 'my app/workerctl.yaml', '--', 'mail');
    expect(stderr).toContain(`sudo -u '#1001' workerctl stop -c 'my app/workerctl.yaml' -- mail\n`);
    expect(stderr).toContain(
      `workerctl stop --trust-config '${rig.path('my app/workerctl.yaml')}' -- mail`,
    );
  });
});

describe.runIf(isRoot)('a config that others can write from now on', () => {
  test('must be refused by a running watch, which goes on with the one before', async () => {
    const rig = createRig({ mail: idle });
    const watch = rig.workerctl('watch');
    await until('the worker', () => rig.journal('started').length === 1);
    chmodSync(rig.path('workerctl.yaml'), 0o666);
    rig.configure({ mail: { ...idle, count: 2 } });
    watch.kill('SIGHUP');
    await until('its refusal', () => rig.journal('config_rejected').length > 0);
    expect(rig.journal('config_rejected')[0]?.['text']).toContain('every user can write it');
    expect(rig.journal('started')).toHaveLength(1);
    chmodSync(rig.path('workerctl.yaml'), 0o644);
    watch.kill('SIGHUP');
    await until('the second worker', () => rig.journal('started').length === 2);
    watch.kill('SIGTERM');
    await watch;
  });

  test('must be reported once by a restart that waits, which goes on with the one before', async () => {
    const rig = createRig({ mail: { command: fixture('drains-after-job') } });
    await rig.start();
    await rig.instance('mail.1').giveJob();
    const restart = rig.workerctl('restart', '--json');
    await rig.instance('mail.1').asked();
    chmodSync(rig.path('workerctl.yaml'), 0o666);
    await until('the report', () => rig.journal('warning').length === 1);
    expect(rig.journal('warning')[0]?.['text']).toContain(
      'not trusted any more: every user can write it',
    );
    rig.instance('mail.1').finishJob();
    const { exitCode, all } = await restart;
    expect(exitCode, all).toBe(0);
    expect(rig.journal('warning')).toHaveLength(1);
  });
});
