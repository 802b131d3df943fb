import type { LogPlace, ProcessRecord } from '../../core/model/record.ts';
import { refOfBase } from './paths.ts';

/**
 * Records by column. A thousand of them take a quarter of the time that they take as objects: most columns have one value for
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

/** What each record has: where it is there, and what JSON holds for it. */
const required = {
  pid: { of: (record: ProcessRecord) => record.pid, type: 'number' },
  startTime: { of: (record: ProcessRecord) => record.startTime, type: 'number' },
  bootId: { of: (record: ProcessRecord) => record.bootId, type: 'string' },
  runId: { of: (record: ProcessRecord) => record.runId, type: 'string' },
  shimPid: { of: (record: ProcessRecord) => record.shimPid, type: 'number' },
  startedAt: { of: (record: ProcessRecord) => record.startedAt, type: 'number' },
  commandDigest: { of: (record: ProcessRecord) => record.commandDigest, type: 'string' },
  stopSignal: { of: (record: ProcessRecord) => record.stopSignal, type: 'string' },
  log: { of: (record: ProcessRecord) => record.log.path, type: 'string' },
  logOffset: { of: (record: ProcessRecord) => record.log.offset, type: 'number' },
} satisfies Kinds;

const optional = {
  directory: { of: (record: ProcessRecord) => record.directory, type: 'string' },
  release: { of: (record: ProcessRecord) => record.release, type: 'string' },
  config: { of: (record: ProcessRecord) => record.config, type: 'string' },
  launchExit: { of: (record: ProcessRecord) => record.launchExit, type: 'number' },
  logFile: { of: (record: ProcessRecord) => record.log.file, type: 'string' },
  errorLog: { of: (record: ProcessRecord) => record.errorLog?.path, type: 'string' },
  errorOffset: { of: (record: ProcessRecord) => record.errorLog?.offset, type: 'number' },
  errorFile: { of: (record: ProcessRecord) => record.errorLog?.file, type: 'string' },
} satisfies Kinds;

type Kinds = Readonly<
  Record<
    string,
    {
      readonly of: (record: ProcessRecord) => string | number | undefined;
      readonly type: 'string' | 'number';
    }
  >
>;

type Columns = RecordColumns['columns'];

/** The columns of these records, as JSON can hold them. None may be that of a program that is being launched. */
export function columnsOf(records: ReadonlyMap<string, ProcessRecord>): RecordColumns {
  const all = [...records.values()];
  const columns = Object.entries({ ...required, ...optional }).map(([key, { of }]) => {
    const each = all.map((record) => of(record) ?? null);
    return [key, each.every((value) => value === each[0]) ? { all: each[0] } : { each }];
  });
  return { names: [...records.keys()], columns: Object.fromEntries(columns) as Columns };
}

/**
 * Checks columns, so that records can be had from them.
 * @returns undefined if something in them is wrong
 */
export function recordsIn({ names, columns }: RecordColumns): RecordTable | undefined {
  const count = names.length;
  if (!areRight(columns, required, count) || !areRight(columns, optional, count, null))
    return undefined;
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

function areRight(columns: Columns, kinds: Kinds, count: number, none?: null): boolean {
  return Object.entries(kinds).every(([key, { type }]) => {
    const column = columns[key];
    const isRight = (value: unknown): boolean => typeof value === type || value === none;
    if (column === undefined) return false;
    if ('all' in column) return isRight(column.all);
    return column.each.length === count && column.each.every(isRight);
  });
}

type Required = typeof required;
type Optional = typeof optional;
type Values = {
  readonly [Key in keyof Required]: (index: number) => ReturnType<Required[Key]['of']>;
} & {
  readonly [Key in keyof Optional]: (
    index: number,
  ) => NonNullable<ReturnType<Optional[Key]['of']>> | null;
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
