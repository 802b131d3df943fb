import { keyOf, type ProcessRef } from '../../core/model/instance.ts';
import { otherConfigWords } from '../../core/views/instance-detail.ts';
import {
  allObserved,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { report, type Context } from '../session.ts';

/** The warnings that `watch` has reported already: it looks often, and a problem may last for days. */
export interface WarnOnce {
  /** The same context, which reports each warning once while its problem lasts. */
  readonly once: (context: Context) => Context;
  /** Reports the problems that were seen, and forgets those that are over. */
  readonly see: (context: Context, observation: Observation) => void;
}

export function createWarnOnce(): WarnOnce {
  let reported = new Set<string>();
  return {
    once: (context) => ({
      ...context,
      report: (event) => {
        if (event.kind === 'warning') {
          const key = keyFor(event, event.problem);
          if (reported.has(key)) return;
          reported.add(key);
        }
        context.report(event);
      },
    }),
    see: (context, observation) => {
      const lasting = new Set<string>();
      for (const observed of allObserved(observation)) {
        const ref = refOf(observed);
        for (const problem of problemsOf(observed)) {
          report(context, ref, { kind: 'warning', problem });
          lasting.add(keyFor(ref, problem));
        }
      }
      reported = lasting;
    },
  };
}

const problemsOf = ({ name, problems, otherConfig }: ObservedInstance): readonly string[] =>
  otherConfig === undefined ? problems : [...problems, otherConfigWords(name, otherConfig)];

const keyFor = (ref: ProcessRef, problem: string): string => `${keyOf(ref)} ${problem}`;
