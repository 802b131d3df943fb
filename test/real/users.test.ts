// Workers of users whom root has started: whose rights their files and programs are used with, and that nothing which such a
// user has prepared is used with root's. The users exist in a mount namespace only. Needs root; skipped without.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, instanceHandle, successor, type InstanceHandle } from '../rig/instance.ts';
import { isAlive, strings } from '../rig/kernel.ts';
import { fixture, isRoot, type Running } from '../rig/programs.ts';
import { createRig, statusOf, type Rig, type Workers } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const deploy = 4001;
const other = 4002;
const passwd = `deploy:x:${deploy}:${deploy}::/srv/deploy:/bin/bash\nother:x:${other}:${other}::/:/bin/sh\n`;
const group = `deploy:x:${deploy}:\nother:x:${other}:\nmedia:x:4010:deploy\nweb:x:4011:\n`;

/** Where deploy, and only deploy, may write: notes of the fixtures, logs, pidfiles. */
interface Users extends Rig {
  /** Runs a command line on a host that has these users. */
  readonly run: (line: string) => Running;
  readonly as: (user: 'deploy' | 'other', line: string) => Running;
  readonly home: string;
  readonly inHome: (name: string) => string;
  readonly of: (instance: string) => InstanceHandle;
  /** A file of root alone. */
  readonly secret: string;
  /** Puts a link of deploy to the secret there. */
  readonly link: (name: string) => void;
}

const secretText = 'root:$6$of-root-alone:19000:0:99999:7:::\n';

function rigOfUsers(workers: (at: Users) => Workers, top: Readonly<Record<string, unknown>> = {}) {
  const rig = createRig();
  chmodSync(rig.folder, 0o755);
  const home = rig.path('home');
  mkdirSync(home);
  chownSync(home, deploy, deploy);
  mkdirSync(rig.path('etc'));
  writeFileSync(rig.path('etc/passwd'), readFileSync('/etc/passwd', 'utf8') + passwd);
  writeFileSync(rig.path('etc/group'), readFileSync('/etc/group', 'utf8') + group);
  for (const name of ['idle', 'drains-after-job', 'forks-away', 'beats', 'has-children'])
    copyFileSync(fixture(name), rig.path(name));
  const secret = rig.path('secret');
  writeFileSync(secret, secretText, { mode: 0o600 });
  const binds = ['passwd', 'group'].map((name) => `mount --bind etc/${name} /etc/${name}`);
  const run = (line: string): Running =>
    rig.shell(`exec unshare -m sh -c '${binds.join(' && ')} && exec "$@"' sh ${line}`);
  const inHome = (name: string): string => join(home, name);
  const users: Users = {
    ...rig,
    run,
    as: (user, line) => run(`setpriv --reuid ${user} --regid ${user} --init-groups ${line}`),
    home,
    inHome,
    of: (instance) => instanceHandle(home, rig.stateDir, instance),
    secret,
    link: (name) => {
      symlinkSync(secret, inHome(name));
      lchownSync(inHome(name), deploy, deploy);
    },
  };
  const given = workers(users);
  const withRig = Object.fromEntries(
    Object.entries(given).map(([name, keys]) => [
      name,
      { ...keys, env: { ...(keys['env'] as object | undefined), RIG: home } },
    ]),
  );
  rig.configure(withRig, { log_dir: inHome('log'), ...top });
  return users;
}

const asDeploy = { user: 'deploy', directory: 'home' };
const idle = { ...asDeploy, command: '../idle' };
const drains = { ...asDeploy, command: '../drains-after-job' };

async function succeeds(running: Running): Promise<string> {
  const { exitCode, all } = await running;
  expect(exitCode, all).toBe(0);
  return all;
}

const ownerOf = (path: string): number => statSync(path).uid;

/** The real users of a process: of it and of its parent. */
const usersOf = (pid: number): readonly number[] =>
  [pid, Number(/^PPid:\s+(\d+)/m.exec(readOr(`/proc/${pid}/status`, ''))?.[1])].map((one) =>
    Number(/^Uid:\s+(\d+)/m.exec(readOr(`/proc/${one}/status`, ''))?.[1]),
  );

if (!isRoot) console.warn('SKIPPED: test/real/users.test.ts needs root');

describe.runIf(isRoot)('a worker of another user', () => {
  test('must be that user in all that it is and has', async () => {
    const at = rigOfUsers((rig) => ({
      mail: {
        ...asDeploy,
        no_new_privs: true,
        umask: '027',
        pidfile: rig.inHome('pids/%n.pid'),
        env_files: [rig.inHome('.env')],
        command: [
          'sh',
          '-c',
          'id >id; umask >umask; env >env; grep NoNewPrivs /proc/self/status >privs; echo >done; exec sleep 1000000',
        ],
      },
      images: { ...asDeploy, group: 'web', command: ['sh', '-c', 'id >id2; exec sleep 1000000'] },
    }));
    writeFileSync(
      at.inHome('.env'),
      `LD_PRELOAD=/of/deploy.so\nGREETING="it's a $5"\n`.replace('$5', '5'),
    );
    chownSync(at.inHome('.env'), deploy, deploy);
    chmodSync(at.inHome('.env'), 0o600);
    await succeeds(at.run('workerctl start'));
    await until(
      'the notes of the workers',
      () => existsSync(at.inHome('done')) && existsSync(at.inHome('id2')),
    );
    const note = (name: string): string => readOr(at.inHome(name), '').trim();
    expect(note('id')).toBe((await at.run('id deploy')).stdout);
    expect(note('id2')).toMatch(/gid=4011\(web\) groups=4011\(web\),4001\(deploy\),4010\(media\)/);
    expect(note('umask')).toMatch(/^0*27$/);
    expect(note('privs')).toMatch(/1$/);
    expect(note('env').split('\n')).toEqual(
      expect.arrayContaining([
        'HOME=/srv/deploy',
        'USER=deploy',
        'LOGNAME=deploy',
        'SHELL=/bin/sh',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'LD_PRELOAD=/of/deploy.so',
        "GREETING=it's a 5",
      ]),
    );
    expect(note('env')).not.toMatch(/STAGED_|SHIM_/);

    const { pid, shim_pid: shim } = at.of('mail.1').record() as { pid: number; shim_pid: number };
    expect(usersOf(pid)).toEqual([deploy, 0]);
    expect(strings(shim, 'environ').join('\n')).not.toMatch(/^LD_PRELOAD=/m);
    expect(readOr(`${at.stateDir}/mail.1.shim`, '').trim(), 'no program of root loads it').toBe('');
    expect(note('pids/mail.1.pid')).toBe(String(pid));
    for (const name of ['pids', 'pids/mail.1.pid', 'log', 'log/mail.1.log', 'id'])
      expect({ name, uid: ownerOf(at.inHome(name)) }).toEqual({ name, uid: deploy });
    expect(statSync(at.inHome('log/mail.1.log')).mode & 0o777).toBe(0o640);
    for (const name of ['', 'mail.1.json', 'mail.1.lock', 'heartbeats', 'events.ndjson'])
      expect({ name, uid: ownerOf(join(at.stateDir, name)) }).toEqual({ name, uid: 0 });
    await succeeds(at.run('workerctl stop'));
    expect(existsSync(at.inHome('pids/mail.1.pid'))).toBe(false);
  });

  test('must have the commands of a person in its place run as it, and show its environment', async () => {
    const at = rigOfUsers((rig) => ({
      mail: { ...idle, no_new_privs: true, umask: '027', env_files: [rig.inHome('.env')] },
    }));
    writeFileSync(at.inHome('.env'), 'LD_PRELOAD=/of/deploy.so\n');
    chownSync(at.inHome('.env'), deploy, deploy);
    chmodSync(at.inHome('.env'), 0o600);
    const script = 'id; umask; pwd; grep NoNewPrivs /proc/self/status; echo $HOME $LD_PRELOAD';
    const { stdout } = await at.run(
      `workerctl exec -- sh -c "${script.replaceAll('$', '\\$')}" 2>&-`,
    );
    const [id, umask, directory, privs, variables] = stdout.split('\n');
    expect(id).toBe((await at.run('id deploy')).stdout);
    expect(umask).toMatch(/^0*27$/);
    expect(directory).toBe(at.home);
    expect(privs).toMatch(/1$/);
    expect(variables).toBe('/srv/deploy /of/deploy.so');
    expect((await at.run('workerctl env')).stdout).toContain('export LD_PRELOAD=/of/deploy.so\n');
    // What only root can read cannot be reached through it.
    const read = await at.run(`workerctl exec -- cat ${at.secret}`);
    expect(read.stdout).toBe('');
    expect(read.exitCode).toBe(1);
    for (const line of ['workerctl exec -- true', 'workerctl shell', 'workerctl env']) {
      const { exitCode, stderr } = await at.as('other', line);
      expect(exitCode).toBe(78);
      expect(stderr).toMatch(/mail runs as deploy, and you are other: only root can start it/);
    }
  });

  test('must be started, restarted, watched and stopped by root, beside one of another user', async () => {
    const at = rigOfUsers((rig) => ({
      mail: { ...drains, count: 2 },
      images: { ...drains, user: 'other', log: { file: rig.path('other/images.log') } },
    }));
    mkdirSync(at.path('other'));
    chownSync(at.path('other'), other, other);
    chmodSync(at.home, 0o777);
    await succeeds(at.run('workerctl start'));
    const [mail, images] = [at.of('mail.1'), at.of('images.1')];
    const before = await Promise.all([mail, at.of('mail.2'), images].map(booted));
    expect(before.map((pid) => usersOf(pid)[0])).toEqual([deploy, deploy, other]);

    await mail.giveJob();
    const restarting = at.run('workerctl restart');
    await successor(images, before[2] ?? 0);
    expect(isAlive(before[0] ?? 0)).toBe(true);
    mail.finishJob();
    await succeeds(restarting);
    expect(await statusOf(at)).toMatchObject({ ready: 3 });

    const killed = await booted(images);
    process.kill(killed, 'SIGKILL');
    await images.left(killed);
    await succeeds(at.run('workerctl bootcheck'));
    expect(usersOf(await successor(images, killed))).toEqual([other, 0]);

    const watch = at.run('workerctl watch --stop-on-exit');
    const inTurn = await booted(mail);
    await until('the watch', () => existsSync(join(at.stateDir, 'control.sock')));
    process.kill(inTurn, 'SIGKILL');
    expect(usersOf(await successor(mail, inTurn))).toEqual([deploy, 0]);
    watch.kill('SIGTERM');
    await watch;
    expect(await statusOf(at)).toMatchObject({ up: 0 });

    await succeeds(at.run('workerctl start mail.1'));
    const last = await booted(mail);
    await mail.giveJob();
    expect((await at.run('workerctl stop --now')).exitCode).toBe(0);
    expect(isAlive(last)).toBe(false);
  });

  test('must have its programs run as it: hooks, release, readiness, logger', async () => {
    const notes = (name: string): string[] => [
      'sh',
      '-c',
      `id -un >>${name}; cat >/dev/null; echo r1`,
    ];
    const at = rigOfUsers(
      (rig) => ({
        mail: {
          ...drains,
          ready: { command: notes(rig.inHome('ready')) },
          log: { command: ['sh', '-c', `id -un >${rig.inHome('logger')}; exec cat >/dev/null`] },
          hooks: { lost: notes(rig.inHome('hook')) },
          heartbeat: { timeout: '1h' },
        },
      }),
      { release: { command: ['sh', '-c', 'id -un'] } },
    );
    await succeeds(at.run('workerctl start'));
    const pid = await booted(at.of('mail.1'));
    expect(at.of('mail.1').record()['release']).toBe('deploy');
    const beat = /WORKERCTL_HEARTBEAT_FILE=(\S+)/.exec(strings(pid, 'environ').join('\n'))?.[1];
    writeFileSync(at.path('private'), 'busy of-root-alone\n', { mode: 0o600 });
    // As beat.sh and the others do: to a new file, which is renamed, and in a directory for each further process.
    writeFileSync(
      at.path('beat'),
      `set -e; f=${beat ?? ''}; echo 'jobs 1' >$f.new; echo "$(date +%s) mail 7" >>$f.new; mv $f.new $f; mkdir $f.jobs; ln -s ${at.secret} $f.jobs/${pid}\n`,
    );
    await succeeds(at.as('deploy', 'sh beat'));
    expect((await at.run('workerctl status')).stdout).toContain('mail 7');
    const folder = join(at.stateDir, 'heartbeats');
    const name = basename(beat ?? '');
    expect((await at.as('deploy', `ln -s /x ${folder}/${name}.extend`)).exitCode).toBe(1);
    await succeeds(
      at.as(
        'deploy',
        `sh -c "rm -r ${beat ?? ''} ${beat ?? ''}.jobs && ln -s ${at.path('private')} ${beat ?? ''} && ln -s ${folder} ${beat ?? ''}.jobs"`,
      ),
    );
    expect((await at.run('workerctl status')).all).not.toContain('of-root-alone');
    await succeeds(at.as('deploy', `sh -c "rm ${beat ?? ''} ${beat ?? ''}.jobs && sh beat"`));
    process.kill(pid, 'SIGKILL');
    await at.of('mail.1').left(pid);
    await succeeds(at.run('workerctl bootcheck'));
    expect(existsSync(join(folder, name)), 'its place is removed with it').toBe(false);
    expect(readdirSync(folder).filter((one) => one.startsWith(name))).toEqual([]);
    expect(readFileSync(at.secret, 'utf8')).toBe(secretText);
    for (const name of ['ready', 'hook', 'logger'])
      expect(readOr(at.inHome(name), '').split('\n')[0], name).toBe('deploy');
  });

  test('must report its state by sd_notify(3) to a watch of root', async () => {
    const says =
      "import os,socket,time;s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);s.sendto(b'READY=1\\nSTATUS=up',os.environ['NOTIFY_SOCKET']);time.sleep(1e6)";
    const at = rigOfUsers(() => ({
      mail: { ...asDeploy, command: ['python3', '-c', says], ready: { notify: true } },
    }));
    const watch = at.run('workerctl watch');
    await until('mail.1 to be ready', async () => (await statusOf(at)).ready === 1);
    watch.kill('SIGTERM');
    await watch;
  });

  test('must have its log rotated as that user', async () => {
    const at = rigOfUsers(() => ({ mail: { ...idle, log: { max_size: '64KB', keep: 2 } } }));
    await succeeds(at.run('workerctl start'));
    writeFileSync(at.inHome('log/mail.1.log'), 'a line\n'.repeat(20_000));
    await succeeds(at.run('workerctl bootcheck'));
    expect(ownerOf(at.inHome('log/mail.1.log.1'))).toBe(deploy);
    expect(at.journal('log_rotated')).toHaveLength(1);
  });

  test('must be followed if it daemonizes', async () => {
    const at = rigOfUsers((rig) => ({
      mail: {
        ...asDeploy,
        command: ['../forks-away', rig.inHome('mail.pid')],
        daemonizes: true,
        pidfile: rig.inHome('mail.pid'),
      },
    }));
    await succeeds(at.run('workerctl start'));
    const { pid } = at.of('mail.1').record() as { pid: number };
    expect(usersOf(pid)[0]).toBe(deploy);
    await succeeds(at.run('workerctl stop'));
    expect(isAlive(pid)).toBe(false);
  });
});

describe.runIf(isRoot)('what a user has prepared must not be used with the rights of root:', () => {
  const refuses = async (at: Users, words: RegExp): Promise<void> => {
    const { exitCode, all } = await at.run('workerctl start');
    expect(exitCode, all).toBe(1);
    expect(all).toMatch(words);
    expect(all).not.toContain('of-root-alone');
    expect(readFileSync(at.secret, 'utf8')).toBe(secretText);
    expect(at.of('mail.1').processes()).toEqual([]);
  };

  test('a link in place of the log', async () => {
    const at = rigOfUsers(() => ({ mail: idle }));
    await succeeds(at.as('deploy', 'mkdir home/log'));
    at.link('log/mail.1.log');
    await refuses(at, /log\/mail\.1\.log: EACCES/);
    const logs = await at.run('workerctl logs');
    expect(logs.all).not.toContain('of-root-alone');
    const check = await at.run('workerctl check');
    expect(check.exitCode).toBe(78);
    expect(check.all).toMatch(/workerctl\.yaml:\d+:\d+: workers\.mail\.log\.file: .*deploy/);
  });

  test('a log that becomes a link while the worker runs', async () => {
    const at = rigOfUsers(() => ({ mail: { ...idle, log: { max_size: '64KB' } } }));
    await succeeds(at.run('workerctl start'));
    const pid = await booted(at.of('mail.1'));
    await succeeds(at.as('deploy', 'mv home/log/mail.1.log home/log/mail.1.log.9'));
    at.link('log/mail.1.log');
    process.kill(pid, 'SIGKILL');
    await at.of('mail.1').left(pid);
    expect((await at.run('workerctl bootcheck')).all).not.toContain('of-root-alone');
    expect(JSON.stringify(at.journal())).not.toContain('of-root-alone');
    expect(readFileSync(at.secret, 'utf8')).toBe(secretText);
  });

  test('an env file that is a link or a FIFO', async () => {
    const at = rigOfUsers((rig) => ({ mail: { ...idle, env_files: [rig.inHome('.env')] } }));
    at.link('.env');
    await refuses(at, /\.env: EACCES/);
    await succeeds(at.as('deploy', 'sh -c "rm home/.env && mkfifo home/.env"'));
    await refuses(at, /FIFO/);
  });

  test('a release file that is a link', async () => {
    const at = rigOfUsers(() => ({ mail: idle }), { release: { file: 'home/REVISION' } });
    at.link('REVISION');
    const { all } = await at.run('workerctl start');
    expect(all).not.toContain('of-root-alone');
    expect(at.of('mail.1').record()['release']).toBeUndefined();
  });

  test('a directory that only root can enter', async () => {
    const at = rigOfUsers(() => ({
      mail: { ...idle, directory: 'home/app', command: '/bin/sleep 1000' },
    }));
    mkdirSync(at.path('private'), { mode: 0o700 });
    symlinkSync(at.path('private'), at.inHome('app'));
    lchownSync(at.inHome('app'), deploy, deploy);
    await refuses(at, /home\/app: EACCES/);
  });

  test('links in place of a pidfile and its directory', async () => {
    const at = rigOfUsers((rig) => ({ mail: { ...idle, pidfile: rig.inHome('pids/mail.pid') } }));
    mkdirSync(at.path('cron.d'));
    symlinkSync(at.path('cron.d'), at.inHome('pids'));
    lchownSync(at.inHome('pids'), deploy, deploy);
    const { exitCode } = await at.run('workerctl start');
    expect(exitCode).toBe(1);
    expect((await at.run('ls cron.d')).stdout).toBe('');
  });

  test('the pidfile of a daemon that names a process of root', async () => {
    const at = rigOfUsers((rig) => ({
      mail: {
        ...asDeploy,
        command: ['sh', '-c', `cp ${rig.path('victim')} ${rig.inHome('mail.pid')}`],
        daemonizes: true,
        start: { timeout: '1s' },
        pidfile: rig.inHome('mail.pid'),
      },
    }));
    const victim = at.shell(`echo $$ >victim; cd home; exec sleep 1000000`);
    const pid = await until('the victim', () => Number(readOr(at.path('victim'), '')) || undefined);
    expect((await at.run('workerctl start')).exitCode).toBe(1);
    await at.run('workerctl bootcheck');
    await at.run('workerctl stop --now');
    expect(isAlive(pid)).toBe(true);
    expect((await at.run(`workerctl adopt mail.1 ${pid}`)).exitCode).toBe(1);
    victim.kill('SIGKILL');
    await victim;
  });

  test.each(['other', 'deploy'] as const)(
    'a process of %s that calls itself an instance',
    async (user) => {
      const at = rigOfUsers(() => ({ mail: idle }));
      await succeeds(at.run('workerctl start'));
      await succeeds(at.run('workerctl stop'));
      const claims = `exec env WORKERCTL_INSTANCE=mail.1 WORKERCTL_STATE_DIR=${at.stateDir} sh -c 'export WORKERCTL_PID=$$; echo $$ >forged.${user}; exec sleep 1000000'`;
      writeFileSync(at.path('claim'), `${claims}\n`);
      writeFileSync(at.path(`forged.${user}`), '');
      chmodSync(at.path(`forged.${user}`), 0o666);
      const forged = at.as(user, 'setsid -w sh claim');
      const pid = await until(
        'the forged instance',
        () => Number(readOr(at.path(`forged.${user}`), '')) || undefined,
      );
      await succeeds(at.run('workerctl start'));
      const { pid: own } = at.of('mail.1').record() as { pid: number };
      // deploy may name any process of its own; another user may not.
      if (user === 'other') expect(own).not.toBe(pid);
      else expect(own).toBe(pid);
      await at.run('workerctl stop --now');
      expect(isAlive(pid)).toBe(user === 'other');
      forged.kill('SIGKILL');
    },
  );

  test('the arguments of a shim', async () => {
    const at = rigOfUsers(() => ({ mail: idle }));
    writeFileSync(
      at.path('shim.sh'),
      'setsid sh -c "echo \\$\\$ >home/forged; exec sleep 1000000"\n',
    );
    chmodSync(at.home, 0o777);
    const forged = at.as(
      'other',
      `sh ${at.path('shim.sh')} supervise mail.1 ${at.stateDir} x 0123456789abcdef`,
    );
    const pid = await until(
      'the forged shim',
      () => Number(readOr(at.inHome('forged'), '')) || undefined,
    );
    await succeeds(at.run('workerctl start'));
    expect(at.of('mail.1').record()['pid']).not.toBe(pid);
    forged.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
  });

  test('a state directory that the user could exchange', async () => {
    const at = rigOfUsers(() => ({ mail: idle }), { state_dir: 'home/state' });
    const { exitCode, all } = await at.run('workerctl start');
    expect(exitCode).toBe(73);
    expect(all).toContain(`${at.home} belongs to deploy`);
  });
});

describe.runIf(isRoot)('a caller', () => {
  test('other than root and the user must be told the line to use', async () => {
    const at = rigOfUsers(() => ({ mail: idle }));
    for (const line of ['start', 'restart mail.1', 'bootcheck', 'watch', 'stop --now']) {
      const { exitCode, stderr } = await at.as('other', `workerctl ${line}`);
      expect({ line, exitCode }).toEqual({ line, exitCode: 78 });
      expect(stderr).toContain('mail runs as deploy, and you are other');
      expect(stderr).toMatch(new RegExp(`^ +sudo workerctl ${line}$`, 'm'));
    }
    expect(existsSync(at.stateDir)).toBe(false);
  });

  test('who is the user of all workers must be able to do without root, with the same environment', async () => {
    const at = rigOfUsers(() => ({ mail: { ...idle, env: { A: 'b' } } }), {
      state_dir: 'home/state',
    });
    const of = (stateDir: string) => instanceHandle(at.home, stateDir, 'mail.1');
    const environmentOf = (pid: number): string[] =>
      strings(pid, 'environ')
        .filter(
          (entry) => !/^(?:WORKERCTL_(?:PID|HEARTBEAT_FILE|STATE_DIR)|PWD|OLDPWD)=/.test(entry),
        )
        .sort();
    await succeeds(at.as('deploy', 'workerctl start'));
    const own = await booted(of(at.inHome('state')));
    const environment = environmentOf(own);
    await succeeds(at.as('deploy', 'workerctl stop'));

    at.configure({ mail: { ...idle, env: { A: 'b', RIG: at.home } } }, { log_dir: 'home/log' });
    await succeeds(at.run('workerctl start'));
    expect(environmentOf(await booted(at.of('mail.1')))).toEqual(environment);
    for (const line of ['status', 'events', 'jobs', 'logs'])
      expect((await at.as('deploy', `workerctl ${line}`)).exitCode, line).toBe(0);
    const { exitCode, stderr } = await at.as('deploy', 'workerctl stop');
    expect(exitCode).toBe(73);
    expect(stderr).toMatch(/sudo -u root workerctl stop$/);
  });

  test('must be told which user or group does not exist, and where the config says so', async () => {
    const at = rigOfUsers(() => ({ mail: { ...idle, user: 'nosuch' } }));
    for (const line of ['check', 'start']) {
      const { exitCode, all } = await at.run(`workerctl ${line}`);
      expect({ line, exitCode }).toEqual({ line, exitCode: 78 });
      expect(all).toMatch(/workerctl\.yaml:\d+:\d+: workers\.mail\.user: found nosuch/);
    }
    at.configure({ mail: { ...idle, group: 'nosuch' } });
    expect((await at.run('workerctl check')).all).toMatch(/workers\.mail\.group: found nosuch/);
  });

  test('must get what the users need: logrotate becomes them, doctor misses their rights', async () => {
    const at = rigOfUsers((rig) => ({
      mail: idle,
      images: { ...idle, group: 'web' },
      plain: { command: '/bin/sleep 1000', log: { file: rig.path('plain/plain.log') } },
    }));
    await succeeds(at.as('deploy', 'sh -c "mkdir -p home/log home/app"'));
    const { stdout } = await at.run('workerctl install logrotate');
    expect(stdout.match(/^ +su .*$/gm)).toEqual(['    su deploy deploy', '    su deploy web']);

    await succeeds(at.run('workerctl start mail'));
    chmodSync(at.stateDir, 0o700);
    chmodSync(at.inHome('log'), 0o500);
    const { all } = await at.run('workerctl doctor');
    expect(all).toMatch(/deploy cannot enter/);
    expect(all).toMatch(/cannot be written by deploy/);
  });

  test('in a container must be able to give its own output to the workers', async () => {
    const at = rigOfUsers(() => ({
      mail: {
        ...asDeploy,
        command: ['sh', '-c', 'id -un; exec sleep 1000000'],
        log: { file: '/dev/stdout' },
      },
    }));
    await succeeds(at.run('sh -c "umask 077; workerctl start >>out"'));
    await until('the output of the worker', () => /^deploy$/m.test(readOr(at.path('out'), '')));
  });
});
