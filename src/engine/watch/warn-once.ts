import type { Observation } from '../../core/model/observation.ts';
import { report, type Context } from '../session.ts';

/** What a resident watch has complained of already: it looks once a second, and a problem may last for days. */
export interface Complaints {
  /** The same context, which tells each warning once for as long as what it is of lasts. */
  readonly once: (context: Context) => Context;
  /** Tells of the problems that were seen, and forgets those that are over. */
  readonly see: (context: Context, observation: Observation) => void;
}

export function createComplaints(): Complaints {
  let told = new Set<string>();
  return {
    once: (context) => ({
      ...context,
      report: (event) => {
        if (event.kind === 'warning') {
          const key = keyOf(event.instance, event.problem);
          if (told.has(key)) return;
          told.add(key);
        }
        context.report(event);
      },
    }),
    see: (context, { instances }) => {
      const lasting = new Set<string>();
      for (const { name, problems } of instances.values()) {
        for (const problem of problems) {
          report(context, name, { kind: 'warning', problem });
          lasting.add(keyOf(name, problem));
        }
      }
      told = lasting;
    },
  };
}

const keyOf = (instance: string, problem: string): string => `${instance} ${problem}`;
