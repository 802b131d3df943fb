import type { Activity, Job } from '../../core/model/activity.ts';
import { integer, list, moment, oneOf, orNull, shape, text } from './shape.ts';

const nameOf = ({ what }: Job): string => what || 'a job';

const job = shape<Job>('A job.', {
  job: text('The job, in its own words.', nameOf),
  since: orNull(moment('Since when.', 'since')),
});

const jobsOf = (activity: Activity): readonly Job[] =>
  activity.kind === 'busy' ? activity.jobs : [];

export const activity = shape<Activity>('What the process says about its work.', {
  state: oneOf('busy', 'idle')('Whether it has a job.', 'kind'),
  job: orNull(
    text('The job, in its own words; of several the oldest.', (one) =>
      one.kind === 'busy' ? nameOf(one.jobs[0]) : undefined,
    ),
  ),
  since: orNull(
    moment('Since when.', (one) => (one.kind === 'busy' ? one.jobs[0].since : one.since)),
  ),
  jobs: list(job)('All its jobs that are known, the oldest first, at most 100.', jobsOf),
  job_count: integer('How many jobs it has.', (one) => (one.kind === 'busy' ? one.count : 0)),
});
