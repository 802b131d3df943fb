import { jobOf, type Activity } from '../../core/model/activity.ts';
import { moment, oneOf, orNull, shape, text } from './shape.ts';

export const activity = shape<Activity>('What the process says about its work.', {
  state: oneOf('busy', 'idle')('Whether it has a job.', 'kind'),
  job: orNull(text('The job, in its own words.', jobOf)),
  since: orNull(moment('Since when.', 'since')),
});
