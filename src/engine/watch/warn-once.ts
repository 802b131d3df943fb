import type { Observation } from '../../core/model/observation.ts';
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
          const key = keyOf(event.instance, event.problem);
          if (reported.has(key)) return;
          reported.add(key);
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
      reported = lasting;
    },
  };
}

const keyOf = (instance: string, problem: string): string => `${instance} ${problem}`;
