// A resident watch for a test: what it says, and how often it has looked, by its own count on the control socket.
import { connect } from 'node:net';
import { join } from 'node:path';
import { readOr, until, type Rig, type Running } from './rig.ts';
import { heard } from './rollout-rig.ts';

export interface Watching {
  readonly pid: number;
  readonly running: Running;
  /** What it has printed so far. */
  readonly said: () => string;
  /** What it has complained of so far. */
  readonly complained: () => string;
  readonly send: (signal: NodeJS.Signals) => void;
  /** Waits until a line of what it has printed matches. */
  readonly says: (pattern: RegExp) => Promise<string>;
  /** How often it has looked. */
  readonly looks: () => Promise<number>;
  /** Waits until nothing makes it look any more, and gives back how often it has looked. */
  readonly quiet: () => Promise<number>;
  /** Milliseconds of a CPU that it has used, its children not counted. */
  readonly cpuMs: () => number;
}

/** Starts a watch, with variables of its own where they come first, and waits until it has begun. */
export async function watching(
  rig: Rig,
  ...words: readonly (string | Readonly<Record<string, string>>)[]
): Promise<Watching> {
  const args = words.filter((word) => typeof word === 'string');
  const variables = words.filter((word) => typeof word !== 'string');
  const env = Object.fromEntries(variables.flatMap((one) => Object.entries(one)));
  const running = rig.workerctlWith(env, 'watch', ...args);
  const said = heard(running);
  let complaints = '';
  running.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  await until(() => {
    if (running.exitCode !== null) throw new Error(`watch has ended: ${complaints}`);
    return said().includes('workerctl watch: pid');
  }, 'watch to begin');
  const { pid } = running;
  if (pid === undefined) throw new Error('watch was not started');
  const looks = (): Promise<number> => looksOf(rig.stateDir);
  return {
    pid,
    running,
    said,
    complained: () => complaints,
    send: (signal) => {
      process.kill(pid, signal);
    },
    says: (pattern) => until(() => said().match(pattern)?.[0], `${String(pattern)} in "${said()}"`),
    looks,
    quiet: () => settled(looks),
    cpuMs: () => Number(readOr(`/proc/${pid}/schedstat`, '0').split(' ')[0]) / 1e6,
  };
}

/** So long without a look means that nothing is left to look for: most are 40 ms apart. */
const stillMs = 600;

async function settled(looks: () => Promise<number>): Promise<number> {
  let last = await looks();
  let since = performance.now();
  return until(async () => {
    const now = await looks();
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since > stillMs ? now : undefined;
  }, 'watch to have nothing to look for');
}

async function looksOf(stateDir: string): Promise<number> {
  const reply = await ask(join(stateDir, 'control.sock'), '!stats');
  const [, passes] = /^passes (\d+)\r?$/m.exec(reply) ?? [];
  if (passes === undefined) throw new Error(`expected a count of passes, found "${reply}"`);
  return Number(passes);
}

/** The reply to one line; it ends with a dot of its own. */
function ask(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.setEncoding('utf8');
    socket.once('error', reject);
    socket.once('close', () => {
      resolve(reply);
    });
    socket.on('data', (text: string) => {
      reply += text;
      if (/^\.\r?$/m.test(reply)) socket.end();
    });
  });
}
