import type { JobCounts } from '../../core/views/job-counts.ts';
import { answer } from './answer.ts';
import { integer, list, shape, text } from './shape.ts';

const worker = shape<JobCounts>('A worker.', {
  worker: text('Its name.', 'worker'),
  count: integer(
    'How many processes it has; a draining one counts until it has exited.',
    ({ pids }) => pids.length,
  ),
  desired: integer('How many are wanted.', 'desired'),
  pids: list<number>({ type: 'integer' })('Their pids, in numeric order.', 'pids'),
});

/** `jobs --json`. */
export const jobsAnswer = answer<readonly JobCounts[]>(
  'jobs',
  'jobs --json',
  'The workers, by name.',
  {
    workers: list(worker)('One entry per worker.', (workers) => workers),
  },
);
