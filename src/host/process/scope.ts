import type { Ask } from './ask-program.ts';
import type { Duration } from '../../core/basics/time.ts';
import { monotonicMs, sleep } from './clock.ts';
import { groupOf } from './process-table.ts';

/** No limit, for systemd: the largest number. */
const infinity = '18446744073709551615';

/** A job of systemd takes some milliseconds. */
const moveMs = 2_000;

export interface Scope {
  readonly of: 'system' | 'user';
  readonly name: string;
  readonly description: string;
  /** At a shutdown the scope ends only after this unit. */
  readonly before: string;
  /** At a shutdown the scope ends before these units. */
  readonly after: readonly string[];
  /** How long its processes have to exit before systemd kills them; undefined: as long as they need. */
  readonly stopLimit: Duration | undefined;
}

/**
 * Moves this process, and so all that it starts from now on, into a new scope of the system or of the user's own systemd.
 * Source: org.freedesktop.systemd1(5), StartTransientUnit; for a user, their systemd asks that of the system to do it.
 * @returns why that was not possible; undefined if it was
 */
export async function enterScope(
  ask: Ask,
  { of, name, description, before: later, after: earlier, stopLimit }: Scope,
): Promise<string | undefined> {
  const before = groupOf(process.pid);
  const properties = [
    ['Description', 's', description],
    ['PIDs', 'au', '1', String(process.pid)],
    ['CollectMode', 's', 'inactive-or-failed'],
    ['Before', 'as', '1', later],
    ['After', 'as', String(earlier.length), ...earlier],
    ['TimeoutStopUSec', 't', stopLimit === undefined ? infinity : String(stopLimit * 1000)],
  ];
  // A scope of the system must not wait for a database that starts just now: no order at its own start.
  const mode = of === 'system' ? 'ignore-dependencies' : 'fail';
  const answer = await ask('busctl', [
    ...(of === 'user' ? ['--user'] : []),
    ...['call', 'org.freedesktop.systemd1', '/org/freedesktop/systemd1'],
    ...['org.freedesktop.systemd1.Manager', 'StartTransientUnit', 'ssa(sv)a(sa(sv))'],
    ...[name, mode, String(properties.length), ...properties.flat(), '0'],
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
