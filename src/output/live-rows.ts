import type { Phase, Progress } from '../core/views/phase.ts';
import { byPhase } from './progress.ts';

/** Whether an instance in this phase has a line of its own even if not all have one. */
const isTelling: Readonly<Record<Phase, boolean>> = {
  failed: true,
  draining: true,
  starting: true,
  down: true,
  waiting: false,
  done: false,
};

/**
 * Which instances are shown in this number of lines: all of them, or else one line counts the rest. Then those that wait or are
 * done are only counted. If even the others are too many, failures and drains, the longest first, have a half each, and
 * more if that is not needed.
 */
export function chooseRows(
  items: readonly Progress[],
  room: number,
): { readonly shown: readonly Progress[]; readonly rest: readonly Progress[] } {
  const sorted = byPhase(items);
  if (sorted.length <= room) return { shown: sorted, rest: [] };
  const seats = Math.max(0, room - 1);
  const telling = sorted.filter(({ phase }) => isTelling[phase]);
  const failures = telling.filter(({ phase }) => phase === 'failed');
  const drains = telling.filter(({ phase }) => phase === 'draining');
  const kept = Math.max(Math.ceil(seats / 2), seats - drains.length);
  const others = telling.slice(failures.length);
  const first = failures.slice(0, kept);
  const shown = new Set([...first, ...others.slice(0, seats - first.length)]);
  return {
    shown: sorted.filter((one) => shown.has(one)),
    rest: sorted.filter((one) => !shown.has(one)),
  };
}
