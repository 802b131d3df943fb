import {
  flag,
  integer,
  object,
  oneOf,
  oneOfKind,
  optional,
  text,
  type Form,
} from '../../core/basics/json-form.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { launchProblems, type Death } from '../../core/model/record.ts';
import { signalName, signalNumber } from '../../core/model/signal-names.ts';

export const identity: Form<ProcessIdentity> = object({
  pid: ['pid', integer],
  startTime: ['start_time', integer],
  bootId: ['boot_id', text],
});

/** `SIGKILL`, or `SIG40` for a real-time signal, which has no name. */
const signal: Form<number> = {
  read: (json) => {
    const name = text.read(json).replace(/^SIG/, '');
    return signalNumber(name) || integer.read(Number(name));
  },
  write: signalName,
};

export const death: Form<Death> = oneOfKind<Death>({
  exited: object({ status: ['status', integer] }),
  signalled: object<Omit<Extract<Death, { kind: 'signalled' }>, 'kind'>>({
    signal: ['signal', signal],
    coreDumped: ['core_dumped', flag],
    outOfMemory: ['out_of_memory', optional(oneOf('certain', 'likely'))],
  }),
  rebooted: object({}),
  unlaunched: object({ found: ['found', oneOf(...launchProblems)] }),
  unknown: object({ why: ['why', text] }),
});
