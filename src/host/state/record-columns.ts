import type { LogPlace, ProcessRecord } from '../../core/model/record.ts';
import { refOfBase } from './paths.ts';

/**
 * Records by column. A thousand of them take half the time that they take as objects: most columns have one value for
 * all, and the values of a column are checked without a search for its member in each record.
 */
export interface RecordColumns {
  /** What the names of the files of each begin with. */
  readonly names: readonly string[];
  readonly columns: Readonly<Partial<Record<string, Column>>>;
}

/** The records in columns. */
export interface RecordTable {
  readonly size: number;
  readonly has: (name: string) => boolean;
  /** Puts a record together. */
  readonly get: (name: string) => ProcessRecord | undefined;
}

/** One value for all, or one for each; null: the record has none. */
type Column = { readonly all: unknown } | { readonly each: readonly unknown[] };

/** A record without objects in it. */
const flat = ({ log, errorLog, ...record }: ProcessRecord) => ({
  ...record,
  log: log.path,
  logOffset: log.offset,
  logFile: log.file,
  errorLog: errorLog?.path,
  errorOffset: errorLog?.offset,
  errorFile: errorLog?.file,
});
type Flat = ReturnType<typeof flat>;
type Key = Exclude<keyof Flat, 'instance' | 'launch'>; // the one is in the name, the other is never kept

/** What JSON holds of each member. */
const types: Readonly<Record<Key, 'string' | 'number'>> = {
  pid: 'number',
  startTime: 'number',
  bootId: 'string',
  runId: 'string',
  shimPid: 'number',
  startedAt: 'number',
  commandDigest: 'string',
  stopSignal: 'string',
  log: 'string',
  logOffset: 'number',
  directory: 'string',
  release: 'string',
  config: 'string',
  launchExit: 'number',
  logFile: 'string',
  errorLog: 'string',
  errorOffset: 'number',
  errorFile: 'string',
};
const keys = Object.keys(types) as Key[];

const optional = new Set<Key>([
  ...(['directory', 'release', 'config', 'launchExit', 'logFile'] as const),
  ...(['errorLog', 'errorOffset', 'errorFile'] as const),
]);

type Columns = RecordColumns['columns'];

/** The columns of these records, as JSON can hold them. None may be that of a program that is being launched. */
export function columnsOf(records: ReadonlyMap<string, ProcessRecord>): RecordColumns {
  const all = [...records.values()].map(flat);
  const columns: Partial<Record<Key, Column>> = {};
  for (const key of keys) {
    const each = all.map((record) => record[key] ?? null);
    columns[key] = each.every((value) => value === each[0]) ? { all: each[0] } : { each };
  }
  return { names: [...records.keys()], columns };
}

/**
 * Checks columns, so that records can be had from them.
 * @returns undefined if something in them is wrong
 */
export function recordsIn({ names, columns }: RecordColumns): RecordTable | undefined {
  if (!keys.every((key) => isRight(key, columns[key], names.length))) return undefined;
  const places = new Map(names.map((name, index) => [name, index]));
  const values = valuesOf(columns);
  return {
    size: places.size,
    has: (name) => places.has(name),
    get: (name) => {
      const index = places.get(name);
      return index === undefined ? undefined : recordAt(values, index, name);
    },
  };
}

function isRight(key: Key, column: Column | undefined, count: number): boolean {
  const type = types[key];
  const none = optional.has(key) ? null : undefined;
  const isValue = (value: unknown): boolean => typeof value === type || value === none;
  if (column === undefined) return false;
  if ('all' in column) return isValue(column.all);
  return column.each.length === count && column.each.every(isValue);
}

/** Of each member, its value in a row. */
type Values = {
  readonly [K in Key]: (
    index: number,
  ) => Flat[K] extends infer V ? (V extends undefined ? null : V) : never;
};

const valuesOf = (columns: Columns): Values =>
  Object.fromEntries(
    Object.entries(columns).map(([key, column]) => [
      key,
      column && 'each' in column ? (index: number) => column.each[index] : () => column?.all,
    ]),
  ) as Values;

function recordAt(values: Values, index: number, base: string): ProcessRecord {
  const record: { -readonly [Key in keyof ProcessRecord]: ProcessRecord[Key] } = {
    pid: values.pid(index),
    startTime: values.startTime(index),
    bootId: values.bootId(index),
    instance: refOfBase(base).instance,
    runId: values.runId(index),
    shimPid: values.shimPid(index),
    startedAt: values.startedAt(index),
    commandDigest: values.commandDigest(index),
    stopSignal: values.stopSignal(index),
    log: placeOf(values.log(index), values.logOffset(index), values.logFile(index)),
  };
  const directory = values.directory(index);
  const release = values.release(index);
  const config = values.config(index);
  const launchExit = values.launchExit(index);
  const errorLog = values.errorLog(index);
  if (directory !== null) record.directory = directory;
  if (release !== null) record.release = release;
  if (config !== null) record.config = config;
  if (launchExit !== null) record.launchExit = launchExit;
  if (errorLog !== null)
    record.errorLog = placeOf(errorLog, values.errorOffset(index) ?? 0, values.errorFile(index));
  return record;
}

const placeOf = (path: string, offset: number, file: string | null): LogPlace =>
  file === null ? { path, offset } : { path, offset, file };
