import { readdirSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { type CronLine, parseCrontab } from '../../core/protocols/crontab.ts';
import type { Answer, Ask } from '../process/ask-program.ts';
import { firstBytes } from '../process/capture-output.ts';
import { listPids } from '../process/process-table.ts';
import { textOrEmpty } from '../files/bounded-read.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/**
 * This user's crontab; empty if there is none.
 * @throws WorkerctlError `failed` if it cannot be read: then it must not be overwritten
 */
export async function readCrontab(ask: Ask): Promise<string> {
  const { status, text, error } = await crontab(ask, ['-l']);
  if (status !== 0 && /\bno crontab\b|can't open/i.test(error)) return '';
  if (status !== 0) throw failed('cannot be read', error);
  if (Buffer.byteLength(text) >= firstBytes) throw failed('cannot be read', 'it is too long');
  return text;
}

/**
 * Replaces this user's crontab.
 * @throws WorkerctlError `failed` if cron refuses it; the old one is unchanged then
 */
export async function writeCrontab(ask: Ask, text: string): Promise<void> {
  const { status, error } = await crontab(ask, ['-'], text);
  if (status !== 0) throw failed('cannot be written', error);
}

const failed = (what: string, problem: string): WorkerctlError =>
  new WorkerctlError('failed', `the crontab ${what}: ${problem.trim()}`, {
    hint: 'workerctl install cron prints the lines, for crontab -e',
  });

async function crontab(
  ask: Ask,
  words: readonly string[],
  input?: string,
): Promise<Extract<Answer, { kind: 'said' }>> {
  const answer = await ask('crontab', words, input);
  if (answer.kind === 'said') return answer;
  const problem = answer.kind === 'failed' ? answer.problem : 'there is no such program';
  throw new WorkerctlError('failed', `crontab(1) cannot be run: ${problem}`, {
    hint: 'install cron, or let workerctl watch do it: workerctl install systemd',
  });
}

/** A line and where it was found. */
export interface PlacedLine extends CronLine {
  readonly place: string;
}

/** The place of the lines of this user's own crontab. */
export const ownCrontab = 'crontab -l';

/** The system's crontabs. Source: cron(8). */
const systemFile = '/etc/crontab';
const systemDirectory = '/etc/cron.d';

/** The lines of this user's own crontab, and of the readable ones of the system. */
export async function readCrontabs(ask: Ask): Promise<PlacedLine[]> {
  const own = await ask('crontab', ['-l']);
  const lines = own.kind === 'said' && own.status === 0 ? placed(ownCrontab, own.text, false) : [];
  const files = [
    systemFile,
    ...filesIn(systemDirectory).map((name) => `${systemDirectory}/${name}`),
  ];
  return [...lines, ...files.flatMap((path) => placed(path, textOrEmpty(path), true))];
}

const placed = (place: string, text: string, hasUsers: boolean): PlacedLine[] =>
  parseCrontab(text, hasUsers).map((line) => ({ ...line, place }));

/** cron ignores names with a dot, such as those of backups. */
function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^[\w-]+$/.test(name));
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
