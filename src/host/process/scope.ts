import type { Ask } from './ask-program.ts';
import { monotonicMs, sleep } from './clock.ts';
import { groupOf } from './process-table.ts';

/** A job of systemd takes some milliseconds. */
const moveMs = 2_000;

/**
 * Moves this process, and so all that it starts from now on, into a new scope of the system or of the user's own systemd.
 * Source: org.freedesktop.systemd1(5), StartTransientUnit; for a user, their systemd asks that of the system to do it.
 * @returns why that was not possible; undefined if it was
 */
export async function enterScope(
  ask: Ask,
  { of, name, description }: { of: 'system' | 'user'; name: string; description: string },
): Promise<string | undefined> {
  const before = groupOf(process.pid);
  const properties = [
    ['Description', 's', description],
    ['PIDs', 'au', '1', String(process.pid)],
    ['CollectMode', 's', 'inactive-or-failed'],
  ];
  const answer = await ask('busctl', [
    ...(of === 'user' ? ['--user'] : []),
    ...['call', 'org.freedesktop.systemd1', '/org/freedesktop/systemd1'],
    ...['org.freedesktop.systemd1.Manager', 'StartTransientUnit', 'ssa(sv)a(sa(sv))'],
    ...[name, 'fail', String(properties.length), ...properties.flat(), '0'],
  ]);
  if (answer.kind === 'absent') return 'busctl is not installed';
  if (answer.kind === 'failed') return answer.problem;
  if (answer.status !== 0) return answer.error.trim().split('\n')[0] ?? '';
  const deadline = monotonicMs() + moveMs;
  while (groupOf(process.pid) === before) {
    if (monotonicMs() > deadline) return `systemd has not moved the command to ${name}`;
    await sleep(2);
  }
  return undefined;
}
