import { formatDuration, type Moment } from '../core/basics/time.ts';
import { formatNoted, formatPlan, type Planned } from '../core/model/plan.ts';
import { formatNames } from '../core/basics/names.ts';

/** What a command would do. */
export function formatPlanned(planned: Planned, now: Moment): string {
  const { noted, plan, later, estimates = [], problems } = planned;
  if (noted.length + plan.length + later.length + problems.length === 0) return 'nothing to do\n';
  const first = noted.map((one) => `${formatNoted(one, now)}\n`).join('');
  const then = later.length === 0 ? '' : `later, each in its turn: ${formatNames(later)}\n`;
  const times = estimates.map(
    ({ worker, usual, total }) =>
      `${worker}: the drains take about ${formatDuration(total)}; one usually takes ${formatDuration(usual)}\n`,
  );
  return (
    first +
    formatPlan(plan) +
    then +
    times.join('') +
    problems.map((problem) => `${problem}\n`).join('')
  );
}
