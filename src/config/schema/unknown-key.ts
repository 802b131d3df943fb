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
  stop_timeout: 'stop',
  stop_grace_period: 'stop',
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

const signalOf = (value: string): string => {
  const name = value.toUpperCase().replace(/^SIG/, '');
  return name === 'KILL' || name === '9'
    ? 'write stop: {timeout: 2h} to kill what takes longer; KILL ends a process at once, and its job is lost'
    : `write stop: {signal: ${name || 'TERM'}}`;
};

/** What a worker has in place of other tools' keys that mean something else here; `value` is what is written, if it is short. */
const insteadOf: Readonly<Record<string, (value: string) => string>> = {
  numprocs: (value) => `write count: ${value || 'N'}`,
  processes: (value) => `write count: ${value || 'N'}`,
  replicas: (value) => `write count: ${value || 'N'}`,
  instances: (value) => `write count: ${value || 'N'}, or identifiers for names`,
  scale: (value) => `write count: ${value || 'N'}`,
  autorestart: () =>
    'write on_exit: always, on_failure or never; backoff says how long to wait in between',
  depends_on: () =>
    'workers start in no order: let the program wait for what it needs, and say with ready when it has it',
  stdout_logfile: (value) => `write log: {file: ${value || 'PATH'}}; it holds both outputs`,
  stderr_logfile: (value) => `write log: {error: ${value || 'PATH'}}`,
  stopwaitsecs: (value) =>
    `write stop: {timeout: ${value || 'N'}s}; a job that takes longer is killed. Without it, none is`,
  kill_timeout: (value) =>
    `write stop: {timeout: ${value || 'N'}ms}; a job that takes longer is killed. Without it, none is`,
  signal: signalOf,
  stopsignal: signalOf,
  stop_signal: signalOf,
  kill_signal: signalOf,
  max_memory_restart: (value) => `write recycle: {memory: ${value || '500M'}}`,
  cron_restart: () => 'write recycle: {age: 24h}',
};

/** What to write in place of another tool's key, in a map with the keys of a worker. */
export function hintInstead(
  key: string,
  value: string,
  known: readonly string[],
): string | undefined {
  return known.includes('count') ? lookup(insteadOf, key.toLowerCase())?.(value) : undefined;
}

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
