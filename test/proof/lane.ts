import { lchownSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { spawnSync } from 'node:child_process';
import { filesIn, keepFiles } from './kept-files.ts';
import { startBystander, type Bystander } from '../rig/bystander.ts';
import { linesOf } from '../rig/files.ts';
import { endFolder, endProcessesOf, makeDirectory, removeFolder } from '../rig/folder.ts';
import { allPids, endProcess, isAlive, look, processesOf, strings } from '../rig/kernel.ts';
import { launcher, runProgram } from '../rig/programs.ts';
import { until } from '../rig/wait.ts';

/** One state directory with workers in every condition, to be damaged. */
export interface Lane {
  readonly stateDir: string;
  readonly bystander: Bystander;
  /** Runs a command with little memory and little time. Never throws: the caller judges how it ended. */
  readonly run: (...words: readonly string[]) => Promise<Ended>;
  /** The files of the state directory, as absolute paths, and those that could be there. */
  readonly files: () => string[];
  /** A path without what is different in each run. */
  readonly nameOf: (path: string) => string;
  /** Makes the lane's user the owner of a file, if it exists. */
  readonly own: (path: string) => void;
  /** Keeps all files that there are; returns what puts them back, after commands that change nothing. */
  readonly keep: () => () => void;
  /** Begins anew: the workers run as they should, and no file is damaged. */
  readonly reset: () => Promise<void>;
  /** Kills the process of an instance. */
  readonly kill: (name: string) => Promise<void>;
  /** How many processes of an instance there are, whatever the files say. */
  readonly countOf: (name: string) => number;
  /** What has gone wrong with processes: one too many, a second TERM, and signals to others. */
  readonly harm: (expected: Expected) => readonly string[];
  readonly end: () => Promise<void>;
}

/** What the commands of a case may lead to. */
export interface Expected {
  /** Two processes of an instance, while one drains beside its replacement. */
  readonly overlap: boolean;
  /** A second TERM, because the note of the first one was damaged. */
  readonly secondTerm: boolean;
}

export interface Ended {
  readonly command: string;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly isTimedOut: boolean;
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Exits soon after TERM, or never if it is `slow`; `gone` exits at once; `bare` shows no marker. Holds a lock of its instance for its whole life, and
 * notes if another process has it, and each TERM. It sleeps in read(1) on a FIFO that nothing is written to, and needs no child.
 */
const workerScript = `#!/bin/sh
name=\${1:-$WORKERCTL_INSTANCE} beat=\${2:-$WORKERCTL_HEARTBEAT_FILE} asked=
case $#$name in
  0gone.*) exit 3 ;;
  0bare.*) exec env -i RIG="$RIG" /bin/sh "$0" "$name" "$beat" ;;
esac
exec 9>"$RIG/alone.$name"
flock -n 9 || {
  echo "SECOND $name $$" >>"$RIG/notes"
  exec 9>"$RIG/beside.$name"
  flock -n 9 || echo "THIRD $name $$" >>"$RIG/notes"
}
trap 'asked=1; echo "TERM $name $$" >>"$RIG/notes"' TERM
trap 'echo idle >"$beat"' USR1
trap : USR2
echo busy a job >"$beat"
exec 8<>"$RIG/silence"
echo up
until [ "$asked" ] && [ "\${name%.*}" != slow ]; do read -r x <&8; done
exit 0
`;

/** In KiB: enough for Node, and little compared with what a file without end would take. */
const memoryLimit = 1_500_000;

const secondsLimit = 30;

const config = (folder: string): object => {
  const command = ['/bin/sh', join(folder, 'worker.sh')];
  return {
    release: { file: 'REVISION' },
    defaults: {
      env: { RIG: folder },
      env_files: ['.env'],
      ready: { after: '0s' },
      restart: { finisher: false },
      backoff: { min_run: '0s' },
      hooks: { lost: ['/bin/true'], rollout: ['/bin/true'] },
    },
    workers: {
      mail: { command, count: 2, stop: { quiet: 'USR1', resume: 'USR2' } },
      held: { command, count: 1, heartbeat: { timeout: '1h' } },
      slow: { command, count: 1 },
      bare: { command, count: 2 },
      gone: { command, count: 1, on_exit: 'never', success_codes: [3] },
    },
  };
};

/** Instances of which only their output says whose they are: their shims are killed, and they show no marker. */
export const bare: readonly string[] = ['bare.1', 'bare.2'];

/** Names of files that are not always there: what is in their place must not be trusted either. */
const possible = [
  ...['quiet', 'dump', 'kill', 'left', 'successor', 'stop', 'exit', 'ready'].map(
    (kind) => `mail.1.${kind}`,
  ),
  ...['json', 'stop', 'exit', 'lock'].map((kind) => `mail.1~0123456789abcdef.${kind}`),
  ...['records', 'config', 'mail.1.json', 'mail.1.pid', 'mail.2.json'].map(
    (name) => `.new/${name}`,
  ),
  ...['deaths', 'silence', 'memory'].map((name) => `ledger/${name}.json`),
  ...['hooks/1.json', 'hooks.lock', 'events.ndjson.1', 'events.lock', 'rotate.lock', 'rotate.told'],
  ...['ledger', 'heartbeats', 'hooks', '.new'],
  ...['watch.lock', 'trigger', 'control.sock', 'notify.sock', 'other.1.json', 'mail.9.json'],
];

export async function createLane(user?: number): Promise<Lane> {
  const folder = makeDirectory();
  const stateDir = join(folder, '.workerctl');
  const own = (path: string): void => {
    if (user !== undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      lchownSync(path, user, user);
  };
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
    own(join(folder, name));
  };
  own(folder);
  const as =
    user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  const run = async (...words: readonly string[]): Promise<Ended> => {
    const startedAt = performance.now();
    const limited = 'ulimit -v "$0" && exec "$@"';
    const [file = '', ...rest] = [
      ...as,
      '/bin/sh',
      '-c',
      limited,
      String(memoryLimit),
      process.execPath,
      launcher,
      ...words,
    ];
    const ended = await runProgram(folder, {}, file, rest, secondsLimit * 1000);
    const { exitCode, signal, timedOut: isTimedOut, stdout, stderr } = ended;
    const seconds = (performance.now() - startedAt) / 1000;
    return { command: words.join(' '), exitCode, signal, isTimedOut, seconds, stdout, stderr };
  };
  const must = async (...words: readonly string[]): Promise<void> => {
    const { exitCode, stdout, stderr } = await run(...words);
    if (exitCode !== 0)
      throw new Error(`${words.join(' ')} ended with ${String(exitCode)}: ${stdout}${stderr}`);
  };
  const isUp = (name: string): boolean =>
    linesOf(join(folder, 'log', `${name}.log`)).includes('up');
  const noted = (word: string): string[] =>
    linesOf(join(folder, 'notes')).filter((line) => line.startsWith(word));
  /** What a shell has just forked looks like the shell until it execs, and is no worker. */
  const unmarked = (name: string): number[] => {
    const found = allPids().filter((pid) => {
      const [, script, instance] = strings(pid, 'cmdline');
      return script === join(folder, 'worker.sh') && instance === name && isAlive(pid);
    });
    return found.filter((pid) => !found.includes(look(pid)?.parent ?? 0));
  };
  const aside = makeDirectory();
  own(aside);
  const bystander = await startBystander(aside, user);

  return {
    stateDir,
    run,
    files: () => [...filesIn(stateDir), ...possible.map((name) => join(stateDir, name))],
    nameOf: (path) => relative(stateDir, path).replace(/[0-9a-f]{16}/, 'RUN'),
    own,
    keep: () => {
      const restore = keepFiles(stateDir, join(folder, 'kept'));
      return () => {
        restore();
        for (const name of readdirSync(stateDir)) own(join(stateDir, name));
      };
    },
    reset: async () => {
      await endProcessesOf(folder);
      for (const name of readdirSync(folder)) await removeFolder(join(folder, name));
      write('worker.sh', workerScript);
      write('workerctl.yaml', JSON.stringify({ ...config(folder), log_dir: 'log' }));
      write('.env', 'A=1\n');
      write('REVISION', 'r1\n');
      spawnSync('mkfifo', ['-m', '666', join(folder, 'silence')]);
      await must('start');
      await until('the workers to be up', () =>
        ['mail.1', 'mail.2', 'held.1', 'slow.1', ...bare].every(isUp),
      );
      for (const name of bare) {
        const record = readFileSync(join(stateDir, `${name}.json`), 'utf8');
        await endProcess((JSON.parse(record) as { shim_pid: number }).shim_pid);
      }
      await must('stop', '--no-wait', 'slow');
      await must('hold', 'held');
    },
    kill: async (name) => {
      await Promise.all(processesOf(stateDir, name).map((pid) => endProcess(pid)));
    },
    countOf: (name) =>
      bare.includes(name) ? unmarked(name).length : processesOf(stateDir, name).length,
    harm: ({ overlap, secondTerm }) => [
      ...noted('THIRD'),
      ...(overlap ? [] : noted('SECOND')),
      ...(secondTerm ? [] : noted('TERM').filter((line, index, all) => all.indexOf(line) < index)),
      ...(bystander.isUnharmed() ? [] : ['the bystander has got a signal']),
    ],
    bystander,
    end: async () => {
      await endFolder(folder);
      await endFolder(aside);
    },
  };
}
