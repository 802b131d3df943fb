/** What a run has done that others of the same command need not do. */
type Trait = 'config' | 'records';

const found = new Set<Trait>();

/**
 * Notes that this run has used what was kept: of its config, or of the records of many instances. Its functions are others than
 * those of a run without, and the launcher keeps what V8 has compiled of each once.
 */
export const noteTrait = (trait: Trait): unknown => found.add(trait);

/** What was noted, as part of a word. */
export const traits = (): string => [...found].sort().join('+');
