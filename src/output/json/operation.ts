import { operationStates, type KnownOperation } from '../../core/model/operation.ts';
import { answer } from './answer.ts';
import { flag, integer, list, moment, oneOf, orNull, shape, text, texts } from './shape.ts';

const operation = shape<KnownOperation>('A command that was given an id.', {
  id: text('Its id.', 'id'),
  command: text('The command.', 'command'),
  words: texts('Its command line after workerctl.', 'words'),
  by: text('The user who asked for it, as user@host.', 'by'),
  at: moment('When.', 'at'),
  state: oneOf(...operationStates)(
    'asked: nothing was done yet; running; ended; lost: its process ended without a result, so it is not known how far it came.',
    ({ state }) => state.kind,
  ),
  pid: orNull(
    integer('While it runs: its process.', ({ state }) =>
      state.kind === 'running' ? state.runner.pid : undefined,
    ),
  ),
  ended_at: orNull(
    moment('When it ended.', ({ state }) => (state.kind === 'ended' ? state.end.at : undefined)),
  ),
  exit_code: orNull(
    integer('Its exit code.', ({ state }) =>
      state.kind === 'ended' ? state.end.exitCode : undefined,
    ),
  ),
  incomplete: orNull(
    flag('Only a part of its output could be kept.', ({ state }) =>
      state.kind === 'ended' ? state.end.isIncomplete : undefined,
    ),
  ),
});

/** `op list --json`. */
export const operationsAnswer = answer<readonly KnownOperation[]>(
  'The commands of the last 7 days that were given an id.',
  { operations: list(operation)('The oldest first.', (operations) => operations) },
);
