import { lookup } from '../../core/basics/lookup.ts';
import { nearest } from '../../core/basics/nearest.ts';
import type { KeyPath } from '../problems.ts';

/** What other tools call our keys. */
const otherNames: Readonly<Record<string, string>> = {
  cmd: 'command',
  cwd: 'directory',
  chdir: 'directory',
  dir: 'directory',
  working_directory: 'directory',
  environment: 'env',
  numprocs: 'count',
  instances: 'count',
  processes: 'count',
  stopsignal: 'stop',
  stop_signal: 'stop',
  stop_timeout: 'stop',
  stop_grace_period: 'stop',
  stopwaitsecs: 'stop',
  kill_timeout: 'stop',
  kill_after: 'timeout',
  healthcheck: 'ready',
  readiness: 'ready',
  startsecs: 'ready',
  wait_ready: 'ready',
  pattern: 'log',
  regexp: 'log',
  rolling: 'restart',
  update_config: 'restart',
  parallelism: 'batch',
  max_surge: 'max_extra',
  restart_delay: 'backoff',
  restart_sec: 'backoff',
};

/** Where keys belong that are often written into the wrong map. */
export interface OtherPlaces {
  readonly top: readonly string[];
  readonly worker: readonly string[];
}

/** Where an unknown key belongs that is not a misspelled one; it is in the map at `above`, which knows the keys `known`. */
export function misplacedHint(
  key: string,
  known: readonly string[],
  above: KeyPath,
  places: OtherPlaces,
): string {
  const isTop = above.length === 0;
  if (!isTop && places.top.includes(key)) return 'it belongs to the top level';
  if (above[0] === 'defaults' && key === 'command') return 'each worker has its own';
  if (isTop && places.worker.includes(key))
    return 'it belongs to a worker (below workers.NAME) or to defaults';
  return `known here: ${known.join(', ')}`;
}

/**
 * The known key that was most likely meant: the equivalent of another tool's key, or one with nearly the same spelling.
 */
export function meantKey(key: string, known: readonly string[]): string | undefined {
  const other = lookup(otherNames, key.toLowerCase());
  if (other !== undefined && known.includes(other)) return other;
  return nearest(key, known);
}
