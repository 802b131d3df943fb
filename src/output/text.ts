import type { Moment } from '../core/basics/time.ts';
import { formatNoted, formatPlan, type Planned } from '../core/model/plan.ts';
import { formatNames } from '../core/basics/names.ts';

/** What a command would do. */
export function formatPlanned({ noted, plan, later, problems }: Planned, now: Moment): string {
  if (noted.length + plan.length + later.length + problems.length === 0) return 'nothing to do\n';
  const first = noted.map((one) => `${formatNoted(one, now)}\n`).join('');
  const then = later.length === 0 ? '' : `later, each in its turn: ${formatNames(later)}\n`;
  return first + formatPlan(plan) + then + problems.map((problem) => `${problem}\n`).join('');
}
