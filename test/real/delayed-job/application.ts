// The delayed_job application of this directory in a rig, whose directory is its root: database, journal and log are there.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOr } from '../../rig/files.ts';
import { type Rig } from '../rig.ts';

const bin = fileURLToPath(new URL('bin/', import.meta.url));

/** A line that a job has written into the journal. */
export interface Note {
  readonly what: 'begin' | 'end';
  readonly job: string;
  readonly pid: number;
  readonly atMs: number;
}

/** A line that a worker has written into delayed_job.log. */
export interface Said {
  readonly instance: string;
  readonly pid: number;
  readonly atMs: number;
  readonly text: string;
}

/** A job that is not done: it waits, is locked by a worker, or has failed. */
export interface Row {
  readonly attempts: number;
  readonly last_error: string | null;
  readonly locked_by: string | null;
  readonly failed_at: string | null;
}

export interface Application {
  /** The words that run `bin/delayed_job`. */
  readonly command: readonly [string, string];
  readonly enqueue: (job: string, lengthSeconds: number) => Promise<void>;
  readonly rows: () => Promise<readonly Row[]>;
  readonly notes: () => readonly Note[];
  readonly note: (what: Note['what'], job: string) => Note | undefined;
  readonly said: () => readonly Said[];
  /** It looks for jobs now, and a TERM makes it finish; before that a TERM kills it. */
  readonly hasBooted: (pid: number) => Said | undefined;
}

export async function createApplication(rig: Rig): Promise<Application> {
  const ruby = async (script: string, ...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, all } = await rig.run('ruby', [join(bin, script), ...args]);
    if (exitCode !== 0)
      throw new Error(`${script} failed; has test/real/setup.sh been run?\n${all}`);
    return stdout;
  };
  const notes = () => parseNotes(readOr(join(rig.folder, 'journal.log'), ''));
  const said = () => parseLog(readOr(join(rig.folder, 'log/delayed_job.log'), ''));
  await ruby('setup');
  return {
    command: ['ruby', join(bin, 'delayed_job')],
    enqueue: async (job, lengthSeconds) => {
      await ruby('enqueue', job, String(lengthSeconds));
    },
    rows: async () => JSON.parse(await ruby('rows')) as readonly Row[],
    notes,
    note: (what, job) => notes().find((note) => note.what === what && note.job === job),
    said,
    hasBooted: (pid) =>
      said().find((line) => line.pid === pid && line.text === 'Starting job worker'),
  };
}

function parseNotes(journal: string): Note[] {
  return matches(journal, /^(begin|end) (\S+) (\d+) (\d+)$/gm, ([what, job, pid, atMs]) => ({
    what: what === 'begin' ? 'begin' : 'end',
    job,
    pid: Number(pid),
    atMs: Number(atMs),
  }));
}

/** `I, [2026-11-21T01:14:05.921137 #9939]  INFO -- : 2026-11-21T01:14:05+0000: [Worker(delayed_job.1 host:h pid:9939)] Exiting...` */
function parseLog(log: string): Said[] {
  const line =
    /^\w, \[(\S+?\.\d{3})\d* #\d+\].*?([+-]\d\d)(\d\d): \[Worker\((\S+) host:\S+ pid:(\d+)\)\] (.*)$/gm;
  return matches(log, line, ([local, hours, minutes, instance, pid, text]) => ({
    instance,
    pid: Number(pid),
    atMs: Date.parse(`${local}${hours}:${minutes}`),
    text,
  }));
}

function matches<T>(text: string, line: RegExp, parse: (groups: Groups) => T): T[] {
  return [...text.matchAll(line)].map(([, ...groups]) => parse(groups as unknown as Groups));
}

/** As many as the expression has. */
type Groups = [string, string, string, string, string, string];
