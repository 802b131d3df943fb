import fc from 'fast-check';
import type { RolloutOptions } from '../../../src/core/model/desired.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { Batch, Config, Readiness, Worker } from '../../../src/core/model/config.ts';
import { aConfig, aWorker } from '../builders.ts';
import type { Fate } from './being.ts';

/** Whole ticks of the kernel's clock, in milliseconds. */
const ticks = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: min / 10, max: max / 10 }).map((count) => count * 10);
const lengths = (min: number, max: number): fc.Arbitrary<ReturnType<typeof durationOf>> =>
  ticks(min, max).map(durationOf);
const sometimes = <T>(values: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined, freq });

const batches: fc.Arbitrary<Batch> = fc.oneof(
  fc.integer({ min: 1, max: 4 }).map((count): Batch => ({ kind: 'count', count })),
  fc.integer({ min: 1, max: 100 }).map((percent): Batch => ({ kind: 'percent', percent })),
);
const readinesses: fc.Arbitrary<Readiness> = fc.oneof(
  lengths(0, 3000).map((after): Readiness => ({ kind: 'after', after })),
  lengths(1000, 5000).map((timeout): Readiness => ({ kind: 'log', pattern: 'up', timeout })),
);
const policies = fc.record({
  canary: fc.boolean(),
  batch: batches,
  patience: fc.oneof({ weight: 9, arbitrary: lengths(1000, 10_000) }, fc.constant(durationOf(0))),
  overlap: fc.boolean(),
  maxExtra: fc.integer({ min: 1, max: 3 }),
  finisher: fc.constant(true),
  onFailure: fc.constant('abort' as const),
});
const halfMinute = durationOf(30_000);
const stops: fc.Arbitrary<Worker['stop']> = fc
  .record({
    quiet: sometimes(
      fc.constantFrom('TSTP' as const, { command: ['hush'], timeout: halfMinute }),
      2,
    ),
    resume: sometimes(
      fc.constantFrom('CONT' as const, { command: ['back'], timeout: halfMinute }),
      2,
    ),
    timeout: sometimes(lengths(1000, 15_000), 2),
  })
  .map(({ quiet, resume, timeout }) => ({
    signal: 'TERM',
    ...(quiet && { quiet, ...(resume && { resume }) }),
    ...(timeout && { timeout }),
  }));
const workers = fc.record({
  identifiers: fc
    .integer({ min: 1, max: 5 })
    .map((count) => ['1', '2', '3', '4', '5'].slice(0, count)),
  stop: stops,
  ready: readinesses,
  restart: policies,
  backoff: fc.record({
    initial: lengths(500, 2000),
    max: lengths(2000, 8000),
    reset: fc.oneof(fc.constant(durationOf(0)), lengths(0, 20_000)),
    minRun: fc.oneof(fc.constant(durationOf(0)), lengths(0, 10_000)),
  }),
});

export const configs: fc.Arbitrary<Config> = fc
  .array(workers, { minLength: 1, maxLength: 2 })
  .map((all) =>
    aConfig(
      ...all.map((one, index) => aWorker(index === 0 ? 'mail' : 'fsck', one.identifiers, one)),
    ),
  );

const fates: fc.Arbitrary<Fate> = fc.record({
  drain: fc.oneof(fc.constant(0), ticks(10, 30_000)),
  readyIn: fc.oneof(
    { weight: 6, arbitrary: ticks(0, 4000) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  crashIn: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: ticks(0, 6000) },
  ),
  isReported: fc.oneof(
    { weight: 6, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  commandTakes: ticks(0, 4000),
  doCommandsFail: fc.oneof(
    { weight: 4, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

/** What happens next in a history. `which` chooses instances, bit by bit; 0 chooses all. */
export type Step =
  | { readonly kind: 'wait' | 'jump'; readonly ms: number }
  | { readonly kind: 'dies'; readonly nth: number }
  | { readonly kind: 'bootcheck'; readonly cut?: number | undefined }
  /** A command that waits for its instances looks at them. */
  | { readonly kind: 'look'; readonly which: number }
  | { readonly kind: 'restart'; readonly which: number; readonly options: RolloutOptions }
  | {
      readonly kind: 'stop';
      readonly which: number;
      readonly killAfter?: ReturnType<typeof durationOf> | undefined;
    }
  | { readonly kind: 'start' | 'hold' | 'unhold' | 'resume'; readonly which: number }
  | { readonly kind: 'quiet'; readonly which: number; readonly lasts?: number | undefined };

const which = fc.integer({ min: 1, max: 1023 });
const options: fc.Arbitrary<RolloutOptions> = fc
  .record({
    canary: sometimes(fc.boolean()),
    batch: sometimes(batches),
    overlap: sometimes(fc.boolean()),
    killAfter: sometimes(lengths(0, 20_000)),
  })
  .map(({ canary, batch, overlap, killAfter }) => ({
    ...(canary !== undefined && { canary }),
    ...(batch && { batch }),
    ...(overlap !== undefined && { overlap }),
    ...(killAfter !== undefined && { killAfter }),
  }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: ticks(10, 6000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('jump' as const), ms: ticks(-3_600_000, 3_600_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dies' as const), nth: fc.nat(9) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('bootcheck' as const),
      cut: sometimes(fc.nat(4), 5),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      which: fc.oneof(fc.constant(0), which),
      options,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stop' as const),
      which,
      killAfter: sometimes(lengths(0, 20_000), 2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('start' as const, 'hold', 'unhold', 'resume'),
      which,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('quiet' as const),
      which,
      lasts: sometimes(ticks(100, 9000), 1),
    }),
  },
);

export interface History {
  readonly config: Config;
  readonly fates: readonly Fate[];
  readonly steps: readonly Step[];
}

export const histories: fc.Arbitrary<History> = fc.record({
  config: configs,
  fates: fc.array(fates, { minLength: 1, maxLength: 12 }),
  steps: fc.array(steps, { maxLength: 40, size: 'max' }),
});
