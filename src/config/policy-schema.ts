import * as z from 'zod/mini';
import { leftoverRules, quietSignals, stopSignals } from '../core/worker.ts';
import { later, map } from './map-schema.ts';
import {
  ageOrNever,
  command,
  duration,
  durationOrNever,
  filePath,
  positiveDuration,
  positiveSizeOrUnlimited,
  regexp,
  rotatedSize,
  rule,
  sharedCommand,
  sharedFile,
  text,
  whole,
} from './value-schema.ts';

// The maps that say how a worker is started, stopped and replaced. What depends on the defaults, such as a resume
// without a quiet, shows only in the whole: see clashes.ts.

/** The ways in which a worker can show that it is ready. */
export const readyKinds = ['after', 'log', 'file', 'command', 'notify'] as const;

/** Pairs of keys of `ready` that cannot both be there. */
export const readyPairs: readonly (readonly [string, string])[] = [
  ...readyKinds.flatMap((kind, i) =>
    readyKinds.slice(i + 1).map((another) => [kind, another] as const),
  ),
  ['after', 'timeout'],
];

export const timeoutGoesWith = 'timeout goes with log, file or command';

export const ready = later(() =>
  map(
    {
      after: () => z.optional(duration()),
      log: () => z.optional(regexp()),
      file: () => z.optional(filePath()),
      command: () => z.optional(command()),
      notify: () => z.optional(z.literal(true, { error: 'true' })),
      timeout: () => z.optional(positiveDuration()),
    },
    undefined,
    rule((section: Readonly<Record<string, unknown>>) => {
      const pair = readyPairs.find((keys) => keys.every((key) => section[key] !== undefined));
      if (pair === undefined) return undefined;
      const why = pair[1] === 'timeout' ? timeoutGoesWith : 'one of them shows that it is ready';
      return `found both ${pair.join(' and ')}; ${why}`;
    }),
  ),
);

const signal = <Name extends string>(names: readonly Name[]) =>
  z.enum([...names, ...names.map((each) => `SIG${each}` as const)], {
    error: `one of ${names.join(', ')}`,
  });

export const stop = later(() =>
  map({
    signal: () => z.optional(signal(stopSignals)),
    quiet: () => z.optional(signal(quietSignals)),
    resume: () => z.optional(signal(quietSignals)),
    timeout: () => z.optional(durationOrNever()),
    leftovers: () =>
      z.optional(z.enum(leftoverRules, { error: `one of ${leftoverRules.join(', ')}` })),
  }),
);

const share = 'a whole number of at least 1, or a part from 1% to 100%';
const batch = later(() =>
  z.union(
    [
      z.int({ error: share }).check(z.minimum(1, { error: share })),
      text(/^(?:[1-9]\d?|100)%$/, share),
    ],
    { error: share },
  ),
);

export const restart = later(() =>
  map({
    canary: () => z.optional(z.literal([0, 1], { error: '0 or 1' })),
    batch: () => z.optional(batch()),
    patience: () => z.optional(duration()),
    overlap: () => z.optional(z.boolean({ error: 'true or false' })),
    max_extra: () => z.optional(whole(1, 500)),
  }),
);

export const busy = later(() => map({ title: () => z.optional(regexp()) }));

export const heartbeat = later(() =>
  map({
    timeout: positiveDuration(),
    dump: () => z.optional(signal(quietSignals)),
    grace: () => z.optional(duration()),
  }),
);

export const backoff = later(() =>
  map({
    initial: () => z.optional(positiveDuration()),
    max: () => z.optional(positiveDuration()),
    reset: () => z.optional(duration()),
  }),
);

export const start = later(() => map({ timeout: () => z.optional(positiveDuration()) }));

/** Pairs of keys of `log` that cannot both be there. */
export const logPairs: readonly (readonly [string, string])[] = [
  ['command', 'max_size'],
  ['command', 'keep'],
];

export const log = later(() =>
  map(
    {
      file: () => z.optional(filePath()),
      max_size: () => z.optional(rotatedSize()),
      keep: () => z.optional(whole(1, 1000)),
      command: () => z.optional(command()),
    },
    undefined,
    rule((section: Readonly<Record<string, unknown>>) => {
      const pair = logPairs.find((keys) => keys.every((key) => section[key] !== undefined));
      return (
        pair && `found both ${pair.join(' and ')}; a logger sees to the size of its files itself`
      );
    }),
  ),
);

export const recycle = later(() =>
  map({
    memory: () => z.optional(positiveSizeOrUnlimited()),
    age: () => z.optional(ageOrNever()),
    outdated: () => z.optional(z.boolean({ error: 'true or false' })),
    min_age: () => z.optional(duration()),
  }),
);

/** A restart is of all instances: none of them is meant. */
const workerCommand = later(() =>
  command().check(
    rule((value: string | readonly unknown[]) => {
      const found = /(?<!%)(?:%%)*(%[in])/.exec([value].flat().join(' '))?.[1];
      return found === undefined
        ? undefined
        : `found ${found}, which has no meaning here: a restart is of all instances`;
    }),
  ),
);

export const hooks = later(() =>
  map({
    lost: () => z.optional(command()),
    backoff: () => z.optional(command()),
    unresponsive: () => z.optional(command()),
    rollout: () => z.optional(workerCommand()),
    timeout: () => z.optional(positiveDuration()),
  }),
);

export const release = later(() =>
  map(
    {
      command: () => z.optional(sharedCommand()),
      file: () => z.optional(sharedFile()),
    },
    undefined,
    rule(({ command, file }: { command?: unknown; file?: unknown }) => {
      const isOne = (command === undefined) !== (file === undefined);
      if (isOne) return undefined;
      return `expected either command or file, found ${file === undefined ? 'neither' : 'both'}`;
    }),
  ),
);
