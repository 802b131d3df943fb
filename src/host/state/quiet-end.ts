import { durationOf, type Duration } from '../../core/basics/time.ts';
import { formatDeath, type CommandEnd } from '../../core/model/record.ts';
import { textOrEmpty } from '../files/bounded-read.ts';
import { sinceBoot } from '../process/process-table.ts';
import { heartbeatPath } from './paths.ts';

/** What the names of the files end with that a command writes which makes a process quiet. */
export const quietEndings = ['.quieted', '.quieted.out'] as const;

/**
 * Where it is noted how the commands have ended that a process was to be made quiet or resumed by. Named by the run, so that
 * it stays in its place if the process retires.
 */
export const quietEndPath = (stateDir: string, base: string, runId: string): string =>
  `${heartbeatPath(stateDir, base, runId)}.quieted`;

/** How long after its time the end of a command is reported at the latest; its script counts whole seconds. */
const grace = durationOf(3_000);

/** How the command has ended that is killed at `until`, since the boot of the host; undefined: it still runs. */
export function readQuietEnd(
  stateDir: string,
  base: string,
  runId: string,
  until: Duration,
): CommandEnd | undefined {
  const path = quietEndPath(stateDir, base, runId);
  const found = new RegExp(`^${until} (.+)\n`, 'm').exec(textOrEmpty(path))?.[1];
  if (found === undefined)
    return sinceBoot() > until + grace ? { problem: 'its end was not reported' } : undefined;
  if (found === '0') return {};
  const problem = found === 'late' ? 'it took too long and was killed' : endWords(found);
  const shown = textOrEmpty(`${path}.out`).trim().split('\n').at(-1)?.trim().slice(0, 200) ?? '';
  return { problem: shown === '' ? problem : `${problem} (${shown})` };
}

const endWords = (found: string): string =>
  /^\d+$/.test(found) ? formatDeath({ kind: 'exited', status: Number(found) }) : found;
