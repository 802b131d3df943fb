import { lookup } from '../basics/lookup.ts';
import { bullmq } from './entries/bullmq.ts';
import { celery } from './entries/celery.ts';
import { delayedJob } from './entries/delayed_job.ts';
import { dramatiq } from './entries/dramatiq.ts';
import { goodJob } from './entries/good_job.ts';
import { gunicorn } from './entries/gunicorn.ts';
import { horizon } from './entries/horizon.ts';
import { laravel } from './entries/laravel.ts';
import { plain } from './entries/plain.ts';
import { procrastinate } from './entries/procrastinate.ts';
import { puma } from './entries/puma.ts';
import { resque } from './entries/resque.ts';
import { rq } from './entries/rq.ts';
import { sidekiq } from './entries/sidekiq.ts';
import { solidQueue } from './entries/solid_queue.ts';
import { symfony } from './entries/symfony.ts';
import type { Preset } from './preset.ts';

/**
 * The table of presets, by the names that a config has. What `check`, `stop` and `doctor` say, the JSON Schema and a page's
 * facts follow from it: a new preset is an entry here, and a page in docs/frameworks.
 */
export const presets = {
  delayed_job: delayedJob,
  celery,
  rq,
  sidekiq,
  bullmq,
  laravel,
  symfony,
  gunicorn,
  puma,
  plain,
  resque,
  solid_queue: solidQueue,
  good_job: goodJob,
  horizon,
  dramatiq,
  procrastinate,
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as readonly PresetName[];

/** The preset whose program a command runs, also inside of a shell's script; undefined: none is known. */
export function presetFor(command: readonly string[]): PresetName | undefined {
  const words = command.flatMap((word) => word.split(/\s+/));
  const runs = (program: string): boolean => {
    const [name = '', argument] = program.split(' ');
    const at = words.findIndex((word) => word === name || word.endsWith(`/${name}`));
    return at !== -1 && (argument === undefined || words.includes(argument, at + 1));
  };
  return presetNames.find((name) => presets[name].programs.some(runs));
}

/** The preset of a worker; undefined: it has none, or a build that no longer has it has kept the config. */
export const presetOf = ({ preset }: { readonly preset?: string }): Preset | undefined =>
  preset === undefined ? undefined : lookup<Preset>(presets, preset);
