import { formatDuration, type Duration } from '../core/time.ts';

/** What a restart has come to. */
export interface RestartFacts {
  readonly restarted: number;
  readonly failed: number;
  readonly killed: number;
  /** Left alone: stopped on purpose, or held. */
  readonly left: number;
  /** The releases that ran before and run now, where they are known. */
  readonly from?: string;
  readonly to?: string;
  /** The drain that took longest, and what the instance was doing then. */
  readonly longest?: {
    readonly instance: string;
    readonly drained: Duration;
    readonly what?: string;
  };
}

/**
 * The line at the end of a restart: `3 restarted (a1b2c3d -> 9f8e7d6), 0 killed, longest drain 2m 10s (mail.3, job 212)`.
 * Whether jobs were cut off is always said, the other counts only where there is something to count.
 */
export function restartSummary(facts: RestartFacts): string {
  const { restarted, failed, killed, left } = facts;
  const parts = [
    restarted === 0 ? '' : `${restarted} restarted${formatReleases(facts)}`,
    failed === 0 ? '' : `${failed} failed`,
    `${killed} killed`,
    left === 0 ? '' : `${left} left alone`,
    formatLongest(facts.longest),
  ];
  return `${parts.filter((part) => part !== '').join(', ')}\n`;
}

function formatReleases({ from, to }: RestartFacts): string {
  if (to === undefined) return '';
  return from === undefined || from === to ? ` (${to})` : ` (${from} -> ${to})`;
}

function formatLongest(longest: RestartFacts['longest']): string {
  if (longest === undefined) return '';
  const { instance, drained, what = '' } = longest;
  const who = what === '' ? instance : `${instance}, ${what}`;
  return `longest drain ${formatDuration(drained)} (${who})`;
}
