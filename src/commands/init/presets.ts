import { presetFor, presets, type PresetName } from '../../core/presets/table.ts';
import type { Preset } from '../../core/presets/preset.ts';
import { isMap } from './draft.ts';
import type { Value, WorkerKeys } from './found.ts';
import { packageIn, type Package } from './packages.ts';

/** What a preset makes of the keys of a worker. */
export interface WithPreset {
  /** Undefined: it has none. */
  readonly name?: PresetName;
  readonly keys: WorkerKeys;
  readonly comments: readonly string[];
}

/** The keys of a worker with the preset that its command and the packages of the project show, if there is one. */
export function withPreset(
  command: string | readonly string[],
  keys: WorkerKeys,
  packages: readonly Package[],
): WithPreset {
  const line = typeof command === 'string' ? command : command.join(' ');
  const name = presetFor([line]);
  if (name === undefined || isOtherProgram(name, line, packages))
    return { keys, comments: bullmqNote(line, packages) };
  const { readable, comments } = readiness(name, line, keys);
  return { name, keys: { ...keys, ...readable }, comments };
}

/** `bin/jobs` is a name that any project may have. */
const isOtherProgram = (name: PresetName, line: string, packages: readonly Package[]): boolean =>
  name === 'solid_queue' &&
  !line.includes('solid_queue:start') &&
  packageIn(packages, 'gem', 'solid-queue') === undefined;

/** A preset waits for a line of the log, which must be written and be readable. */
function readiness(
  name: PresetName,
  line: string,
  { ready, log }: WorkerKeys,
): { readonly readable: WorkerKeys; readonly comments: readonly string[] } {
  const { keys }: Preset = presets[name];
  const wanted = keys['ready'];
  const waits = typeof wanted === 'object' && Object.hasOwn(wanted, 'log');
  if (!waits || ready !== undefined) return { readable: {}, comments: [] };
  const isQuiet = name === 'celery' && !/\s(?:-l\s*|--loglevel[=\s])(?:info|debug)\b/i.test(line);
  const file: Value | undefined = isMap(log) ? log['file'] : undefined;
  const isDevice = typeof file === 'string' && file.startsWith('/dev/');
  if (!isQuiet && !isDevice) return { readable: {}, comments: [] };
  const why = isQuiet
    ? 'Without -l INFO it does not write that it is ready'
    : 'Its log cannot be read for the line that says that it is ready';
  return {
    readable: { ready: { after: '5s' } },
    comments: [`${why}, so only the time shows it.`],
  };
}

const bullmqNote = (line: string, packages: readonly Package[]): readonly string[] =>
  /(?:^|[\s/])(?:node|tsx|ts-node)(?:\s|$)/.test(line) &&
  packageIn(packages, 'npm', 'bullmq') !== undefined
    ? ['For BullMQ: preset: bullmq, if it closes its worker on TERM and prints a line "ready".']
    : [];
