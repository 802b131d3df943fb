// A fleet over OpenSSH: one sshd on loopback, whose addresses are the hosts. Real connections are refused, cut and left
// without an answer.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createFleet, runOf, type FleetRig } from '../rig/fleet.ts';
import { heard, isRoot } from '../rig/programs.ts';
import { readOr } from '../rig/files.ts';
import { until } from '../rig/wait.ts';

const sshd = ['/usr/sbin/sshd', '/usr/bin/sshd'].find(existsSync);
if (sshd === undefined) console.warn('SKIPPED: fleets over ssh, because sshd is not installed');

const names = ['web1', 'web2', 'web3'];

/** Loopback addresses of their own, so that no two hosts share a connection. */
const addressOf = (index: number): string => `127.0.1.${index + 1}`;

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface SshFleet extends FleetRig {
  readonly port: number;
  /** The pids of the connections that the server has. */
  readonly connections: () => readonly number[];
}

async function freePort(): Promise<number> {
  const server = await listening(0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const listening = (port: number, address: string): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(port, address, () => {
      resolve(server);
    });
  });

async function sshFleet(keys: Readonly<Record<string, unknown>> = {}): Promise<SshFleet> {
  const port = await freePort();
  const all = [...names, 'silent', 'closed'];
  const hostKeys = (folder: string) =>
    Object.fromEntries(names.map((name) => [name, { config: `${folder}/${name}/workerctl.yaml` }]));
  const fleet = createFleet(names, keys);
  const { path, rig } = fleet;
  const file = JSON.parse(readOr(path('fleet.yaml'), '')) as { hosts: object };
  const hosts = hostKeys(rig.folder);
  const ssh = ['ssh', '-F', path('ssh_config')];
  writeFileSync(path('fleet.yaml'), JSON.stringify({ ...file, hosts, ssh, ...keys }));
  for (const key of ['host_key', 'key'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(key)]);
  writeFileSync(path('authorized_keys'), readOr(path('key.pub'), ''), { mode: 0o600 });
  const client = all.flatMap((name, index) => [`Host ${name}`, `HostName ${addressOf(index)}`]);
  const common = [
    'Host *',
    `Port ${port}`,
    `IdentityFile ${path('key')}`,
    'IdentitiesOnly yes',
    'StrictHostKeyChecking no',
    'UserKnownHostsFile /dev/null',
    'LogLevel ERROR',
  ];
  writeFileSync(path('ssh_config'), [...client, ...common, ''].join('\n'));
  const server = [
    ...names.map((_, index) => `ListenAddress ${addressOf(index)}`),
    `Port ${port}`,
    `HostKey ${path('host_key')}`,
    `AuthorizedKeysFile ${path('authorized_keys')}`,
    `PidFile ${path('sshd.pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'MaxStartups 200:30:400',
    'SetEnv SHLVL=5', // bash reads no .bashrc then
  ];
  writeFileSync(path('sshd_config'), [...server, ''].join('\n'));
  if (isRoot) mkdirSync('/run/sshd', { recursive: true });
  void rig.shell(`exec ${sshd ?? ''} -D -e -f '${path('sshd_config')}' 2>sshd.log`);
  await until('sshd to listen', () => readOr(path('sshd.pid'), '') !== '');
  mkdirSync(path('run'), { mode: 0o700 });
  ends.push(() => {
    for (const socket of socketsIn(fleet))
      try {
        execFileSync('ssh', ['-O', 'exit', '-o', `ControlPath=${socket}`, 'x'], {
          stdio: 'ignore',
        });
      } catch {
        continue; // it has ended by itself
      }
  });
  const env = { XDG_RUNTIME_DIR: path('run') };
  const run: FleetRig['fleet'] = (...words) => rig.workerctlWith(env, 'fleet', ...words);
  return {
    ...fleet,
    port,
    fleet: run,
    ask: async (...words) => {
      const { exitCode, stdout, all: said } = await run(...words, '--json');
      return runOf(exitCode, stdout, said);
    },
    connections: () => childrenOf(Number(readOr(path('sshd.pid'), '0'))),
  };
}

const socketsIn = ({ path }: FleetRig): string[] => {
  const folder = path('run/workerctl');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name !== 'ssh_config')
    .map((name) => `${folder}/${name}`);
};

const childrenOf = (pid: number): number[] =>
  readOr(`/proc/${pid}/task/${pid}/children`, '').split(' ').filter(Boolean).map(Number);

const asked = (fleet: FleetRig): number[] =>
  names.map((host) => fleet.journal(host, 'draining').length);

describe.runIf(sshd !== undefined)('a fleet over ssh', () => {
  test('must be started and restarted host by host, over connections that are shared', async () => {
    const fleet = await sshFleet({ batch: 2 });
    expect((await fleet.ask('start')).exitCode).toBe(0);
    expect(socketsIn(fleet)).toHaveLength(3);
    const before = fleet.connections();
    expect(before).toHaveLength(3);
    const { exitCode, states, all } = await fleet.ask('restart');
    expect(exitCode, all).toBe(0);
    expect(states).toEqual(names.map((name) => `${name} done`));
    expect(asked(fleet)).toEqual([1, 1, 1]);
    expect(fleet.connections()).toEqual(before);
  });

  test('must lose nothing if all connections are cut in the middle of a drain', async () => {
    const fleet = await sshFleet({ batch: 3, canary: 'none' });
    expect((await fleet.ask('start')).exitCode).toBe(0);
    const restart = fleet.fleet('restart', '--json');
    const said = heard(restart);
    await until('all to drain', () => said().split('"kind":"draining"').length === 4);
    const cut = fleet.connections();
    for (const pid of cut.flatMap((one) => [...childrenOf(one), one])) process.kill(pid, 'SIGKILL');
    const { exitCode, stdout, all } = await restart;
    const run = runOf(exitCode, stdout, all);
    expect(run.exitCode, all).toBe(0);
    expect(run.states).toEqual(names.map((name) => `${name} done`));
    expect(asked(fleet)).toEqual([1, 1, 1]);
    expect(stdout.split('"kind":"draining"')).toHaveLength(4);
    expect(fleet.connections().some((pid) => cut.includes(pid))).toBe(false);
  });

  test('must cope with a killed master, whose socket stays', async () => {
    const fleet = await sshFleet();
    expect((await fleet.ask('start')).exitCode).toBe(0);
    const [first] = fleet.connections();
    if (first === undefined) throw new Error('expected a connection');
    const masters = execFileSync('pgrep', ['-f', `ssh: ${fleet.path('run')}`], {
      encoding: 'utf8',
    });
    for (const pid of masters.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    expect(socketsIn(fleet)).toHaveLength(3);
    expect((await fleet.ask('status')).exitCode).toBe(0);
  });

  test('must name the host that answers nothing, the one that refuses, and the one that wants a password', async () => {
    const fleet = await sshFleet({
      connect_timeout: '2s',
      answer_timeout: '8s',
      hosts: { silent: {}, closed: {}, web1: { user: isRoot ? 'nobody' : 'root' } },
    });
    const silent = await listening(fleet.port, addressOf(names.length));
    ends.push(() => silent.close());
    const { exitCode, hosts } = await fleet.ask('status');
    expect(exitCode).toBe(4);
    expect(hosts.map(({ problem }) => problem)).toEqual([
      expect.stringMatching(/timed out/i),
      expect.stringMatching(/refused/i),
      expect.stringMatching(/Permission denied/),
    ]);
    const { stdout } = await fleet.fleet('doctor');
    expect(stdout).toMatch(/web1: asks for a password, or for a key/);
  });

  test('logs must be followed until Ctrl-C', async () => {
    const fleet = await sshFleet();
    expect((await fleet.ask('start')).exitCode).toBe(0);
    const following = fleet.fleet('logs', '-f');
    const said = heard(following);
    for (const host of names) {
      writeFileSync(fleet.path(`${host}/log/mail.1.log`), `hello from ${host}\n`, { flag: 'a' });
      await until('the line', () => said().includes(`${host} mail.1 | hello from ${host}\n`));
    }
    following.kill('SIGINT');
    expect((await following).exitCode).toBe(130);
  });
});
