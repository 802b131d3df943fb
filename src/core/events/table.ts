import { answerKinds } from './kinds/answers.ts';
import { deathKinds } from './kinds/deaths.ts';
import { requestKinds } from './kinds/requests.ts';
import { rolloutKinds } from './kinds/rollouts.ts';
import { startKinds } from './kinds/starts.ts';
import { stopKinds } from './kinds/stops.ts';

/**
 * The table of events. The type of an event, its text, its JSON, the schema and the documentation of the journal, the
 * metrics and the exit codes all follow from it: a new kind is an entry here, and a rule that reports it.
 */
export const eventKinds = {
  ...startKinds,
  ...stopKinds,
  ...deathKinds,
  ...rolloutKinds,
  ...requestKinds,
  ...answerKinds,
} as const;

export type EventKindName = keyof typeof eventKinds;

/** All kinds, in the order of the table. */
export const allEventKinds = Object.keys(eventKinds) as readonly EventKindName[];
