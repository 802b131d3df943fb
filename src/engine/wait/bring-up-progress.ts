import { rolloutOf } from '../../core/model/desired.ts';
import { awaitedWords } from '../../core/model/leftovers.ts';
import { ageOf, type ObservedInstance } from '../../core/model/observation.ts';
import { isAwaited } from '../../core/rules/awaited.ts';
import type { Snapshot } from '../../core/rules/snapshot.ts';
import { phaseOf, type Progress } from '../../core/views/phase.ts';
import type { Placed, Up } from './coming-up.ts';
import { drainingOf } from './settle.ts';

/** How far an instance is, for people. */
export function progressOf(
  up: Up,
  { observed, renewal }: Placed,
  snapshot: Snapshot,
  waived: readonly string[],
): Progress {
  const { name: instance, activity } = observed;
  if (up.failed.has(instance)) return { instance, phase: 'failed', detail: '' };
  if (up.takenOver.has(instance)) return { instance, phase: 'done', detail: 'taken over' };
  if (waived.includes(instance)) return { instance, phase: 'done', detail: 'left alone' };
  const phase = phaseOf[renewal.state];
  const work = activity && { activity };
  switch (renewal.state) {
    case 'draining': {
      const { pid } = renewal.process;
      const [draining] = drainingOf(observed, snapshot);
      if (draining === undefined) return { instance, phase, pid, ...work, detail: '' };
      const { since, limit } = draining;
      const limited = limit !== undefined && { limit };
      return { instance, phase, pid, since, ...limited, ...work, detail: '' };
    }
    case 'pending': {
      const isPart = rolloutOf(snapshot.desired, instance) !== undefined;
      const detail = isPart ? 'for its turn' : '';
      return { instance, phase, pid: renewal.process.pid, ...work, detail };
    }
    case 'empty':
      return { instance, phase, detail: waitsFor(observed, snapshot) };
    case 'done':
      return { instance, phase, detail: '' };
    case 'late':
    case 'died':
      return { instance, phase, detail: renewal.problem };
    case 'starting':
    case 'ready': {
      const { process } = renewal;
      const since = ageOf(process, snapshot.observation);
      return { instance, phase, pid: process.pid, since, detail: '' };
    }
  }
}

/** Why nothing is started in its place yet. */
function waitsFor(observed: ObservedInstance, { workerOf }: Snapshot): string {
  const worker = workerOf(observed.name);
  const { leftovers } = observed;
  const isWaiting = leftovers !== undefined && worker !== undefined && isAwaited(observed, worker);
  return isWaiting ? awaitedWords(leftovers) : '';
}
