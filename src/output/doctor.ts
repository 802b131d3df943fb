import { countOf, type Finding, type Report } from '../core/views/finding.ts';
import { visibleInLine } from '../core/basics/visible.ts';
import { counted } from '../core/events/phrases.ts';
import type { Colours } from './plain.ts';
import { wrap } from './wrap.ts';

/** The column in which the text begins, after the level. */
const indent = 9;

const levels = ['problem', 'warning', 'ok'] as const;

/** What is to do, without what is in order. */
export const worth: readonly Finding['level'][] = ['problem', 'warning'];

/** What `doctor` has found, the worst first; lines are wrapped at `columns`, if given. */
export function formatReports(
  reports: readonly Report[],
  colours: Colours,
  columns?: number,
  shown: readonly Finding['level'][] = levels,
): string {
  const all = reports.flatMap(({ findings }) => findings);
  const paint = { problem: colours.red, warning: colours.yellow, ok: colours.green };
  const blocks = shown.flatMap((level) =>
    all
      .filter((finding) => finding.level === level)
      .map((finding) => paint[level](level.padEnd(indent)) + formatFinding(finding, columns)),
  );
  const gap = blocks.length === 0 ? '' : '\n';
  return `${blocks.join('')}${gap}${formatCounts(reports, colours)}\n`;
}

function formatFinding(finding: Finding, columns: number | undefined): string {
  const about = visibleInLine(finding.about);
  const found = visibleInLine(finding.found);
  const parts =
    finding.level === 'ok'
      ? [`${about}: ${found}`]
      : [
          `${about}: ${found}`,
          `why: ${visibleInLine(finding.why)}`,
          `do:  ${visibleInLine(finding.advice)}`,
        ];
  const width = columns === undefined ? undefined : Math.max(20, columns - indent);
  // What to do is to be copied: the terminal breaks it, and what is copied is whole.
  return parts
    .flatMap((part, index) =>
      index === 2 ? [part] : wrap(part, width, index === 0 ? '' : ' '.repeat(5)),
    )
    .map((line, index) => `${index === 0 ? '' : ' '.repeat(indent)}${line}\n`)
    .join('');
}

function formatCounts(reports: readonly Report[], colours: Colours): string {
  const problems = countOf(reports, 'problem');
  const warnings = countOf(reports, 'warning');
  const line = [
    counted(problems, 'problem'),
    counted(warnings, 'warning'),
    `${countOf(reports, 'ok')} ok`,
  ].join(', ');
  if (problems > 0) return colours.red(line);
  return warnings > 0 ? colours.yellow(line) : colours.green(line);
}
