import type { Context } from '../session.ts';

/** The same context for a command that may recycle; the measures are loaded only if a worker needs them. */
export async function recycling(context: Context): Promise<Context> {
  const { config, releases } = context;
  if (!config.workers.some(({ recycle }) => recycle !== undefined)) return context;
  const { createMeasures } = await import('./measures.ts');
  return { ...context, measures: createMeasures(releases) };
}
