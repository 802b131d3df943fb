import { closest, distance } from 'fastest-levenshtein';
import type * as z from 'zod/mini';
import type { KeyPath, Problem } from '../problems.ts';
import { shortened, valueAt } from '../problems.ts';
import { configSchema, workerSchema } from './keys.ts';
import type { YamlDocument } from '../yaml/yaml-document.ts';

type Issue = z.core.$ZodIssue;

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

/** The problems that zod's issues tell of, each with what was found. */
export function problemsOf(issues: readonly Issue[], document: YamlDocument): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, [], document));
}

function problemsOfIssue(issue: Issue, above: KeyPath, document: YamlDocument): Problem[] {
  const path = [...above, ...(issue.path as KeyPath)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path));
    case 'invalid_key': {
      const expected = issue.issues[0]?.message ?? 'another key';
      return [{ path, at: 'key', message: `expected ${expected}` }];
    }
    case 'invalid_union': {
      // The list of a union of a word and a list is meant when one of its items is wrong.
      const inner = issue.errors.find((errors) => errors.some((each) => each.path.length > 0));
      if (inner !== undefined)
        return inner.flatMap((each) => problemsOfIssue(each, path, document));
      return [otherThanExpected(issue, path, document)];
    }
    case 'custom':
      return [{ path, at: 'value', message: issue.message }];
    case 'invalid_type':
    case 'invalid_value':
    case 'invalid_format':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'too_big':
    case 'too_small':
      return [otherThanExpected(issue, path, document)];
  }
}

function otherThanExpected({ message }: Issue, path: KeyPath, document: YamlDocument): Problem {
  const value = valueAt(document.value, path);
  if (value === undefined) return { path, at: 'key', message: `is missing: expected ${message}` };
  const found = shortened(described(value, document.sourceOf(path) ?? ''));
  return { path, at: 'value', message: `expected ${message}, found ${found}` };
}

function described(value: unknown, source: string): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value === null) return source === '' ? 'nothing' : source;
  return typeof value === 'object' ? 'a map' : source;
}

function unknownKey(key: string, above: KeyPath): Problem {
  return { path: [...above, key], at: 'key', message: `unknown key; ${adviceOn(key, above)}` };
}

function adviceOn(key: string, above: KeyPath): string {
  const known = knownKeys(configSchema(), above);
  const meant = [otherNames[key.toLowerCase()], nearest(key, known)].find(
    (each) => each !== undefined && known.includes(each),
  );
  if (meant !== undefined) return `did you mean "${meant}"?`;
  const isTop = above.length === 0;
  if (!isTop && knownKeys(configSchema(), []).includes(key)) return 'it belongs to the top level';
  if (!isTop && above[0] === 'defaults' && key === 'command') return 'each worker has its own';
  if (isTop && key in workerSchema().shape)
    return 'it belongs to a worker (below workers.NAME) or to defaults';
  return `known here: ${known.join(', ')}`;
}

/** The known key that `key` is most likely a slip of, if one is near. */
function nearest(key: string, known: readonly string[]): string | undefined {
  const best = closest(key, [...known]);
  return distance(key, best) <= Math.max(1, Math.floor(key.length / 3)) ? best : undefined;
}

/** The keys that the schema knows at this place. */
function knownKeys(schema: z.core.$ZodType, path: KeyPath): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const [key, ...rest] = path;
  if (def.type === 'optional') return knownKeys(def.innerType, path);
  if (def.type === 'record') return knownKeys(def.valueType, rest);
  if (def.type !== 'object') return [];
  const shape = def.shape as Readonly<Record<string, z.core.$ZodType>>;
  const child = key === undefined ? undefined : shape[key];
  return child === undefined ? Object.keys(shape) : knownKeys(child, rest);
}
