import { memberStates, type MemberStatus } from '../../core/views/member-status.ts';
import type { RolloutStatus } from '../../core/views/rollout-status.ts';
import { answer } from './answer.ts';
import { integer, list, oneOf, orNull, seconds, shape, text } from './shape.ts';
import { rolloutMembers } from './status.ts';

const member = shape<MemberStatus>('An instance of a restart.', {
  instance: text('Its name.', 'instance'),
  state: oneOf(...memberStates)(
    'replaced: ready on the new code; draining; down: its replacement is not started yet; starting; failed; waiting: not asked yet; held; excluded: stopped or not wanted; unknown: its worker is not in the configuration.',
    'state',
  ),
  pid: orNull(integer('The pid of its process.', 'pid')),
  since_seconds: orNull(
    seconds(
      'How long it has been draining, held or stopped; else the age of its process.',
      'since',
    ),
  ),
  release: orNull(text('The release that its process runs.', 'release')),
  detail: text('Further remarks; may be empty. For people, not for programs.', 'detail'),
});

const rollout = shape<RolloutStatus>('A restart that is not over.', {
  ...rolloutMembers,
  instances: list(member)('Its instances.', ({ members }) => members),
});

/** `rollout --json`. */
export const rolloutAnswer = answer<readonly RolloutStatus[]>('The restarts that are not over.', {
  rollouts: list(rollout)('The oldest first.', (rollouts) => rollouts),
});
