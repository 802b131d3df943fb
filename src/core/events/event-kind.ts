import type { Moment } from '../basics/time.ts';
import type { ProcessRef } from '../model/instance.ts';
import type { Form } from './form.ts';

/** One member of a kind of event. */
export interface Member<Value, IsRequired extends boolean> {
  readonly form: Form<Value>;
  readonly isRequired: IsRequired;
  readonly description: string;
}

/** The members of a kind by their names in the code; in JSON these are in snake case and end with the unit. */
export type Members = Readonly<Record<string, Member<never, boolean>>>;

/** A member that every event of the kind has. */
export const required = <Value>(form: Form<Value>, description: string): Member<Value, true> => ({
  form,
  isRequired: true,
  description,
});

/** A member that an event may lack. */
export const optional = <Value>(form: Form<Value>, description: string): Member<Value, false> => ({
  form,
  isRequired: false,
  description,
});

type ValueOf<One> = One extends { readonly form: Form<infer Value> } ? Value : never;
type RequiredNames<Of extends Members> = {
  [Name in keyof Of]: Of[Name]['isRequired'] extends true ? Name : never;
}[keyof Of];

export type ValuesOf<Of extends Members> = {
  readonly [Name in RequiredNames<Of>]: ValueOf<Of[Name]>;
} & {
  readonly [Name in Exclude<keyof Of, RequiredNames<Of>>]?: ValueOf<Of[Name]>;
};

/** When something happened, and to what: a process of an instance, a worker, `watch`, `hooks` or `journal`. */
export interface Occurrence extends ProcessRef {
  readonly at: Moment;
  /** The command has already told people the same in another event: this one is for the journal and for programs. */
  readonly isTold?: true;
  /** The journal has the same of an earlier attempt. */
  readonly isRepeated?: true;
  /** Another command, such as `watch`, did it and has written it to the journal. */
  readonly isOthers?: true;
}

export type Level = 'info' | 'warning' | 'error';

/** Where an event is shown to people: by every command, only in the log of `watch`, or only in the journal. */
export type Audience = 'everywhere' | 'watch' | 'journal';

export interface EventKind<Of extends Members, Values = ValuesOf<Of>> {
  /** What has happened, for the documentation. */
  readonly summary: string;
  readonly members: Of;
  /** Missing: `error` for a failure, otherwise `info`. */
  readonly level?: Level | ((event: Values) => Level);
  /** What has happened, for people; the instance's name goes before it. */
  readonly sentence: (event: Values & Occurrence) => string;
  /** The line that MogileFS has for it, for the log of `watch` and the control socket; undefined: it has none. */
  readonly mogilefs?: (event: Values, name: string) => string | undefined;
  /** The command has missed its goal, and exits with 1. */
  readonly isFailure?: true;
  /** Missing: everywhere. */
  readonly audience?: Audience | ((event: Values) => Audience);
}

/** An entry of the table; its members give the functions their types. */
export const eventKind = <Of extends Members>(entry: EventKind<Of>): EventKind<Of> => entry;

/** An event that has no members and always reads the same. */
export const fixed = (summary: string, words: string) =>
  eventKind({ summary, members: {}, sentence: () => words });
