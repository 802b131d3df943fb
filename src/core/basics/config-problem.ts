/** What is wrong with a value. `expected` and `found` are noun phrases. */
export interface Mismatch {
  /** Undefined if `found` is not allowed there at all. */
  readonly expected?: string;
  readonly found: string;
  /** Why it is wrong, or what to do. */
  readonly hint?: string;
}

/** One thing that is wrong in the text of a config or an env file. */
export interface ConfigProblem extends Mismatch {
  /** Absolute path. */
  readonly file: string;
  /** Counted from 1, as is `column`. */
  readonly line: number;
  readonly column: number;
  /** Such as `workers.mail.count`, in an env file the variable; undefined: the file as a whole. */
  readonly key?: string;
}

/** `expected …, found …; hint`. */
export function mismatchText({ expected, found, hint }: Mismatch): string {
  const wanted = expected === undefined ? '' : `expected ${expected}, `;
  return `${wanted}found ${found}${hint === undefined ? '' : `; ${hint}`}`;
}

/** A problem without its place: `workers.mail.count: expected a whole number from 0 to 500, found "three"`. */
export const problemText = ({ key, ...mismatch }: ConfigProblem): string =>
  `${key === undefined ? '' : `${key}: `}${mismatchText(mismatch)}`;

/** A problem with its place: `/srv/app/workerctl.yaml:8:12: workers.mail.count: expected …`. */
export const placedProblem = (problem: ConfigProblem): string =>
  `${problem.file}:${problem.line}:${problem.column}: ${problemText(problem)}`;
