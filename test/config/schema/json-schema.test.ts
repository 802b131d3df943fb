import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configJsonSchema, fleetJsonSchema } from './generated.ts';
import { configIn, scratchFolder } from '../scratch.ts';

test.each([
  ['workerctl.schema.json', configJsonSchema],
  ['fleet.schema.json', fleetJsonSchema],
])('docs/%s must follow from the table of keys', (name, schema) => {
  const file = fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
  const text = `${JSON.stringify(schema(), null, 2)}\n`;
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, text);
  const hint = `docs/${name} is outdated: rewrite it with UPDATE_DOCS=1 npm test`;
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '', hint).toBe(text);
});

interface Schema {
  readonly [key: string]: unknown;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly anyOf?: readonly Schema[];
  readonly not?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

const checked = [
  ...['$schema', 'title', 'description', 'type', 'properties', 'additionalProperties', 'required'],
  ...['propertyNames', 'minProperties', 'items', 'minItems', 'uniqueItems', 'anyOf', 'not', 'enum'],
  ...['const', 'pattern', 'minLength', 'minimum', 'maximum', 'default', 'examples'],
];

/** The few words of JSON Schema that ours is made of; any other one is an error. */
function accepts(schema: Schema, value: unknown): boolean {
  const unknown = Object.keys(schema).filter((key) => !checked.includes(key));
  if (unknown.length > 0) throw new Error(`not checked here: ${unknown.join(', ')}`);
  return (
    (schema.type === undefined || [schema.type].flat().some((type) => isOfType(type, value))) &&
    (schema.anyOf === undefined || schema.anyOf.some((each) => accepts(each, value))) &&
    (schema.not === undefined || !accepts(schema.not, value)) &&
    (schema.enum === undefined || schema.enum.includes(value)) &&
    (!('const' in schema) || schema.const === value) &&
    acceptsScalar(schema, value) &&
    acceptsList(schema, value) &&
    acceptsMap(schema, value)
  );
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function acceptsScalar(schema: Schema, value: unknown): boolean {
  if (typeof value === 'number')
    return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
  if (typeof value !== 'string') return true;
  const pattern = schema.pattern === undefined ? undefined : new RegExp(schema.pattern, 'u');
  return value.length >= (schema.minLength ?? 0) && (pattern?.test(value) ?? true);
}

function acceptsList(schema: Schema, value: unknown): boolean {
  if (!Array.isArray(value)) return true;
  const { items } = schema;
  return (
    value.length >= (schema.minItems ?? 0) &&
    (schema.uniqueItems !== true || new Set(value).size === value.length) &&
    (items === undefined || value.every((item) => accepts(items, item)))
  );
}

function acceptsMap(schema: Schema, value: unknown): boolean {
  if (!isOfType('object', value)) return true;
  const map = value as Record<string, unknown>;
  const { additionalProperties: others = true, propertyNames: names } = schema;
  return (
    Object.keys(map).length >= (schema.minProperties ?? 0) &&
    (schema.required ?? []).every((key) => key in map) &&
    Object.entries(map).every(([key, item]) => {
      const own = schema.properties?.[key];
      if (names !== undefined && !accepts(names, key)) return false;
      if (own !== undefined) return accepts(own, item);
      return typeof others === 'boolean' ? others : accepts(others, item);
    })
  );
}

const { problems, load } = configIn(scratchFolder());
const schema = configJsonSchema() as Schema;
const inWorker = (keys: string) => `workers: {a: {command: x, ${keys}}}`;

describe('the JSON Schema and loadConfig must', () => {
  test.each([
    'workers: {a: {command: x}}',
    'workers: {a: {command: [x, 1]}}',
    inWorker('preset: sidekiq, stop: {quiet: null}, busy: null, ready: {log: ~}'),
    inWorker('preset: celery, ready: {log: ~, after: 5s}'),
    '{defaults: {count: 3}, workers: {a: {command: x, count: ~, identifiers: [a]}}}',
    '{defaults: {ready: {log: up}}, workers: {a: {command: x, ready: {log: ~, after: 5s}}}}',
    '{defaults: {preset: sidekiq, env: {A: 1}, count: 2, stop: ~}, workers: {a: {command: x, preset: rq, env: {A: null}, count: ~}}}',
    '{state_dir: a, log_dir: b, defaults: {count: 2}, workers: {a: {command: x}}}',
    inWorker('count: 0'),
    inWorker('identifiers: [a, 1]'),
    inWorker('env: {A: 1.5, B: x}, env_files: [a], pass_env: [LANG]'),
    inWorker('directory: a, pidfile: b, log: {file: c}'),
    inWorker('umask: "022", nice: -5, oom_score_adj: 5'),
    inWorker('limits: {nofile: 1, nproc: unlimited, core: 1KB, as: unlimited}'),
    inWorker('limits: {memory_max: 512MB, cpu: 0.5}'),
    inWorker('limits: {memory_max: 1048576, cpu: 2}'),
    inWorker('stop: {signal: SIGQUIT}, ready: {after: 1.5s}'),
    inWorker('stop: {quiet: TSTP, resume: SIGCONT, timeout: 0.5s}'),
    inWorker('stop: {quiet: {command: bin/hush %i}, resume: {command: [bin/back], timeout: 5s}}'),
    inWorker('stop: {timeout: never}'),
    inWorker('ready: {log: "^up", timeout: 5m}'),
    inWorker('ready: {file: up}'),
    inWorker('ready: {command: bin/up}'),
    inWorker('ready: {command: [bin/up, 1]}'),
    inWorker('restart: {canary: 0, batch: 1, patience: 0s, overlap: true, max_extra: 500}'),
    inWorker('restart: {canary: 1, batch: 100%, overlap: false}'),
    inWorker('busy: {title: "busy (.*)"}, backoff: {initial: 10ms, max: 1h, reset: 0s}'),
    inWorker(
      'lost_grace: 0s, hooks: {lost: "free %i", backoff: [a, 1], unresponsive: a, timeout: 5s}',
    ),
    inWorker('hooks: {rollout: "tell %p %%i"}'),
    inWorker(
      'hooks: {died: a, started: a, aborted: a, finished: a, drain_long: {command: a, after: 30d}}',
    ),
    inWorker(
      'recycle: {memory: 512MB, age: 7d, outdated: true, min_age: 0s}, stop: {leftovers: leave}',
    ),
    inWorker('recycle: {memory: 1, age: never}, stop: {leftovers: kill}'),
    inWorker('recycle: {memory: unlimited}, stop: {leftovers: wait}'),
    inWorker(
      'stop: {}, ready: {}, restart: {}, busy: {}, backoff: {}, recycle: {}, log: {}, limits: {}, env: {}',
    ),
    '{release: {file: REVISION}, workers: {a: {command: x}}}',
    '{release: {command: git describe}, workers: {a: {command: x}}}',
    '{release: {command: [git, 1]}, workers: {a: {command: x}}}',
    '{defaults: {ready: {timeout: 5s}}, workers: {a: {command: x}}}',
  ])('both accept %s', (config) => {
    expect(() => load(config)).not.toThrow();
    expect(accepts(schema, parse(config))).toBe(true);
  });

  test.each([
    '[]',
    '{}',
    'workers: {}',
    'workers: []',
    'workers: {a: {}}',
    'workers: {a.b: {command: x}}',
    'workers: {a: {command: []}}',
    'workers: {a: {command: [true]}}',
    'workers: {a: {command: 5}}',
    '{other: 1, workers: {a: {command: x}}}',
    '{defaults: {command: x}, workers: {a: {command: x}}}',
    '{defaults: {count: 1, identifiers: [a]}, workers: {a: {command: x}}}',
    inWorker('other: 1'),
    inWorker('preset: cron'),
    inWorker('preset: 1'),
    'workers: {a: {command: null}}',
    'workers: {a: null}',
    '{state_dir: null, workers: {a: {command: x}}}',
    inWorker('count: -1'),
    inWorker('count: 501'),
    inWorker('count: "1"'),
    inWorker('count: 1, identifiers: [a]'),
    inWorker('identifiers: [a, a]'),
    inWorker('identifiers: [-1]'),
    inWorker('env: {A: true}'),
    inWorker('env: {1A: x}'),
    inWorker('env: {WORKERCTL_A: x}'),
    inWorker('pass_env: [BUILD_ID]'),
    inWorker('directory: ""'),
    inWorker('umask: 022'),
    inWorker('umask: "888"'),
    inWorker('nice: 20'),
    inWorker('limits: {nofile: unlimited}'),
    inWorker('limits: {as: 1XB}'),
    inWorker('limits: {memory_max: 5}'),
    inWorker('limits: {memory_max: 50%}'),
    inWorker('limits: {cpu: 0}'),
    inWorker('limits: {cpu: 50%}'),
    inWorker('stop: {signal: KILL}'),
    inWorker('ready: {after: 1}'),
    inWorker('ready: {after: 1s, log: up}'),
    inWorker('ready: {log: up, command: up}'),
    inWorker('ready: {file: up, command: up}'),
    inWorker('ready: {after: 1s, timeout: 1s}'),
    inWorker('ready: {log: ""}'),
    inWorker('ready: {log: 5}'),
    inWorker('ready: {log: up, timeout: 0s}'),
    inWorker('ready: {log: up, timeout: 0.0m}'),
    inWorker('ready: {log: up, timeout: never}'),
    inWorker('ready: {command: []}'),
    inWorker('ready: {kind: log}'),
    inWorker('stop: {quiet: KILL}'),
    inWorker('stop: {quiet: TSTP, resume: STOP}'),
    inWorker('stop: {quiet: {timeout: 5s}}'),
    inWorker('stop: {quiet: {command: bin/hush, limit: 5s}}'),
    inWorker('stop: {signal: TSTP}'),
    inWorker('stop: {timeout: 0ms}'),
    inWorker('stop: {timeout: 30}'),
    inWorker('stop: {timeout: always}'),
    inWorker('restart: {canary: 2}'),
    inWorker('restart: {canary: true}'),
    inWorker('restart: {batch: 0}'),
    inWorker('restart: {batch: 1.5}'),
    inWorker('restart: {batch: "5"}'),
    inWorker('restart: {batch: 0%}'),
    inWorker('restart: {batch: 101%}'),
    inWorker('restart: {patience: 5}'),
    inWorker('restart: {overlap: yes}'),
    inWorker('restart: {max_extra: 0}'),
    inWorker('restart: {max_extra: 501}'),
    inWorker('restart: always'),
    inWorker('busy: {title: ""}'),
    inWorker('hooks: {lost: 5}'),
    inWorker('hooks: {dies: a}'),
    inWorker('hooks: {drain_long: a}'),
    inWorker('hooks: {drain_long: {after: 0s}}'),
    inWorker('hooks: {timeout: 0s}'),
    inWorker('lost_grace: never'),
    inWorker('backoff: {initial: 0s}'),
    inWorker('backoff: {max: 0s, initial: 1ms}'),
    inWorker('backoff: {reset: never}'),
    inWorker('recycle: {memory: 0}'),
    inWorker('recycle: {memory: 0MB}'),
    inWorker('recycle: {age: 0s}'),
    inWorker('recycle: {outdated: 1}'),
    inWorker('recycle: {jobs: 100}'),
    inWorker('stop: {leftovers: true}'),
    inWorker('release: {file: a}'),
    '{release: {}, workers: {a: {command: x}}}',
    '{release: {file: a, command: b}, workers: {a: {command: x}}}',
    '{release: {file: ""}, workers: {a: {command: x}}}',
    '{release: v1, workers: {a: {command: x}}}',
    inWorker('log: {file: 1}'),
  ])('both refuse %s', (config) => {
    expect(problems(config)).not.toEqual([]);
    expect(accepts(schema, parse(config))).toBe(false);
  });
});

test('every key must have a description', () => {
  const without = (at: Schema, path: string): string[] =>
    Object.entries(at.properties ?? {}).flatMap(([key, child]) => [
      ...(child['description'] === undefined ? [`${path}${key}`] : []),
      ...without(child, `${path}${key}.`),
      ...(typeof child.additionalProperties === 'object'
        ? without(child.additionalProperties, `${path}${key}.*.`)
        : []),
    ]);
  expect(without(schema, '')).toEqual([]);
});
