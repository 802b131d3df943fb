import type { Moment } from '../../core/basics/time.ts';
import {
  formatAction,
  formatNoted,
  type DrainEstimate,
  type Planned,
} from '../../core/model/plan.ts';
import { answer } from './answer.ts';
import { list, moment, optional, seconds, shape, text, texts } from './shape.ts';

interface Step {
  readonly action: string;
  readonly instance: string;
  readonly cause: string;
  readonly until?: Moment;
  readonly words: string;
}

const step = shape<Step>('One thing that would be done.', {
  action: text('What: start, stop, kill, hold …', 'action'),
  instance: text('To which instance.', 'instance'),
  cause: text('Why. For people, not for programs.', 'cause'),
  until: optional(
    moment('Of a hold: when it ends; missing if it does not end by itself.', 'until'),
  ),
  text: text('The line that --dry-run prints. For people.', 'words'),
});

const estimate = shape<DrainEstimate>('How long the drains of a worker will take.', {
  worker: text('The worker.', 'worker'),
  usual_drain_seconds: seconds('The median of its latest drains.', 'usual'),
  total_seconds: seconds('All of them, one batch after the other, without the starts.', 'total'),
});

interface PlanAnswer {
  readonly planned: Planned;
  readonly now: Moment;
}

const stepsOf = ({ planned: { noted, plan }, now }: PlanAnswer): Step[] => [
  ...noted.map((one) => ({
    action: one.kind,
    instance: one.instance,
    cause: one.cause,
    ...(one.kind === 'hold' && one.until !== undefined && { until: one.until }),
    words: formatNoted(one, now),
  })),
  ...plan.map((action) => ({
    action: action.kind,
    instance: action.instance,
    cause: action.cause,
    words: formatAction(action),
  })),
];

/** `--dry-run --json` of every command that acts. */
export const planAnswer = answer<PlanAnswer>('What a command would do.', {
  plan: list(step)('The steps, in their order.', stepsOf),
  later: texts(
    'Instances whose turn comes later: after the canary, or when the batch has room.',
    ({ planned }) => planned.later,
  ),
  estimates: optional(
    list(estimate)(
      'Of a restart: how long it will take, going by past drains; without workers of which fewer than three are known.',
      ({ planned }) => planned.estimates,
    ),
  ),
  problems: texts('Why the command would fail. For people.', ({ planned }) => planned.problems),
});
