// A resident watch for a test: what it reports, and how often it has looked, by its own count on the control socket.
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { readOr } from './files.ts';
import { eventsIn, ofKinds, type EventJson, type EventKind } from './output.ts';
import { heard, type Running } from './programs.ts';
import type { Rig } from './rig.ts';
import { until } from './wait.ts';

export interface Watching {
  readonly pid: number;
  readonly running: Running;
  /** What it has reported so far, of these kinds or of all. */
  readonly events: (...kinds: readonly EventKind[]) => readonly EventJson[];
  /** Waits until it has reported an event of this kind with these members, and returns the first one. */
  readonly reports: (kind: EventKind, members?: Members) => Promise<EventJson>;
  /** What it has warned about so far. */
  readonly warnings: () => string;
  readonly send: (signal: NodeJS.Signals) => void;
  /** How often it has looked. */
  readonly looks: () => Promise<number>;
  /** Waits until nothing makes it look any more, and returns how often it has looked. */
  readonly quiet: () => Promise<number>;
  /** Milliseconds of a CPU that it has used, its children not counted. */
  readonly cpuMs: () => number;
}

type Members = Readonly<Record<string, unknown>>;

/** Starts a watch, with variables of its own if they come first, and waits until it has begun. */
export async function watching(
  rig: Rig,
  ...words: readonly (string | Readonly<Record<string, string>>)[]
): Promise<Watching> {
  const args = words.filter((word) => typeof word === 'string');
  const variables = words.filter((word) => typeof word !== 'string');
  const env = Object.fromEntries(variables.flatMap((one) => Object.entries(one)));
  const running = rig.workerctlWith(env, 'watch', '--json', ...args);
  const said = heard(running);
  let stderr = '';
  running.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const { pid } = running;
  if (pid === undefined) throw new Error('watch was not started');
  await until('watch to begin', async () => {
    if (running.exitCode !== null) throw new Error(`watch has ended: ${stderr}`);
    return isServed(rig.stateDir);
  });
  const events = (...kinds: readonly EventKind[]): readonly EventJson[] => {
    const all = eventsIn(said());
    return kinds.length === 0 ? all : ofKinds(all, kinds);
  };
  const looks = (): Promise<number> => looksOf(rig.stateDir);
  return {
    pid,
    running,
    events,
    reports: (kind, members = {}) =>
      until(`${kind} ${JSON.stringify(members)} in ${said()}`, () =>
        events(kind).find((event) => has(event, members)),
      ),
    warnings: () => stderr,
    send: (signal) => {
      process.kill(pid, signal);
    },
    looks,
    quiet: () => settled(looks),
    cpuMs: () => Number(readOr(`/proc/${pid}/schedstat`, '0').split(' ')[0]) / 1e6,
  };
}

const has = (event: EventJson, members: Members): boolean =>
  Object.entries(members).every(([name, value]) =>
    value instanceof RegExp ? value.test(String(event[name])) : event[name] === value,
  );

/** If it does not look during this time, it has nothing more to look for: most looks are 40 ms apart. */
const stillMs = 600;

async function settled(looks: () => Promise<number>): Promise<number> {
  let last = await looks();
  let since = performance.now();
  return until('watch to have nothing to look for', async () => {
    const now = await looks();
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since > stillMs ? now : undefined;
  });
}

async function looksOf(stateDir: string): Promise<number> {
  const reply = await ask(join(stateDir, 'control.sock'), '!stats');
  const [, passes] = /^passes (\d+)\r?$/m.exec(reply) ?? [];
  if (passes === undefined) throw new Error(`expected a count of passes, found "${reply}"`);
  return Number(passes);
}

/** Whether a watch answers on the control socket. */
async function isServed(stateDir: string): Promise<boolean> {
  const reply = await ask(join(stateDir, 'control.sock'), '!stats').catch(() => '');
  return reply.startsWith('uptime ');
}

/** The reply of a watch to one line; it ends with a dot of its own. */
export const askControl = (stateDir: string, line: string): Promise<string> =>
  ask(join(stateDir, 'control.sock'), line);

/** By its name in its directory, because the path may be longer than the kernel accepts. */
async function ask(path: string, line: string): Promise<string> {
  const folder = openSync(dirname(path), 'r');
  try {
    return await askAt(`/proc/self/fd/${folder}/${basename(path)}`, line);
  } finally {
    closeSync(folder);
  }
}

function askAt(path: string, line: string): Promise<string> {
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
