import { findConfig } from '../config/find.ts';
import { WorkerctlError } from '../core/basics/error.ts';

/** What to do where there is no config, for those who type workerctl alone; undefined if there is one. */
export function firstContact({
  env,
  directory,
}: {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string | undefined;
}): string | undefined {
  if (directory === undefined) return undefined;
  try {
    findConfig({ env, cwd: directory });
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    return `workerctl restarts background workers without killing the jobs they are running.

${capital(error.message)}

  workerctl demo    shows it at work, with real processes, in 20 seconds
  workerctl init    writes workerctl.yaml from what is in this directory
  workerctl --help  lists all commands
`;
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
