import { countOf, type Finding, type Report } from '../../core/views/finding.ts';
import { answer } from './answer.ts';
import { flag, integer, list, oneOf, orNull, shape, text } from './shape.ts';

interface Found {
  readonly check: string;
  readonly level: Finding['level'];
  readonly about: string;
  readonly found: string;
  readonly why?: string;
  readonly advice?: string;
}

export const doctorFinding = shape<Found>('One finding.', {
  check: text('The name of the check: state-files, cron …', 'check'),
  level: oneOf('problem', 'warning', 'ok')('How bad it is.', 'level'),
  about: text('What was looked at.', 'about'),
  found: text('What was found.', 'found'),
  why: orNull(text('Why that matters.', 'why')),
  advice: orNull(text('What to do.', 'advice')),
});

type Reports = readonly Report[];

/** All findings, each with the name of its check. */
export const findingsOf = (reports: Reports): readonly Found[] =>
  reports.flatMap(({ check, findings }) => findings.map((one) => ({ check, ...one })));

export const doctorAnswer = answer<Reports>('What doctor has found.', {
  ok: flag('There is no problem: exit code 0.', (reports) => countOf(reports, 'problem') === 0),
  problems: integer('How many problems.', (reports) => countOf(reports, 'problem')),
  warnings: integer('How many warnings.', (reports) => countOf(reports, 'warning')),
  findings: list(doctorFinding)('All findings.', findingsOf),
});
