import type { JobCounts } from '../../core/views/job-counts.ts';
import type { ShownEnvironment } from '../../core/views/shell-environment.ts';
import type { Exported, ExportedFile, LeftOut } from '../export/exported.ts';
import { answer } from './answer.ts';
import {
  anyObject,
  flag,
  integer,
  list,
  mapOf,
  optional,
  orNull,
  shape,
  text,
  texts,
} from './shape.ts';

interface PresetUse {
  readonly worker: string;
  readonly preset: string;
  readonly ranWith: readonly string[];
  readonly keys: readonly string[];
  readonly traps: readonly string[];
}

const presetUse = shape<PresetUse>('A worker that has a preset.', {
  worker: text('Its name.', 'worker'),
  preset: text('The preset.', 'preset'),
  ran_with: texts(
    'The versions of the framework that the settings were run with; none: they are from its documentation.',
    'ranWith',
  ),
  keys: texts('The keys of the worker whose value is from the preset: `stop.quiet`.', 'keys'),
  traps: texts('What loses jobs or deceives whatever the config says, in sentences.', 'traps'),
});

/** `check --json` of a valid configuration. */
export const checkAnswer = answer<{
  readonly path: string;
  readonly config: object;
  readonly presets: readonly PresetUse[];
  readonly hidesSecrets: boolean;
  readonly warnings: readonly string[];
}>('A valid configuration. An invalid one is an error with problems.', {
  path: text('Its file.', 'path'),
  config: anyObject(
    'The configuration in force, with every default, under the keys of the file.',
    'config',
  ),
  presets: list(presetUse)('The workers that have a preset.', 'presets'),
  hides_secrets: flag(
    'Values that look secret are replaced by `(hidden)` in config.',
    'hidesSecrets',
  ),
  warnings: texts(
    'What may cause trouble on this host, as FILE:LINE:COLUMN: KEY: words.',
    'warnings',
  ),
});

export const wantAnswer = answer<{
  readonly worker: string;
  readonly count: number;
  readonly configured: number;
  readonly maxCount: number;
  readonly by?: string;
}>('How many instances of a worker are wanted.', {
  worker: text('The worker.', 'worker'),
  count: integer('How many are wanted.', 'count'),
  configured: integer('How many the configuration wants.', 'configured'),
  max_count: integer('The largest count that can be set.', 'maxCount'),
  by: orNull(
    text('The user who set the count, as user@host; null if the configuration is in force.', 'by'),
  ),
});

export const installAnswer = answer<{ readonly text: string; readonly path?: string }>(
  'What a host needs.',
  {
    text: text('What to install; with --write, what was done.', 'text'),
    path: optional(text('With --write: the file.', 'path')),
  },
);

const exportedFile = shape<ExportedFile>('A file of an export.', {
  path: text('Its path below the directory of the export.', 'path'),
  text: text('What is in it.', 'text'),
});

const leftOut = shape<LeftOut>('What the other system does not do.', {
  worker: text('The worker.', 'worker'),
  key: text('Its key in the config.', 'key'),
  instead: text('What happens there, or what is to do by hand.', 'instead'),
});

export const exportAnswer = answer<Exported>('The workers as files of another system.', {
  files: list(exportedFile)('The files.', ({ files }) => files),
  left_out: list(leftOut)('What could not be carried over.', 'leftOut'),
});

export const envAnswer = answer<ShownEnvironment & { readonly instance: string }>(
  'The environment that a start would give an instance now.',
  {
    instance: text('The instance.', 'instance'),
    variables: mapOf({ type: 'string' })('The variables by name.', 'variables'),
    hidden: texts(
      'The names of the variables that are left out, because their values look secret.',
      'hidden',
    ),
  },
);

export const versionAnswer = answer<{
  readonly version: string;
  readonly commit?: string;
  readonly node: string;
  readonly path: string;
}>('What runs.', {
  version: text('The version of workerctl.', 'version'),
  commit: orNull(
    text(
      'The commit that it was built from, with `-dirty` if the tree had changes; null if it is not known.',
      'commit',
    ),
  ),
  node: text('The version of Node.js.', 'node'),
  path: text('The path of that Node.js.', 'path'),
});

export const triggerAnswer = answer<boolean>('Whether a watch was woken.', {
  woken: flag('A watch was listening: exit code 0, otherwise 69.', (woken) => woken),
});

/** Of `/healthz` and `/readyz`. */
export const healthAnswer = answer<boolean>('Whether all is well.', {
  ok: flag('It is: status 200, otherwise 503.', (ok) => ok),
});

const worker = shape<JobCounts>('A worker.', {
  worker: text('Its name.', 'worker'),
  count: integer(
    'How many processes it has; a draining one counts until it has exited.',
    ({ pids }) => pids.length,
  ),
  desired: integer('How many are wanted.', 'desired'),
  pids: list<number>({ type: 'integer' })('Their pids, in numeric order.', 'pids'),
});

export const jobsAnswer = answer<readonly JobCounts[]>('The workers, by name.', {
  workers: list(worker)('One entry per worker.', (workers) => workers),
});
