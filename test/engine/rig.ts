import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  allPids,
  endProcessesOf,
  isAlive,
  look,
  markedInstance,
  removeFolder,
  until,
  type Seen,
} from '../rig/kernel.ts';

/** How a command has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));

/**
 * A worker that notes each TERM with its pid and start time, and leaves on it as soon as no file `busy.IDENTIFIER` is
 * there. $1 is the rig's folder.
 */
const workerScript = `#!/bin/sh
folder=$1 asked=
trap 'echo "TERM $$" >>"$folder/signals"; asked=1' TERM
echo "UP $$" >>"$folder/signals"
while [ -z "$asked" ] || [ -e "$folder/busy.$WORKERCTL_ID" ]; do
  sleep 0.02 &
  wait $!
done
`;

/** A config, its state directory and the built CLI, in a folder of its own. */
export class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'workerctl-control-'));
  readonly stateDir = join(this.folder, 'state');
  readonly #bystanders: ChildProcess[] = [];

  constructor(identifiers: readonly string[] = ['1']) {
    writeFileSync(join(this.folder, 'worker.sh'), workerScript);
    writeFileSync(join(this.folder, 'signals'), '');
    this.configure(identifiers);
  }

  /** Writes the config: one worker `mail` with these identifiers. */
  configure(identifiers: readonly string[], command = `/bin/sh ${this.folder}/worker.sh`): void {
    const yaml = [
      'state_dir: state',
      'workers:',
      '  mail:',
      `    command: ${command} ${this.folder}`,
      `    identifiers: [${identifiers.map((one) => JSON.stringify(one)).join(', ')}]`,
      `    directory: ${this.folder}`,
      '    log: {file: log/%n.log}',
      '    ready: {after: 0s}',
      '    backoff: {reset: 0s}', // some tests kill their workers again and again
    ];
    writeFileSync(join(this.folder, 'workerctl.yaml'), `${yaml.join('\n')}\n`);
  }

  /** Starts the CLI; nothing of the caller's environment but PATH goes along. */
  launch(words: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const { PATH = '', WORKERCTL_LOCK = '' } = process.env;
    const config = join(this.folder, 'workerctl.yaml');
    const child = spawn(process.execPath, [launcher, ...words, '--config', config], {
      cwd: this.folder,
      env: { PATH, WORKERCTL_LOCK },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve({ code, signal, stdout, stderr });
      });
    });
    return { child, ended };
  }

  /** Runs the CLI to its end. */
  run(...words: string[]): Promise<Ended> {
    return this.launch(words).ended;
  }

  /** The living main processes of an instance, by the kernel alone. */
  pids(instance = 'mail.1'): number[] {
    return allPids().filter(
      (pid) => isAlive(pid) && markedInstance(pid, this.stateDir) === instance,
    );
  }

  /** The only living process of an instance. */
  pid(instance = 'mail.1'): number {
    const pids = this.pids(instance);
    const [pid] = pids;
    if (pid === undefined || pids.length > 1)
      throw new Error(`${instance}: expected one process, found [${pids.join(', ')}]`);
    return pid;
  }

  /** How often each process was asked to finish, by its pid. */
  terms(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const line of this.signals()) {
      const [, pid] = /^TERM (\d+)$/.exec(line) ?? [];
      if (pid !== undefined) counts.set(Number(pid), (counts.get(Number(pid)) ?? 0) + 1);
    }
    return counts;
  }

  signals(): string[] {
    return readFileSync(join(this.folder, 'signals'), 'utf8').trimEnd().split('\n');
  }

  /** Waits until the worker with this pid has set its trap. */
  async isUp(pid: number): Promise<void> {
    await until(`UP ${pid}`, () => this.signals().includes(`UP ${pid}`));
  }

  /** Starts all and waits until each worker can be asked to finish. */
  async up(...instances: string[]): Promise<number[]> {
    const { code, stderr, stdout } = await this.run('start');
    if (code !== 0) throw new Error(`start ended with ${String(code)}: ${stderr}${stdout}`);
    const pids: number[] = [];
    for (const name of instances.length === 0 ? ['mail.1'] : instances)
      pids.push(await this.arrived(name));
    for (const pid of pids) await this.isUp(pid);
    return pids;
  }

  /**
   * The only process of an instance, as soon as it bears its marker: its record is there some moments earlier, before it
   * has become the worker's program.
   */
  async arrived(instance = 'mail.1'): Promise<number> {
    await until(`a process of ${instance}`, () => this.pids(instance).length > 0);
    return this.pid(instance);
  }

  /** An instance is doing a job: it does not leave before `idle`. */
  busy(identifier = '1'): void {
    this.write(`busy.${identifier}`, '');
  }

  idle(identifier = '1'): void {
    rmSync(join(this.folder, `busy.${identifier}`), { force: true });
  }

  /** A process that is none of ours and must never be signalled. */
  async bystander(): Promise<Seen & { isUnharmed: () => boolean }> {
    const child = spawn(process.execPath, ['-e', bystanderProgram], {
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#bystanders.push(child);
    let heard = '';
    child.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await until('a bystander', () => heard.includes('up'));
    const seen = look(child.pid ?? 0);
    if (seen === undefined) throw new Error('the bystander is gone');
    return { ...seen, isUnharmed: () => heard === 'up\n' && isAlive(seen.pid) };
  }

  path(name: string): string {
    return join(this.stateDir, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** A file in the rig's folder. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** A file of the state directory. */
  forge(name: string, text: string): void {
    mkdirSync(this.stateDir, { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** A file of the state directory as an object. */
  json(name: string): Record<string, unknown> {
    return JSON.parse(this.read(name)) as Record<string, unknown>;
  }

  /** The same record, with some members changed. */
  forgeRecord(name: string, changes: Record<string, unknown>): void {
    this.forge(name, `${JSON.stringify({ ...this.json(name), ...changes })}\n`);
  }

  async dispose(): Promise<void> {
    for (const child of this.#bystanders) child.kill('SIGKILL');
    await endProcessesOf(this.folder);
    await removeFolder(this.folder);
  }
}

/** Says each signal that reaches it and stays. */
const bystanderProgram = `
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGCONT'])
  process.on(name, () => process.stdout.write(name + '\\n'));
setInterval(() => {}, 1000);
process.stdout.write('up\\n');
`;
