import { availableParallelism } from 'node:os';
import type { Context } from '../session.ts';

/** The default of `start.parallel` on this host: two processes per core, and enough for small hosts, too. */
const startsAtOnce = (): number => Math.max(8, 2 * availableParallelism());

/**
 * The same context for a command that acts unasked: it may recycle, and starts many instances one after the other. The
 * measures are loaded only if a worker needs them.
 */
export async function unasked(context: Context): Promise<Context> {
  const { config, releases } = context;
  const limited = { ...context, startsAtOnce: startsAtOnce() };
  if (!config.workers.some(({ recycle }) => recycle !== undefined)) return limited;
  const { createMeasures } = await import('./measures.ts');
  return { ...limited, measures: createMeasures(releases) };
}
