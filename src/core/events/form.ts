import {
  flag,
  integer,
  object,
  oneOf,
  oneOfKind,
  optional,
  text,
  type DescribedForm,
  type Form as ReadForm,
  type JsonValue,
} from '../basics/json-form.ts';
import type { QuietSignal } from '../model/config.ts';
import type { LeftProcess } from '../model/leftovers.ts';
import { launchProblems, type Death } from '../model/record.ts';
import { signalName, signalNumber } from '../model/signal-names.ts';

/** How a value of an event is written as JSON. */
export type Form<Value> = Omit<DescribedForm<Value>, 'read'>;

export const bytes: Form<number> = {
  unit: '_bytes',
  schema: { type: 'integer', minimum: 0 },
  write: (size) => size,
};

export const lines: Form<readonly string[]> = {
  schema: { type: 'array', items: text.schema },
  write: (all) => all,
};

const signalSchema = { type: 'string', pattern: '^SIG' };

export const signal: Form<QuietSignal> = { schema: signalSchema, write: (name) => `SIG${name}` };

export const processes: Form<readonly LeftProcess[]> = {
  schema: {
    type: 'array',
    items: {
      type: 'object',
      properties: { pid: integer.schema, name: text.schema },
      required: ['pid', 'name'],
    },
  },
  write: (all) => all.map(({ pid, name }) => ({ pid, name })),
};

/** `SIGKILL`, or `SIG40` for a real-time signal, which has no name. */
const anySignal: ReadForm<number> = {
  read: (json) => {
    const name = text.read(json).replace(/^SIG/, '');
    return signalNumber(name) || integer.read(Number(name));
  },
  write: signalName,
};

const anyDeath = oneOfKind<Death>({
  exited: object({ status: ['exit_status', integer] }),
  signalled: object<Omit<Extract<Death, { kind: 'signalled' }>, 'kind'>>({
    signal: ['signal', anySignal],
    coreDumped: ['core_dumped', flag],
    outOfMemory: ['out_of_memory', optional(oneOf('certain', 'likely'))],
  }),
  rebooted: object({}),
  unlaunched: object({ found: ['problem', oneOf(...launchProblems)] }),
  unknown: object({ problem: ['problem', text] }),
});

/** An object with its kind; the other members depend on that. */
export const death: DescribedForm<Death> = {
  read: anyDeath.read,
  write: (how) => anyDeath.write(how) as JsonValue,
  schema: {
    type: 'object',
    properties: {
      kind: { enum: ['exited', 'signalled', 'rebooted', 'unlaunched', 'unknown'] },
      exit_status: integer.schema,
      signal: signalSchema,
      core_dumped: flag.schema,
      out_of_memory: { enum: ['certain', 'likely'] },
      problem: text.schema,
    },
    required: ['kind'],
  },
};
