import { countOf, type Finding, type Report } from '../../core/views/finding.ts';
import { answer } from './answer.ts';
import { flag, integer, list, oneOf, orNull, shape, text } from './shape.ts';

interface Found {
  readonly check: string;
  readonly finding: Finding;
}

const finding = shape<Found>('One finding.', {
  check: text('The name of the check: state-files, cron …', ({ check }) => check),
  level: oneOf('problem', 'warning', 'ok')('How bad it is.', (one) => one.finding.level),
  about: text('What was looked at.', (one) => one.finding.about),
  found: text('What was found.', (one) => one.finding.found),
  why: orNull(
    text('Why that matters.', (one) => ('why' in one.finding ? one.finding.why : undefined)),
  ),
  advice: orNull(
    text('What to do.', (one) => ('advice' in one.finding ? one.finding.advice : undefined)),
  ),
});

type Reports = readonly Report[];

/** `doctor --json`. */
export const doctorAnswer = answer<Reports>('doctor', 'doctor --json', 'What doctor has found.', {
  ok: flag('There is no problem: exit code 0.', (reports) => countOf(reports, 'problem') === 0),
  problems: integer('How many problems.', (reports) => countOf(reports, 'problem')),
  warnings: integer('How many warnings.', (reports) => countOf(reports, 'warning')),
  findings: list(finding)('All findings.', (reports) =>
    reports.flatMap(({ check, findings }) => findings.map((one) => ({ check, finding: one }))),
  ),
});
