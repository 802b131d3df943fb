import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  nextHosts,
  type FleetPlan,
  type FleetStop,
  type HostTurn,
} from '../../../src/core/rules/fleet-turns.ts';

const plans = fc
  .record({
    count: fc.integer({ min: 1, max: 12 }),
    canaryAt: fc.option(fc.nat(11), { nil: undefined }),
    batch: fc.integer({ min: 1, max: 5 }),
    maxFailed: fc.nat(4),
  })
  .map(({ count, canaryAt, ...rest }): FleetPlan => {
    const hosts = Array.from({ length: count }, (_, index) => `web${index + 1}`);
    const canary = canaryAt === undefined ? undefined : hosts[canaryAt % count];
    return { hosts, ...rest, ...(canary !== undefined && { canary }) };
  });

interface Walk {
  readonly begun: readonly string[];
  readonly most: number;
  readonly failed: number;
  /** How many had failed when the last host was begun. */
  readonly failedBefore: number;
  readonly stop?: FleetStop;
  readonly turns: ReadonlyMap<string, HostTurn>;
}

/** Goes through hosts, which end in the order and the way that the draws say. */
function walk(plan: FleetPlan, draws: readonly (readonly [number, boolean])[]): Walk {
  const turns = new Map<string, HostTurn>();
  const begun: string[] = [];
  let [most, failed, failedBefore, drawn] = [0, 0, 0, 0];
  for (;;) {
    const next = nextHosts(plan, turns);
    const running = [...turns].filter(([, turn]) => turn === 'running').map(([host]) => host);
    switch (next.kind) {
      case 'begin':
        expect(next.hosts.length).toBeGreaterThan(0);
        for (const host of next.hosts) {
          expect(turns.has(host)).toBe(false);
          turns.set(host, 'running');
          begun.push(host);
        }
        failedBefore = failed;
        most = Math.max(most, running.length + next.hosts.length);
        break;
      case 'wait': {
        const [at, isDone] = draws[drawn % draws.length] ?? [0, true];
        drawn += 1;
        const host = running[at % running.length];
        if (host === undefined) throw new Error('waits for no host');
        turns.set(host, isDone ? 'done' : 'failed');
        if (!isDone) failed += 1;
        break;
      }
      case 'over':
        expect(running).toEqual([]);
        return { begun, most, failed, failedBefore, turns, ...(next.stop && { stop: next.stop }) };
    }
  }
}

const draws = fc.array(fc.tuple(fc.nat(), fc.boolean()), { minLength: 1 });

test('any way through the hosts must respect the canary, the batch and max_failed, and leave none out without a cause', () => {
  fc.assert(
    fc.property(plans, draws, (plan, drawn) => {
      const { begun, most, failedBefore, stop, turns } = walk(plan, drawn);
      const { canary, batch, maxFailed, hosts } = plan;
      expect(most).toBeLessThanOrEqual(batch);
      if (canary !== undefined) expect(begun[0]).toBe(canary);
      if (canary !== undefined && turns.get(canary) === 'failed') expect(begun).toEqual([canary]);
      expect(failedBefore).toBeLessThanOrEqual(maxFailed);
      expect(begun.length === hosts.length).toBe(stop === undefined);
      expect(begun.filter((host) => host !== canary)).toEqual(
        hosts.filter((host) => host !== canary && turns.has(host)),
      );
    }),
  );
});

const plan = { hosts: ['web1', 'web2', 'web3', 'web4'], canary: 'web2', batch: 2, maxFailed: 0 };

test.each<[string, Record<string, HostTurn>, object]>([
  ['nothing is begun', {}, { kind: 'begin', hosts: ['web2'] }],
  ['the canary runs', { web2: 'running' }, { kind: 'wait' }],
  ['it is done', { web2: 'done' }, { kind: 'begin', hosts: ['web1', 'web3'] }],
  [
    'one of two is done',
    { web2: 'done', web1: 'done', web3: 'running' },
    { kind: 'begin', hosts: ['web4'] },
  ],
  ['it has failed', { web2: 'failed' }, { kind: 'over', stop: 'canary' }],
  [
    'one of two has failed',
    { web2: 'done', web1: 'failed', web3: 'running' },
    { kind: 'wait', stop: 'max_failed' },
  ],
  [
    'the last has failed',
    { web1: 'done', web2: 'done', web3: 'done', web4: 'failed' },
    { kind: 'over' },
  ],
])('whose turn it is when %s', (_, turns, expected) => {
  expect(nextHosts(plan, new Map(Object.entries(turns)))).toEqual(expected);
});
