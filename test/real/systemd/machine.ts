// A machine with a systemd of its own, in systemd-nspawn: workerctl in /opt/workerctl, an account `deploy`, and sshd.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linesOf } from '../../rig/files.ts';
import { removeFolder } from '../../rig/folder.ts';
import { isRoot, runProgram, type Running } from '../../rig/programs.ts';
import { until } from '../../rig/wait.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const repository = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The root tree that test/real/setup.sh has made. Undefined, after a warning, if no machine can be booted here.
 * @throws Error instead, if WORKERCTL_TEST_SYSTEMD=required
 */
export function rootTree(): string | undefined {
  const problem = obstacle();
  if (problem === undefined) return said('sh', here('root.sh'), '--where');
  const text = `tests of systemd: ${problem}`;
  if (process.env['WORKERCTL_TEST_SYSTEMD'] === 'required') throw new Error(text);
  console.warn(`SKIPPED: ${text}`);
  return undefined;
}

function obstacle(): string | undefined {
  if (!isRoot) return 'they need root';
  if (said('systemd-nspawn', '--version') === undefined)
    return 'systemd-nspawn is not installed; run test/real/setup.sh';
  if (said('sh', here('root.sh'), '--where') === undefined)
    return 'there is no root tree; run test/real/setup.sh';
  if (
    said(
      'unshare',
      '--mount',
      '--pid',
      '--net',
      '--fork',
      'mount',
      '-t',
      'tmpfs',
      'none',
      '/mnt',
    ) === undefined
  )
    return 'namespaces are not allowed here';
  return undefined;
}

/** What a program prints; undefined if it fails. */
function said(program: string, ...words: readonly string[]): string | undefined {
  try {
    return execFileSync(program, words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

export type User = 'deploy' | 'root';

export interface Machine {
  /** Where a file of the machine is on this host; also while it is off. */
  readonly path: (name: string) => string;
  readonly write: (name: string, text: string, mode?: number) => void;
  /** Starts it, and waits until its systemd has started all that it should. */
  readonly boot: () => Promise<void>;
  /** Runs a shell script on it as root; fails if that does. @returns what it has printed */
  readonly shell: (script: string) => Promise<string>;
  /** Runs a shell script over ssh, in a login session of its own: as `deploy`, or as root. */
  readonly ssh: (script: string, user?: User) => Running;
  /** Shuts it down, and waits until it is off. */
  readonly powerOff: () => Promise<void>;
  /** Ends it at once, and removes it. */
  readonly end: () => Promise<void>;
}

export function createMachine(tree: string): Machine {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-test-')));
  const root = join(folder, 'root');
  const usr = join(folder, 'usr');
  const shared = copyTree(tree, root, usr);
  const path = (name: string): string => join(root, name);
  const group = basename(folder);
  let nspawn: ChildProcess | undefined;
  let init = '';

  const inside = (words: readonly string[]): Running =>
    runProgram(folder, {}, 'nsenter', ['-t', init, '-a', ...words], 170_000);
  const shell = async (script: string): Promise<string> => {
    const { exitCode, stdout, all } = await inside(['/bin/sh', '-c', script]);
    if (exitCode !== 0) throw new Error(`${script}: exit code ${String(exitCode)}: ${all}`);
    return stdout;
  };
  const write = (name: string, text: string, mode = 0o644): void => {
    writeFileSync(path(name), text, { mode });
  };
  const off = async (): Promise<void> => {
    const running = nspawn;
    await until(
      'the machine to be off',
      () => running?.exitCode !== null || running.signalCode !== null,
      170_000,
    );
    nspawn = undefined;
  };

  prepare();
  return {
    path,
    write,
    shell,
    ssh: (script, user = 'deploy') => inside(['ssh', `${user}@127.0.0.1`, script]),
    boot: async () => {
      const binds = [
        `--bind-ro=${realpathSync(process.execPath)}:/usr/local/bin/node`,
        `--bind-ro=${repository}:/opt/workerctl`,
      ];
      const words = [here('boot.sh'), root, group, `--machine=${group}`, ...shared, ...binds];
      nspawn = spawn('sh', words, { stdio: 'ignore' });
      const { pid } = nspawn;
      init = await until('systemd to begin', () => initOf(pid));
      await until('systemd to have started everything', async () => {
        const { stdout } = await inside(['systemctl', 'is-system-running']);
        return stdout === 'running' || stdout === 'degraded';
      });
    },
    powerOff: async () => {
      await inside(['systemctl', 'poweroff']);
      await off();
    },
    end: async () => {
      nspawn?.kill('SIGKILL');
      if (nspawn !== undefined) await off();
      await removeGroups(group);
      await removeFolder(folder);
    },
  };

  /** Root and `deploy` may log in by ssh without a password. */
  function prepare(): void {
    const key = path('root/.ssh/id_ed25519');
    mkdirSync(path('root/.ssh'), { recursive: true, mode: 0o700 });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    write(
      'root/.ssh/config',
      'StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n',
    );
    mkdirSync(path('home/deploy/.ssh'), { mode: 0o700 });
    for (const home of ['root', 'home/deploy'])
      execFileSync('cp', [`${key}.pub`, path(`${home}/.ssh/authorized_keys`)]);
    mkdirSync(join(usr, 'local/bin'), { recursive: true });
    writeFileSync(join(usr, 'local/bin/node'), ''); // the true one is mounted on it
    writeFileSync(
      join(usr, 'local/bin/workerctl'),
      '#!/bin/sh\nexec /usr/local/bin/node /opt/workerctl/bin/workerctl "$@"\n',
      { mode: 0o755 },
    );
    execFileSync('chown', ['-R', '--reference', path('home/deploy'), path('home/deploy')]);
  }
}

/** The magic number of overlayfs, which cannot be on top of itself. Source: statfs(2). */
const overlayfs = 0x794c7630;

/**
 * Copies a root tree, if possible without /usr, which is most of it: all machines share that, and what each changes there
 * is in `usr`.
 * @returns options of systemd-nspawn
 */
function copyTree(tree: string, root: string, usr: string): string[] {
  const copy = (...words: string[]): void => {
    execFileSync('cp', ['-a', ...words, root], { cwd: tree });
  };
  mkdirSync(root);
  if (statfsSync(tmpdir()).type === overlayfs) {
    copy('.');
    return [`--bind=${usr}/local/bin:/usr/local/bin`];
  }
  copy(...readdirSync(tree).filter((name) => name !== 'usr'));
  // What systemd-nspawn looks for: whether this is a system, and which control groups its systemd understands.
  const libraries = readdirSync(join(tree, 'usr/lib'), { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name).startsWith('libsystemd-shared-'))
    .map((name) => join('usr/lib', name));
  copy('--parents', 'usr/lib/os-release', ...libraries);
  return [`--overlay=${tree}/usr:${usr}:/usr`];
}

/** The first process of the machine, once that is systemd: the child of systemd-nspawn, which is that of unshare. */
function initOf(unshare: number | undefined): string | undefined {
  const init = childOf(childOf(String(unshare)));
  return linesOf(`/proc/${init}/comm`)[0] === 'systemd' ? init : undefined;
}

const childOf = (pid: string): string =>
  linesOf(`/proc/${pid}/task/${pid}/children`).join(' ').split(' ')[0] ?? '';

async function removeGroups(group: string): Promise<void> {
  for (const tree of ['unified', 'systemd', '.']) {
    const folder = join('/sys/fs/cgroup', tree, group);
    if (!existsSync(folder)) continue;
    await until(`${folder} to be empty`, () => {
      try {
        execFileSync('find', [folder, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'], {
          stdio: 'ignore',
        });
      } catch {
        // A process in it has not ended yet.
      }
      return !existsSync(folder);
    });
  }
}
