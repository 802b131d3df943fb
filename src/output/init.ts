import { visibleInLine } from '../core/basics/visible.ts';
import type { Report } from '../core/views/finding.ts';
import { formatReports, worth } from './doctor.ts';
import type { Colours } from './plain.ts';
import { formatTable } from './table.ts';

/** A sentence about a place in a file of the project. */
export interface PlacedNote {
  readonly file: string;
  readonly line?: number | undefined;
  readonly words: string;
}

/** What `init` has written, and what it says of it. */
export interface InitReport {
  readonly kind: 'init';
  /** The file that was written; absolute. */
  readonly path: string;
  /** The files by which workers were found, such as `Procfile`; empty: the config holds an example. */
  readonly found: readonly string[];
  readonly workers: readonly {
    readonly name: string;
    readonly at: { readonly file: string; readonly line?: number | undefined };
    readonly why: string;
  }[];
  /** What was not carried over. */
  readonly leftOut: readonly PlacedNote[];
  /** Whether only its owner may read it, because of what it holds. */
  readonly isSecret: boolean;
  /** What `check` warns of. */
  readonly warnings: readonly string[];
  /** What `doctor` has found. */
  readonly reports: readonly Report[];
}

/** `Procfile:3`. */
export const placeText = ({ file, line }: Pick<PlacedNote, 'file' | 'line'>): string =>
  line === undefined ? file : `${file}:${line}`;

/** What `init` has written, what it could not carry over, and the findings of `check` and `doctor`. */
export function formatInit(report: InitReport, colours: Colours, columns?: number): string {
  const { path, found, workers, leftOut, isSecret, warnings, reports } = report;
  const from = found.length === 0 ? 'with an example worker' : `from ${found.join(', ')}`;
  return [
    `wrote ${visibleInLine(path)} ${visibleInLine(from)}\n`,
    isSecret ? 'only you can read it (mode 600): it has values that look secret\n' : '',
    formatTable(
      workers
        .map(({ name, at, why }) => [`  ${name}`, placeText(at), why])
        .map((row) => row.map(visibleInLine)),
    ),
    section(
      'not carried over:',
      leftOut.map((note) => `${placeText(note)}: ${note.words}`),
    ),
    section(`check: valid, ${warnings.length === 0 ? 'no warnings' : 'with warnings'}`, warnings),
    '\ndoctor:\n',
    formatReports(reports, colours, columns, worth),
    '\nnext: read the file, then run workerctl start\n',
  ].join('');
}

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 && title.endsWith(':')
    ? ''
    : `\n${title}\n${lines.map((line) => `  ${visibleInLine(line)}\n`).join('')}`;
