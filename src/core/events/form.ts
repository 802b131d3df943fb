import * as json from '../basics/json-form.ts';
import type { QuietSignal } from '../model/config.ts';
import type { LeftProcess } from '../model/leftovers.ts';
import { launchProblems, type Death } from '../model/record.ts';
import { signalName, signalNumber } from '../model/signal-names.ts';

export type Form<Value> = Omit<json.DescribedForm<Value>, 'read'>;

export const bytes: Form<number> = {
  unit: '_bytes',
  schema: { type: 'integer', minimum: 0 },
  write: (size) => size,
};

export const lines: Form<readonly string[]> = {
  schema: { type: 'array', items: json.text.schema },
  write: (all) => all,
};

const signalSchema = { type: 'string', pattern: '^SIG' };

export const signal: Form<QuietSignal> = { schema: signalSchema, write: (name) => `SIG${name}` };

/** The same for any signal that a person may send. */
export const anySignalName: Form<string> = { ...signal, write: (name) => `SIG${name}` };

export const processes: Form<readonly LeftProcess[]> = {
  schema: {
    type: 'array',
    items: {
      type: 'object',
      properties: { pid: json.integer.schema, name: json.text.schema },
      required: ['pid', 'name'],
    },
  },
  write: (all) => all.map(({ pid, name }) => ({ pid, name })),
};

/** `SIGKILL`, or `SIG40` for a real-time signal, which has no name. */
const anySignal: json.Form<number> = {
  read: (found) => {
    const name = json.text.read(found).replace(/^SIG/, '');
    return signalNumber(name) || json.integer.read(Number(name));
  },
  write: signalName,
};

const anyDeath = json.oneOfKind<Death>({
  exited: json.object({ status: ['exit_status', json.integer] }),
  signalled: json.object<Omit<Extract<Death, { kind: 'signalled' }>, 'kind'>>({
    signal: ['signal', anySignal],
    coreDumped: ['core_dumped', json.flag],
    outOfMemory: ['out_of_memory', json.optional(json.oneOf('certain', 'likely'))],
    memoryLimit: ['memory_limit_bytes', json.optional(json.integer)],
  }),
  rebooted: json.object({}),
  unlaunched: json.object({ found: ['problem', json.oneOf(...launchProblems)] }),
  unknown: json.object({ problem: ['problem', json.text] }),
});

/** An object with its kind; the other members depend on that. */
export const death: json.DescribedForm<Death> = {
  read: anyDeath.read,
  write: (how) => anyDeath.write(how) as json.JsonValue,
  schema: {
    type: 'object',
    properties: {
      kind: { enum: ['exited', 'signalled', 'rebooted', 'unlaunched', 'unknown'] },
      exit_status: json.integer.schema,
      signal: signalSchema,
      core_dumped: json.flag.schema,
      out_of_memory: { enum: ['certain', 'likely'] },
      memory_limit_bytes: json.integer.schema,
      problem: json.text.schema,
    },
    required: ['kind'],
  },
};
