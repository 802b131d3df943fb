// A world of one framework: its releases, its broker, its feeder, and workerctl with three instances.
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linesOf, readOr } from '../../rig/files.ts';
import { pause, until } from '../../rig/wait.ts';
import { createRig, type Rig } from '../rig.ts';
import { cache } from './needs.ts';
import { frameworks, type Framework, type FrameworkName, type Places } from './table.ts';

/** With these each application says its jobs. */
const snippets = fileURLToPath(new URL('../../../docs/heartbeat', import.meta.url));

const here = fileURLToPath(new URL('.', import.meta.url));

/** A line that a job has written. */
export interface Note {
  readonly what: string;
  readonly job: string;
  readonly pid: number;
  readonly atMs: number;
}

export interface InstanceStatus {
  readonly instance: string;
  readonly state: string;
  readonly pid: number | null;
  readonly release: string | null;
  readonly activity: { readonly state: string; readonly job: string | null } | null;
}

export interface World {
  readonly framework: Framework;
  readonly rig: Rig;
  readonly workerctl: Rig['workerctl'];
  /** Puts a job into the queue; returns when it is in it. */
  readonly enqueue: (job: string, seconds: number) => Promise<void>;
  readonly notes: (job?: string) => readonly Note[];
  /** Waits for a note of a job. */
  readonly noteOf: (what: 'begin' | 'end', job: string) => Promise<Note>;
  readonly status: () => Promise<readonly InstanceStatus[]>;
  /** The pids in the pidfiles. */
  readonly pids: () => ReadonlyMap<string, number>;
  /** Points `current` to a new release; a broken one cannot start. */
  readonly deploy: (release: string, broken?: boolean) => void;
  /** Writes the config, with these keys of the worker changed. */
  readonly configure: (keys?: Readonly<Record<string, unknown>>) => void;
  readonly end: () => Promise<void>;
}

export async function createWorld(name: FrameworkName): Promise<World> {
  const framework: Framework = frameworks[name];
  const rig = createRig();
  const { folder } = rig;
  const places: Places = {
    folder,
    redis: join(folder, 'redis.sock'),
    journal: join(folder, 'journal.log'),
    cache,
  };
  const env = {
    ...rig.env,
    REDIS: places.redis,
    JOURNAL: places.journal,
    ...framework.env?.(places),
  };
  const deploy = (release: string, broken = false): void => {
    const place = join(folder, 'releases', release);
    cpSync(join(here, name), place, { recursive: true });
    cpSync(snippets, place, { recursive: true });
    const modules = join(cache, name, 'node_modules');
    if (existsSync(modules) && !existsSync(join(place, 'node_modules')))
      symlinkSync(modules, join(place, 'node_modules'));
    if (broken) writeFileSync(join(place, framework.breaks), '<?php (((( broken\n');
    rmSync(join(folder, 'new'), { force: true });
    symlinkSync(place, join(folder, 'new'));
    renameSync(join(folder, 'new'), join(folder, 'current'));
  };
  const configure = (keys: Readonly<Record<string, unknown>> = {}): void => {
    const worker = {
      count: 3,
      directory: 'current',
      log: { file: 'log/%n.log' },
      env,
      ...framework.worker,
      ...keys,
    };
    const config = { state_dir: '.workerctl', log_dir: 'log', workers: { job: worker } };
    writeFileSync(join(folder, 'new.yaml'), JSON.stringify(config)); // YAML as well
    renameSync(join(folder, 'new.yaml'), join(folder, 'workerctl.yaml'));
  };
  mkdirSync(join(folder, 'log'));
  deploy('r1');
  configure();
  if ('redis-server' in framework.needs) await startRedis(rig, places.redis);
  const notes = (job?: string): readonly Note[] =>
    linesOf(places.journal)
      .map(parseNote)
      .filter((note) => job === undefined || note.job === job);
  const enqueue =
    framework.feeder === 'requests'
      ? visitor(folder)
      : feeder(join(folder, 'current'), framework.feeder, env);
  return {
    framework,
    rig,
    workerctl: rig.workerctl,
    enqueue,
    notes,
    noteOf: (what, job) =>
      until(
        `the ${what} of job ${job}`,
        () => notes(job).find((note) => note.what === what),
        60_000,
      ),
    status: async () => {
      const { stdout } = await rig.workerctl('status', '--json');
      return (JSON.parse(stdout) as { instances: InstanceStatus[] }).instances;
    },
    pids: () =>
      new Map(
        [1, 2, 3, 4, 5].flatMap((id): [string, number][] => {
          const pid = Number(readOr(join(folder, '.workerctl', `job.${id}.pid`), ''));
          return pid > 0 ? [[`job.${id}`, pid]] : [];
        }),
      ),
    deploy,
    configure,
    end: rig.end,
  };
}

function parseNote(line: string): Note {
  const [what = '', job = '', pid, atMs] = line.split(' ');
  return { what, job, pid: Number(pid), atMs: Number(atMs) };
}

/** A server of its own, which ends with the folder that it works in. */
async function startRedis(rig: Rig, socket: string): Promise<void> {
  const words = ['--port', '0', '--unixsocket', socket, '--save', '', '--logfile', 'redis.log'];
  spawn('redis-server', words, { cwd: rig.folder, stdio: 'ignore' }).unref();
  await until(
    'redis',
    async () => (await rig.run('redis-cli', ['-s', socket, 'ping'])).exitCode === 0,
  );
}

/** Hands each job to a program that enqueues it; it runs as long as the world. */
function feeder(cwd: string, [file = '', ...args]: readonly string[], env: Record<string, string>) {
  const { PATH = '' } = process.env;
  const child = spawn(file, args, {
    cwd,
    env: { PATH, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const taken = new Map<string, () => void>();
  createInterface({ input: child.stdout }).on('line', (job) => taken.get(job)?.());
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => {
      reject(new Error(`the feeder has ended: ${code ?? 'by a signal'}`));
    });
  });
  ended.catch(() => undefined); // said to who enqueues
  child.stdin.on('error', () => undefined);
  return (job: string, seconds: number): Promise<void> => {
    const enqueued = new Promise<void>((resolve) => taken.set(job, resolve));
    child.stdin.write(`${job} ${seconds}\n`);
    return Promise.race([enqueued, ended]);
  };
}

/** Sends a request, as a proxy in front of all instances does: to the next one if one takes no connection. */
function visitor(folder: string) {
  let next = 0;
  const visit = async (job: string, seconds: number): Promise<void> => {
    for (;;) {
      next = (next % 5) + 1;
      if (await isServed(join(folder, `${next}.sock`), `/?name=${job}&seconds=${seconds}`)) return;
      await pause(10);
    }
  };
  // The request is the job: it is in the queue at once.
  return (job: string, seconds: number): Promise<void> => {
    void visit(job, seconds);
    return Promise.resolve();
  };
}

function isServed(socketPath: string, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      response.resume();
      response.once('end', () => {
        resolve(response.statusCode === 200);
      });
    });
    asked.once('error', () => {
      resolve(false);
    });
    asked.end();
  });
}
