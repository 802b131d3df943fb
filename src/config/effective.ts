import { stringify } from 'yaml';
import type { Duration } from '../core/time.ts';
import type { Config, Worker } from '../core/worker.ts';
import { escapedSpecifiers } from './specifiers.ts';

/** The config as it is in force, with every default filled in, under the keys that the file has. */
export function effectiveConfig(config: Config): object {
  return {
    state_dir: escapedSpecifiers(config.stateDir),
    workers: Object.fromEntries(config.workers.map((worker) => [worker.name, section(worker)])),
  };
}

/** The effective config as YAML that loads to the same Config again. */
export const formatEffective = (config: Config): string =>
  stringify(effectiveConfig(config), { lineWidth: 0, aliasDuplicateObjects: false });

function section(worker: Worker): object {
  return {
    command: worker.command,
    ...instances(worker.identifiers),
    directory: worker.directory,
    env: worker.env,
    env_files: worker.envFiles,
    pass_env: worker.passEnv,
    pidfile: worker.pidfile,
    log: { file: worker.logFile },
    umask: worker.umask.toString(8).padStart(3, '0'),
    nice: worker.nice,
    oom_score_adj: worker.oomScoreAdj,
    limits: limits(worker.limits),
    stop: { signal: worker.stop.signal },
    ready: { after: exactDuration(worker.ready.after) },
  };
}

/** Numbered instances as the count that they come from. */
function instances(identifiers: readonly string[]): object {
  const isNumbered = identifiers.every((identifier, i) => identifier === String(i + 1));
  return isNumbered && identifiers.length <= 500 ? { count: identifiers.length } : { identifiers };
}

const limits = (of: Worker['limits']): object =>
  Object.fromEntries(
    Object.entries(of).map(([name, limit]) => [name, limit === Infinity ? 'unlimited' : limit]),
  );

const units = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A length without any rounding, in the largest unit that allows it: `1s`, `90s`, `1500ms`. */
function exactDuration(length: Duration): string {
  const [unit, ms] = units.find(([, ms]) => length > 0 && length % ms === 0) ?? ['ms', 1];
  return `${length / ms}${unit}`;
}
