// Beats as long as the event loop runs, and says which jobs it has: await busy('job 212', () => ...)
// Any number of jobs may run at the same time, also in processes that this one has started.
import { mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs';
import { utimesSync, writeFileSync } from 'node:fs';

const file = process.env.WORKERCTL_HEARTBEAT_FILE;
// Only the process that workerctl has started writes that file; any other one has a file of its own beside it.
const isMain = process.env.WORKERCTL_PID === String(process.pid);
const jobs = new Map(); // by a key of its own: the line of a job
let path;
let isStale = false;

/** Says that this process is idle, and beats from now on. */
export function start(everyMs = 5000) {
  if (file === undefined) return;
  write();
  beat();
  setInterval(beat, everyMs).unref();
}

/** A sign of life. `start` gives one again and again; without it, call this from the loop of a job. */
export function beat() {
  if (file === undefined) return;
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (!isMain && size === 0) writeFileSync(file, 'jobs 0\n'); // the jobs are told in other files
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // a full disk must not stop the work
  }
  if (isStale) write();
}

/** A job begins. Returns a key for `end`. */
export function begin(what) {
  const key = Symbol('job');
  if (file === undefined) return key;
  const text = String(what).replace(/\s+/g, ' ').trim();
  jobs.set(key, `${seconds()} ${[...text].slice(0, 200).join('')}\n`);
  write();
  return key;
}

/** A job has ended. It may be called twice. */
export function end(key) {
  if (jobs.delete(key)) write();
}

export async function busy(what, work) {
  const key = begin(what);
  try {
    return await work();
  } finally {
    end(key);
  }
}

const seconds = () => Math.floor(Date.now() / 1000);

/** The pid, when it was started and its pid namespace tell workerctl when this process is gone. */
function ownPath() {
  if (isMain) return file;
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const [namespace] = /\d+/.exec(readlinkSync('/proc/self/ns/pid'));
  mkdirSync(`${file}.jobs`, { recursive: true });
  return `${file}.jobs/${process.pid}.${started}.${namespace}`;
}

/** Never tears the file, and never fails: a full disk must not stop the work. */
function write() {
  try {
    path ??= ownPath();
    if (jobs.size === 0 && !isMain) {
      rmSync(path, { force: true });
    } else {
      // A Map keeps the order in which they began.
      writeFileSync(
        `${path}.new`,
        `jobs ${jobs.size} ${seconds()}\n${[...jobs.values()].join('')}`,
      );
      renameSync(`${path}.new`, path);
    }
    isStale = false;
  } catch {
    isStale = true;
    try {
      writeFileSync(path, ''); // what it said is no longer true
    } catch {
      return;
    }
  }
}
