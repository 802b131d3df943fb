import type { ProcessIdentity, Witnessed } from '../../src/core/model/process.ts';

/** A process of a test that asks no witnesses: the test has started it. */
export const witnessed = <P extends ProcessIdentity>(process: P): Witnessed<P> =>
  process as Witnessed<P>;
