import { readdirSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { type CronLine, parseCrontab } from '../../core/protocols/crontab.ts';
import type { Ask } from '../process/ask-program.ts';
import { childProcess } from '../process/spawn.ts';
import { listPids } from '../process/process-table.ts';
import { describeErrno } from '../files/errno.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/**
 * This user's crontab; empty if there is none.
 * @throws WorkerctlError `failed` if it cannot be read: then it must not be overwritten
 */
export function readCrontab(): string {
  const { status, stdout, stderr } = run(['-l']);
  if (status === 0) return stdout;
  if (/\bno crontab\b|can't open/i.test(stderr)) return '';
  throw failed('cannot be read', stderr);
}

/**
 * Replaces this user's crontab.
 * @throws WorkerctlError `failed` if cron refuses it; the old one is unchanged then
 */
export function writeCrontab(text: string): void {
  const { status, stderr } = run(['-'], text);
  if (status !== 0) throw failed('cannot be written', stderr);
}

const failed = (what: string, stderr: string): WorkerctlError =>
  new WorkerctlError('failed', `the crontab ${what}: ${stderr.trim()}`, {
    hint: 'workerctl install cron prints the lines, for crontab -e',
  });

function run(words: readonly string[], input?: string) {
  const env = { ...process.env, LC_ALL: 'C' }; // its message says whether there is none
  const done = childProcess().spawnSync('crontab', words, { input, env, encoding: 'utf8' });
  if (done.error !== undefined)
    throw new WorkerctlError('failed', `crontab(1) cannot be run: ${describeErrno(done.error)}`, {
      hint: 'install cron, or let workerctl watch do it: workerctl install systemd',
    });
  return done;
}

/** A line and where it was found. */
export interface PlacedLine extends CronLine {
  readonly place: string;
}

/** The system's crontabs. Source: cron(8). */
const systemFile = '/etc/crontab';
const systemFolder = '/etc/cron.d';

/** The lines of this user's own crontab, and of the readable ones of the system. */
export async function readCrontabs(ask: Ask): Promise<PlacedLine[]> {
  const own = await ask('crontab', ['-l']);
  const lines =
    own.kind === 'said' && own.status === 0 ? placed('crontab -l', own.text, false) : [];
  const files = [systemFile, ...filesIn(systemFolder).map((name) => `${systemFolder}/${name}`)];
  return [...lines, ...files.flatMap((path) => placed(path, readOrEmpty(path), true))];
}

const placed = (place: string, text: string, hasUsers: boolean): PlacedLine[] =>
  parseCrontab(text, hasUsers).map((line) => ({ ...line, place }));

/** cron ignores names with a dot, such as those of backups. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[\w-]+$/.test(name));
  } catch {
    return [];
  }
}

const daemons = /^(?:cron|crond|fcron|supercronic|bcron-sched|systemd-cron)$/;

/** Whether a cron daemon runs, as far as this user can see. */
export const isCronRunning = (): boolean =>
  listPids().some((pid) => {
    const name = readOrEmpty(`/proc/${pid}/comm`).trim();
    return (
      daemons.test(name) ||
      (name === 'busybox' && /crond/.test(readOrEmpty(`/proc/${pid}/cmdline`)))
    );
  });
