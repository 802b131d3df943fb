import { withoutSecrets } from '../../core/basics/secrets.ts';
import { launchOf, loggerOf } from '../../core/model/launch.ts';
import { selectInstances, workerNameOf } from '../../core/model/targets.ts';
import type { Config } from '../../core/model/config.ts';
import { readRecord } from '../../host/state/records.ts';
import { recordedInstances } from '../../host/state/paths.ts';

export interface LogSource {
  /** The instance; its worker if several instances write to the same log. */
  readonly label: string;
  readonly path: string;
  /** The command line of the logger that gets the output: the log then has only what the logger itself says. */
  readonly logger?: string;
}

/**
 * The logs of the instances that the targets name, in the order of the config. If a process was started with another log
 * than the config has now, it is the log of that process.
 * @throws WorkerctlError `usage` for a target that names nothing
 */
export function logSources(
  config: Config,
  hostName: string,
  targets: readonly string[],
): readonly LogSource[] {
  const { stateDir } = config;
  const names = selectInstances(config, recordedInstances(stateDir), targets);
  const found = new Map<string, LogSource>();
  for (const name of names) {
    const source = sourceOf(config, hostName, name);
    if (source === undefined) continue;
    const known = found.get(source.path);
    found.set(source.path, known === undefined ? source : { ...known, label: workerNameOf(name) });
  }
  return [...found.values()];
}

function sourceOf(config: Config, hostName: string, label: string): LogSource | undefined {
  const record = readRecord(config.stateDir, label);
  const recorded = record.kind === 'read' ? record.value.log.path : undefined;
  const worker = config.workers.find(({ name }) => name === workerNameOf(label));
  if (worker === undefined) return recorded === undefined ? undefined : { label, path: recorded };
  const path = recorded ?? launchOf(worker, label, config.stateDir, hostName).logFile;
  const logger = loggerOf(worker, label, hostName);
  return { label, path, ...(logger !== undefined && { logger: withoutSecrets(logger.join(' ')) }) };
}
