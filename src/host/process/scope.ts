import type { Ask } from './ask-program.ts';
import type { Duration } from '../../core/basics/time.ts';
import type { GroupLimits } from '../../core/model/config.ts';
import { monotonicMs, sleep } from './clock.ts';
import { groupOf } from './process-table.ts';

/** No limit, for systemd: the largest number. */
const infinity = '18446744073709551615';

/** A job of systemd takes some milliseconds. */
const moveMs = 2_000;

/** When a shutdown ends a scope. */
export interface ScopeOrder {
  /** At a shutdown the scope ends only after this unit. */
  readonly before: string;
  /** At a shutdown the scope ends before these units. */
  readonly after: readonly string[];
  /** How long its processes have to exit before systemd kills them; undefined: as long as they need. */
  readonly stopLimit: Duration | undefined;
}

export interface Scope extends ScopeOrder {
  readonly of: 'system' | 'user';
  readonly name: string;
  readonly description: string;
}

/** A property with its type and value, as busctl(1) takes them. */
type Property = readonly [name: string, type: string, ...value: string[]];

/**
 * The words that let busctl make a scope, without its processes: `PIDs au 1 PID 0` follows.
 * Source: org.freedesktop.systemd1(5), StartTransientUnit; for a user, their systemd asks that of the system to do it.
 */
function scopeWords(
  { of, name, description, before, after, stopLimit }: Scope,
  more: readonly Property[] = [],
): string[] {
  const properties: readonly Property[] = [
    ['Description', 's', description],
    ['CollectMode', 's', 'inactive-or-failed'],
    // Since version 253 systemd ends a scope in which the kernel kills a process for its memory, unless it is delegated.
    ['Delegate', 'b', 'true'],
    ['Before', 'as', '1', before],
    ['After', 'as', String(after.length), ...after],
    ['TimeoutStopUSec', 't', stopLimit === undefined ? infinity : String(stopLimit * 1000)],
    ...more,
  ];
  // A scope of the system must not wait for a database that starts just now: no order at its own start.
  const mode = of === 'system' ? 'ignore-dependencies' : 'fail';
  return [
    ...['call', 'org.freedesktop.systemd1', '/org/freedesktop/systemd1'],
    ...['org.freedesktop.systemd1.Manager', 'StartTransientUnit', 'ssa(sv)a(sa(sv))'],
    ...[name, mode, String(properties.length + 1), ...properties.flat()],
  ];
}

const ofProcess = (pid: number | string): string[] => ['PIDs', 'au', '1', String(pid), '0'];

/** The properties of a scope that limit what its processes use. Source: systemd.resource-control(5). */
export const limitedScope = (scope: Scope, { memoryMax, cpu }: GroupLimits): string[] =>
  scopeWords(scope, [
    ...(memoryMax === undefined
      ? []
      : ([
          ['MemoryMax', 't', String(memoryMax)],
          ['MemorySwapMax', 't', '0'],
        ] as const)),
    ...(cpu === undefined
      ? []
      : [['CPUQuotaPerSecUSec', 't', String(Math.round(cpu * 1_000_000))] as const]),
  ]);

/**
 * Moves this process, and so all that it starts from now on, into a new scope of the system or of the user's own systemd.
 * @returns why that was not possible; undefined if it was
 */
export async function enterScope(ask: Ask, scope: Scope): Promise<string | undefined> {
  const before = groupOf(process.pid);
  const answer = await ask('busctl', [
    ...(scope.of === 'user' ? ['--user'] : []),
    ...scopeWords(scope),
    ...ofProcess(process.pid),
  ]);
  if (answer.kind === 'absent') return 'busctl is not installed';
  if (answer.kind === 'failed') return answer.problem;
  if (answer.status !== 0) return answer.error.trim().split('\n')[0] ?? '';
  const deadline = monotonicMs() + moveMs;
  while (groupOf(process.pid) === before) {
    if (monotonicMs() > deadline) return `systemd has not moved the command to ${scope.name}`;
    await sleep(2);
  }
  return undefined;
}
