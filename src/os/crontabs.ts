import { readFileSync, readdirSync } from 'node:fs';
import { parseCrontab, type CronLine } from '../core/crontab.ts';
import type { Ask } from './ask-program.ts';
import { listPids } from './process-table.ts';
import { procText } from './proc-facts.ts';

/** A line and where it stands. */
export interface PlacedLine extends CronLine {
  readonly place: string;
}

/** Where the system's crontabs are. Source: cron(8). */
const systemFile = '/etc/crontab';
const systemFolder = '/etc/cron.d';

/** The lines of this user's own crontab, and of those of the system that he may read. */
export async function readCrontabs(ask: Ask): Promise<PlacedLine[]> {
  const own = await ask('crontab', ['-l']);
  const lines =
    own.kind === 'said' && own.status === 0 ? placed('crontab -l', own.text, false) : [];
  const files = [systemFile, ...filesIn(systemFolder).map((name) => `${systemFolder}/${name}`)];
  return [...lines, ...files.flatMap((path) => placed(path, textOf(path), true))];
}

const placed = (place: string, text: string, hasUsers: boolean): PlacedLine[] =>
  parseCrontab(text, hasUsers).map((line) => ({ ...line, place }));

/** cron passes over names with a dot, such as those of backups. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[\w-]+$/.test(name));
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const daemons = /^(?:cron|crond|fcron|supercronic|bcron-sched|systemd-cron)$/;

/** Whether a cron can be seen that runs such lines. */
export const isCronRunning = (): boolean =>
  listPids().some((pid) => {
    const name = procText(`/proc/${pid}/comm`).trim();
    return (
      daemons.test(name) || (name === 'busybox' && /crond/.test(procText(`/proc/${pid}/cmdline`)))
    );
  });
