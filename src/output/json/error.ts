import type { ConfigProblem } from '../../core/basics/config-problem.ts';
import { answer } from './answer.ts';
import { integer, list, object, optional, orNull, shape, text } from './shape.ts';

const problem = shape<ConfigProblem>('One thing that is wrong with the configuration.', {
  file: text('The file.', 'file'),
  line: orNull(integer('The line, from 1.', 'line')),
  column: orNull(integer('The column, from 1.', 'column')),
  key: orNull(text('The key: workers.mail.count.', 'key')),
  expected: orNull(text('What was expected.', 'expected')),
  found: orNull(text('What was found.', 'found')),
  hint: orNull(text('What to do.', 'hint')),
});

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly problems?: readonly ConfigProblem[] | undefined;
}

const failure = shape<Failure>('The error.', {
  code: text(
    'usage, config, state, locked, failed, shortage; conflict or absent of an operation.',
    'code',
  ),
  message: text('What was expected and what was found. For people.', 'message'),
  hint: orNull(text('What to do.', 'hint')),
  problems: optional(list(problem)('Of a configuration: each problem.', 'problems')),
});

/** An error of any command with `--json`, on standard output. */
export const errorAnswer = answer<{ readonly error: Failure; readonly exitCode: number }>(
  'The command could not continue.',
  {
    error: object(failure)('The error.', 'error'),
    exit_code: integer('The exit code of the command.', 'exitCode'),
  },
);
