import type { Moment } from '../basics/time.ts';
import { levelIn, levelOfPython, levelOfValue, type LogLevel } from './line-level.ts';
import { timeIn, timeOfValue } from './line-time.ts';

/** What a line of a log says of itself. With neither it continues the line before it, as the frames of an error do. */
export interface LineHead {
  readonly at?: Moment;
  readonly level?: LogLevel;
}

/** The members of JSON lines that hold the time, as pino, bunyan, winston, zap, slog, ECS, structlog and others name it. */
const timeKeys = [
  ...['time', 'timestamp', '@timestamp', 'ts', 't', 'at', 'datetime', 'date', 'asctime', 'created'],
];

/** Those that hold the level. */
const levelKeys = [
  ...['level', 'severity', 'lvl', 'levelname', 'level_name', 'log.level', 'loglevel'],
];

/** Reads the time and the level of a line: of a JSON object from its members, else from its first characters. */
export function headOf(line: string, now: Moment): LineHead {
  const json = objectIn(line);
  const at =
    json === undefined ? timeIn(line, now) : first(json, timeKeys, (v) => timeOfValue(v, now));
  const level = json === undefined ? levelIn(line) : levelInJson(json);
  return { ...(at !== undefined && { at }), ...(level !== undefined && { level }) };
}

type Members = Readonly<Record<string, unknown>>;

function objectIn(line: string): Members | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Members;
  } catch {
    return undefined; // a piece of a long line, or no JSON
  }
}

const levelInJson = (json: Members): LogLevel | undefined =>
  first(json, levelKeys, levelOfValue) ?? levelOfPython(json['levelno']);

function first<T>(
  json: Members,
  keys: readonly string[],
  read: (value: unknown) => T | undefined,
): T | undefined {
  for (const key of keys) {
    const value = Object.hasOwn(json, key) ? read(json[key]) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}
