import { lookup } from '../core/basics/lookup.ts';
import type { Status } from '../core/views/status.ts';

/** Each worker by name: how many run, how many are desired, and their pids; who drains counts until he is gone. */
export function formatJobs({ instances, desired }: Status): string {
  const names = Object.keys(desired).sort();
  const lines = names.flatMap((name) => {
    const pids = instances
      .filter(({ worker, pid }) => worker === name && pid !== undefined)
      .flatMap(({ pid }) => pid ?? [])
      .sort((a, b) => a - b);
    return [
      `${name} count ${pids.length}`,
      `${name} desired ${lookup(desired, name) ?? 0}`,
      `${name} pids ${pids.join(' ')}`.trimEnd(),
    ];
  });
  return lines.map((line) => `${line}\n`).join('');
}
