// What is asked of each tool, in a PID namespace of its own: there, all other processes are the tool's and its workers'.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bash, bashStartMs } from '../bash-clock.mjs';
import { environment, readOr } from '../rig.mjs';
import { median, quantile } from '../statistics.mjs';

const limitMs = 120_000;
const deaths = 10;
const looks = 10;
const idleMs = 10_000;
const jobSeconds = 15;

/** All of these wait up to a second before they start again what has run for less. */
const settleMs = 1_500;

/**
 * Notes its pid and the time, and idles. The one that finds `job` takes it: asked to exit, it finishes that first, which
 * takes ${jobSeconds} s, and notes that.
 */
const worker = `echo "$$ $EPOCHREALTIME" >>acts
mv job taken 2>/dev/null || exec /bin/sleep 1000000
exec perl -MTime::HiRes=time -e '$SIG{TERM} = $SIG{INT} = sub { $asked = time unless $asked }; $| = 1;
  open $out, ">", "holder"; print $out "$$\\n"; close $out;
  select undef, undef, undef, 0.05 until $asked && time >= $asked + ${jobSeconds};
  open $out, ">", "finished"; print $out "yes\\n"'
`;

/** Takes all the figures of one tool with this many workers; pids are those of this namespace. */
export async function tried(tool, { root, home, count }) {
  const folder = join(root, tool.name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'worker.sh'), worker);
  tool.setUp(folder, count);
  const env = { ...environment, HOME: folder, PM2_HOME: join(folder, '.pm2'), NO_COLOR: '1' };
  const output = openSync(join(folder, 'output'), 'a');
  const options = { cwd: folder, env, stdio: ['ignore', output, output] };
  const run = ([program, ...words]) => spawn(program, words, options);
  const acts = () => actsIn(folder);
  const newActs = async (before, wanted) => {
    await until(() => acts().length >= before + wanted, `${tool.name}: ${wanted} workers`);
    return acts().slice(before);
  };
  try {
    const begunAt = epochMs();
    run(tool.begin(folder, home));
    const start = lastOf(await newActs(0, count)) - begunAt;
    await sleep(settleMs * 2);
    const memory = memoryOf(outsiders(acts()));
    const cpuBefore = cpuMsOf(outsiders(acts()));
    await sleep(idleMs);
    const idle = ((cpuMsOf(outsiders(acts())) - cpuBefore) / idleMs) * 100;
    const [program, ...words] = tool.status(folder, home);
    const status = median(Array.from({ length: looks }, () => timed(program, words, options)));
    const gaps = [];
    for (let round = 0; round < deaths; round += 1) {
      const before = acts();
      const at = epochMs();
      process.kill(before.at(-1).pid, 'SIGKILL');
      gaps.push(lastOf(await newActs(before.length, 1)) - at - bashStartMs());
      await sleep(settleMs);
    }
    const restartedAt = epochMs();
    const before = acts().length;
    run(tool.restart(folder, home));
    const restart = lastOf(await newActs(before, count)) - restartedAt;
    await sleep(settleMs);
    const deploy = await withJob(
      folder,
      () => run(tool.restart(folder, home)),
      count,
      acts,
      newActs,
    );
    return {
      start,
      status,
      idle,
      memory,
      death: median(gaps),
      worst: quantile(gaps, 1),
      restart,
      ...deploy,
    };
  } finally {
    await endAll();
  }
}

/** A deploy while one of them is busy: is its job finished, and how long do the idle ones wait? */
async function withJob(folder, deploy, count, acts, newActs) {
  writeFileSync(join(folder, 'job'), '');
  const before = acts();
  process.kill(before.at(-1).pid, 'SIGKILL'); // its replacement takes the job
  await newActs(before.length, 1);
  await until(() => readOr(join(folder, 'holder')) !== '', 'the job to be taken');
  await sleep(settleMs);
  const holder = Number(readOr(join(folder, 'holder')));
  const since = acts().length;
  const deployedAt = epochMs();
  deploy();
  await until(() => !isAlive(holder), 'the end of the busy worker');
  const jobMs = epochMs() - deployedAt;
  const isDone = readOr(join(folder, 'finished')) !== '';
  const all = await newActs(since, count);
  return { isDone, jobMs, idleWaited: lastOf(all.slice(0, count - 1)) - deployedAt };
}

const epochMs = () => performance.timeOrigin + performance.now();

const actsIn = (folder) =>
  readOr(join(folder, 'acts'))
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').map(Number))
    .map(([pid, at]) => ({ pid, at: at * 1000 }));

const lastOf = (acts) => Math.max(...acts.map(({ at }) => at));

function timed(program, words, options) {
  const startedAt = performance.now();
  spawnSync(program, words, { ...options, stdio: 'ignore' });
  return performance.now() - startedAt;
}

/** All processes but the workers, the bench and the first of the namespace. */
function outsiders(acts) {
  const workers = new Set(acts.map(({ pid }) => pid));
  return pids().filter((pid) => !workers.has(pid));
}

const pids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== 1 && pid !== process.pid);

const memoryOf = (all) =>
  all.reduce(
    (sum, pid) =>
      sum + Number(/^Pss:\s+(\d+)/m.exec(readOr(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0),
    0,
  ) / 1024;

const cpuMsOf = (all) =>
  all
    .flatMap((pid) =>
      names(`/proc/${pid}/task`).map((task) => readOr(`/proc/${pid}/task/${task}/schedstat`)),
    )
    .reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e6, 0);

function names(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const isAlive = (pid) => {
  const state = readOr(`/proc/${pid}/stat`).split(') ').at(-1);
  return state !== '' && !'ZX'.includes(state[0]);
};

async function until(isSo, what) {
  const deadline = performance.now() + limitMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs / 1000} s for ${what}`);
    await sleep(2);
  }
}

async function endAll() {
  for (let round = 0; round < 200 && pids().some(isAlive); round += 1) {
    for (const pid of pids())
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone
      }
    await sleep(20);
  }
}

export const described = { deaths, looks, idleSeconds: idleMs / 1000, jobSeconds, bash };
