import type { InState } from '../cli/command.ts';

/** Loads what looks at the instances only if their state is asked for. */
export const inState: InState = async (...asked) => {
  const { instancesInState } = await import('./status.ts');
  return instancesInState(...asked);
};
