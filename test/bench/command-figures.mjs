// How long the commands take that cron and people run all the time, as ratios to `node -e 0`. All are run in turn, so
// that other work on the machine affects all of them alike.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { createFleet, environment, spawnProgram } from './rig.mjs';
import { median, quantile } from './statistics.mjs';

const sleeper = (count) => ({ command: ['/bin/sleep', '1000000'], count });

/** `status` and `bootcheck` of 1 and 100 workers, and the bootcheck that loses the lock. */
export async function commandFigures({ runs }) {
  const one = createFleet({ idle: sleeper(1) });
  const hundred = createFleet({ idle: sleeper(100) });
  const locked = createFleet({ idle: sleeper(60) }); // a pass that takes long enough to be stopped in the middle
  for (const fleet of [one, hundred]) fleet.run('start');
  const holder = await holdLock(locked);
  pause(restMs);
  const status = subject('status, 100 workers', hundred, 'status', { limit: 2.0, aim: 1.75 });
  const subjects = [
    subject('status, 1 worker', one, 'status', { limit: 2.0, aim: 1.6 }),
    status,
    subject('bootcheck, 1 healthy worker', one, 'bootcheck', { limit: 2.0, aim: 1.6 }),
    subject('bootcheck, 100 healthy workers', hundred, 'bootcheck', { limit: 2.0, aim: 1.6 }),
    subject('bootcheck that loses the lock', locked, 'bootcheck', { limit: 1.6, exitCode: 75 }),
  ];
  const figures = [...ratios(subjects, runs), ...ratios([afterChange(status)], runs)];
  holder.kill('SIGKILL');
  for (const fleet of [one, hundred, locked]) fleet.remove();
  return figures;
}

/** `status` of 1,000 real processes, started by workerctl itself. */
export function thousandFigures({ runs }) {
  const fleet = createFleet({ first: sleeper(500), second: sleeper(500) });
  fleet.run('start');
  pause(restMs);
  const status = subject('status, 1,000 instances (real sleep processes)', fleet, 'status', {
    limit: 3.0,
  });
  const figures = [
    ...ratios([status], runs),
    ...ratios([afterChange(status)], runs),
    ...ratios([afterStart(status, fleet)], 4),
  ];
  fleet.remove();
  return figures;
}

/** Records are read from one file if none has come or gone for 3 s. */
const restMs = 4_000;

/** The same just after a record has come or gone. */
const afterChange = ({ name, argv, cwd, exitCode, stateDir }) => ({
  name: `${name}, just after a change`,
  argv,
  cwd,
  exitCode,
  prepare: () => utimesSync(stateDir, new Date(), new Date()),
});

/** The same just after a start of 99 of them, which has waited until they are ready. */
const afterStart = ({ name, argv, cwd, exitCode, limit }, fleet) => ({
  name: `${name}, just after a start of 99`,
  argv,
  cwd,
  exitCode,
  limit,
  prepare: () => {
    for (const verb of ['stop', 'start']) fleet.run(verb, 'first.?', 'first.??');
  },
});

const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

const subject = (name, fleet, verb, { limit, aim, exitCode = 0 }) => ({
  name,
  argv: fleet.argv(verb),
  cwd: fleet.folder,
  stateDir: fleet.stateDir,
  exitCode,
  limit,
  aim,
});

const warmUps = 2;

function ratios(subjects, runs) {
  const baseline = { argv: [process.execPath, '-e', '0'], cwd: '/', exitCode: 0 };
  const all = [baseline, ...subjects];
  const times = new Map(all.map((each) => [each, []]));
  for (let round = -warmUps; round < runs; round += 1) {
    for (const each of all) {
      const ms = timed(each);
      if (round >= 0) times.get(each).push(ms);
    }
  }
  const base = median(times.get(baseline));
  return subjects.map((each) => {
    const ms = median(times.get(each));
    return {
      name: each.name,
      figure: ms / base,
      unit: 'x',
      limit: each.limit,
      ...(each.aim !== undefined && { aim: each.aim }),
      note: `${ms.toFixed(0)} ms, node -e 0 ${base.toFixed(0)} ms, p90 ${quantile(times.get(each), 0.9).toFixed(0)} ms, ${runs} runs`,
    };
  });
}

function timed({ argv: [program, ...args], cwd, exitCode, prepare }) {
  prepare?.();
  const startedAt = performance.now();
  const { status } = spawnSync(program, args, { cwd, env: environment, stdio: 'ignore' });
  const ms = performance.now() - startedAt;
  if (status === exitCode) return ms;
  throw new Error(`${args.join(' ')}: expected exit code ${exitCode}, found ${status}`);
}

/** A start that is stopped in the middle of its pass. */
async function holdLock(fleet) {
  const [program, ...args] = fleet.argv('start');
  const holder = spawnProgram(program, args, { cwd: fleet.folder });
  const isHeld = () => {
    const path = join(fleet.stateDir, 'pass.lock');
    return existsSync(path) && readFileSync(path, 'utf8').includes(`"pid":${holder.pid},`);
  };
  while (!isHeld()) {
    if (holder.exitCode !== null) throw new Error('the start that should hold the lock has ended');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  holder.kill('SIGSTOP');
  return holder;
}
