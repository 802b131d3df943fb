import { formatNames } from '../basics/names.ts';

/** What one look at the host has found. A `problem` hurts now or at the next occasion, a `warning` may hurt. */
export type Finding =
  | {
      readonly level: 'ok';
      /** What was looked at: `state directory /srv/app/shared/workerctl`. */
      readonly about: string;
      readonly found: string;
    }
  | {
      readonly level: 'warning' | 'problem';
      readonly about: string;
      readonly found: string;
      readonly why: string;
      readonly advice: string;
    };

/** What a look has found: one finding, several, or nothing. */
export type Findings = Finding | undefined | readonly Findings[];

/** The findings, one after the other. */
export function listed(findings: Findings): readonly Finding[] {
  if (findings === undefined) return [];
  return 'level' in findings ? [findings] : findings.flatMap(listed);
}

/** The findings, or that all is well if there is none. */
export function orFine(findings: Findings, about: string, found: string): Findings {
  const all = listed(findings);
  return all.length > 0 ? all : fine(about, found);
}

/** Why something matters and what to do. */
export type Consequence = readonly [why: string, advice: string];

/** What one check of `doctor` has found. */
export interface Report {
  /** Its name, for programs: `state-files`. */
  readonly check: string;
  readonly findings: readonly Finding[];
}

export const fine = (about: string, found: string): Finding => ({ level: 'ok', about, found });

const hurting =
  (level: 'warning' | 'problem') =>
  (about: string, found: string, [why, advice]: Consequence): Finding => ({
    level,
    about,
    found,
    why,
    advice,
  });

export const warning = hurting('warning');

export const problem = hurting('problem');

export const countOf = (reports: readonly Report[], level: Finding['level']): number =>
  reports.flatMap(({ findings }) => findings).filter((one) => one.level === level).length;

/** The first few of many names: `mail.1, mail.2 and 3 more`. */
export const someOf = (names: readonly string[]): string => formatNames(names, 4);
