import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Jobs are files: in spool/ they wait, in working/ they are being done, in done/ each has a line for each time it was done. */
export interface Spool {
  readonly put: (job: string, seconds: number) => void;
  /** The instance that is doing a job. */
  readonly workerOf: (job: string) => string | undefined;
  /** A line for each time that the job was done. */
  readonly doneLines: (job: string) => readonly string[];
  /** The jobs that are not done. */
  readonly unfinished: () => readonly string[];
}

export function spoolIn(folder: string): Spool {
  const list = (name: string): string[] => readdirSync(join(folder, name));
  return {
    put: (job, seconds) => {
      const waiting = join(folder, `${job}.new`);
      writeFileSync(waiting, `${seconds}\n`);
      renameSync(waiting, join(folder, 'spool', job));
    },
    workerOf: (job) =>
      list('working')
        .find((name) => name.startsWith(`${job}.`))
        ?.slice(job.length + 1),
    doneLines: (job) =>
      list('done').includes(job)
        ? readFileSync(join(folder, 'done', job), 'utf8')
            .trimEnd()
            .split('\n')
        : [],
    unfinished: () => [...list('spool'), ...list('working')],
  };
}
