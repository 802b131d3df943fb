// Temporary directories with real workers in them, and what the kernel says about them.
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './statistics.mjs';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-bench-')));
const children = new Set();

/** All commands run with this: little, and nothing that makes Node start slower. */
export const environment = {
  PATH: process.env.PATH,
  HOME: process.env.HOME ?? '/',
  LANG: 'C.UTF-8',
};

/** How long `node -e 0` takes at present, in milliseconds. */
export function nodeMs() {
  const times = Array.from({ length: 7 }, () => {
    const startedAt = performance.now();
    spawnSync(process.execPath, ['-e', '0'], { env: environment, stdio: 'ignore' });
    return performance.now() - startedAt;
  });
  return median(times);
}

let launcher;
/** Which bin/workerctl is measured. */
export function measure(path) {
  launcher = path;
}

/** A directory with this config; a config that is JSON is YAML too. */
export function createFleet(workers) {
  const folder = mkdtempSync(join(root, 'fleet-'));
  const stateDir = join(folder, '.workerctl');
  writeFileSync(join(folder, 'workerctl.yaml'), JSON.stringify({ workers }));
  const fleet = {
    folder,
    stateDir,
    argv: (...words) => [process.execPath, launcher, ...words],
    /** Runs a command that must succeed. */
    run: (...words) => {
      const result = spawnSync(process.execPath, [launcher, ...words], {
        cwd: folder,
        env: environment,
        encoding: 'utf8',
      });
      if (result.status === 0) return;
      throw new Error(
        `workerctl ${words.join(' ')}: exit ${result.status ?? result.signal ?? result.error}: ${result.stdout}${result.stderr}`,
      );
    },
    /** Starts a command that must succeed; resolves to the moment of its end. */
    spawn: async (...words) => {
      const output = openSync(join(folder, 'output'), 'w+');
      const child = spawn(process.execPath, [launcher, ...words], {
        cwd: folder,
        env: environment,
        stdio: ['ignore', output, output],
      });
      closeSync(output);
      const { code, at } = await endOf(child);
      if (code === 0) return at;
      const printed = readOr(join(folder, 'output')).trimEnd().split('\n').slice(-5).join('\n');
      throw new Error(`workerctl ${words.join(' ')}: exit ${code}: ...\n${printed}`);
    },
    remove: () => {
      endAll(stateDir);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
  };
  return fleet;
}

/** Any other program, ended with the bench. */
export function spawnProgram(program, args, { cwd } = {}) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  const child = spawn(program, args, { env: environment, stdio, cwd });
  void endOf(child);
  return child;
}

function endOf(child) {
  children.add(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      children.delete(child);
      resolve({ code, at: performance.now() });
    });
  });
}

/** Looks for workers by their marker in /proc. Shims and processes of others are read only once. */
export function createCensus(stateDir) {
  const settled = new Set();
  const found = new Map();
  return {
    /**
     * process → instance of all workers that have been exec'd, among those that live now or lived at an earlier look. A
     * process is identified by its pid and its start time, because pids are reused.
     */
    look: () => {
      const names = readdirSync('/proc');
      forgetTheDead(settled, names);
      for (const name of names) {
        const first = name.charCodeAt(0);
        if (first < 49 || first > 57 || settled.has(name)) continue;
        const text = readOr(`/proc/${name}/environ`);
        if (!text.includes(`WORKERCTL_STATE_DIR=${stateDir}\0`)) {
          // One between fork and exec still has the environment of its parent, which may be a shim to be; and what is read
          // just when it execs may be the first page only, which does not end where a variable does.
          if (text.endsWith('\0') && !isNode(name)) settled.add(name);
          continue;
        }
        if (text.includes(`WORKERCTL_PID=${name}\0`)) {
          const [, instance] = /WORKERCTL_INSTANCE=([^\0]*)/.exec(text);
          settled.add(name);
          found.set(`${name} ${startTime(name)}`, instance);
        } else if (isShim(name)) settled.add(name);
      }
      return found;
    },
  };
}

/** Their pids are reused sooner or later. */
function forgetTheDead(settled, names) {
  const living = new Set(names);
  for (const name of settled) if (!living.has(name)) settled.delete(name);
}

/**
 * The leader of a session of its own; what it has just forked, and is not yet exec'd, is not. In this order: a future
 * worker first has the arguments of its shim, and leads a session only when it no longer has them.
 */
const isShim = (pid) =>
  new RegExp(`\\) \\S \\d+ \\d+ ${pid} `).test(readOr(`/proc/${pid}/stat`)) &&
  readOr(`/proc/${pid}/cmdline`).includes('\0supervise\0');

/** Field 22 of its stat, counted after the program's name. */
const startTime = (pid) => readOr(`/proc/${pid}/stat`).split(') ').at(-1).split(' ')[19];

const isNode = (pid) => readOr(`/proc/${pid}/comm`).startsWith('node');

/** Waits until the census finds this many. A failure of `ended` ends the wait. @returns the moment at which it did */
export async function untilFound(census, isEnough, limitMs, ended) {
  return Promise.race([keepLooking(census, isEnough, limitMs), failureOf(ended)]);
}

const failureOf = (ended) =>
  new Promise((_, reject) => {
    ended.catch(reject);
  });

async function keepLooking(census, isEnough, limitMs) {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = census.look();
    const at = performance.now();
    if (isEnough(found)) return at;
    if (at > deadline) throw new Error(`only ${found.size} workers were seen after ${limitMs} ms`);
    await sleep(5);
  }
}

/** Sends KILL to all processes that have this text in their environment. */
function endAll(stateDir) {
  for (let round = 0; round < 500; round += 1) {
    const pids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => readOr(`/proc/${name}/environ`).includes(`WORKERCTL_STATE_DIR=${stateDir}`))
      .filter((name) => !/\) [ZX] /.test(readOr(`/proc/${name}/stat`)));
    if (pids.length === 0) return;
    for (const pid of pids) kill(Number(pid));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  throw new Error(`processes of ${stateDir} cannot be ended`);
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

export function readOr(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Ends all that the bench has started, and removes its directories. */
export function cleanUp() {
  for (const child of children) child.kill('SIGKILL');
  endAll(`${root}/`);
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}
