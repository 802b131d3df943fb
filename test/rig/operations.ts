// Commands that were given an id (`--op`).
import { allPids, strings } from './kernel.ts';
import { validate } from './schemas.ts';
import type { Rig } from './rig.ts';
import { until } from './wait.ts';

/** An operation as `op list --json` prints it. */
export interface OperationJson {
  readonly id: string;
  readonly words: readonly string[];
  readonly state: 'asked' | 'running' | 'ended' | 'lost';
  readonly pid: number | null;
  readonly exit_code: number | null;
  readonly incomplete: boolean | null;
}

export async function operations(rig: Rig): Promise<readonly OperationJson[]> {
  const { stdout } = await rig.workerctl('op', 'list', '--json');
  const answer = JSON.parse(stdout) as { readonly operations: readonly OperationJson[] };
  validate(answer);
  return answer.operations;
}

export const operationFile = ({ stateDir }: Rig, id: string, name = ''): string =>
  `${stateDir}/operations/${id}/${name}`;

/** The processes that run an operation, or want to, by the kernel alone. */
export const runnersOf = ({ stateDir }: Rig, id: string): number[] =>
  allPids().filter((pid) => {
    const words = strings(pid, 'cmdline');
    return words.includes('operation') && words.includes(`${stateDir}/operations/${id}`);
  });

/** The only process that runs an operation. */
export const runnerOf = (rig: Rig, id: string): Promise<number> =>
  until(`one runner of ${id}`, () => {
    const [pid, ...others] = runnersOf(rig, id);
    return others.length === 0 && pid;
  });
