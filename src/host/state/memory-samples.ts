import { integer, object, text } from '../../core/basics/json-form.ts';
import { keyOf, type ProcessRef } from '../../core/model/instance.ts';
import { allObserved, keyOfObserved, type Observation } from '../../core/model/observation.ts';
import { sampleFile } from './samples.ts';

/**
 * Remembers how much memory processes had when they were last seen: the kernel no longer knows it after their death.
 */
export interface MemoryTracker {
  /** Notes the memory of all living processes. */
  readonly see: (observation: Observation) => void;
  /** The memory of this run of an instance, in bytes; undefined if it was never seen alive. */
  readonly rssOf: (ref: ProcessRef, runId: string) => number | undefined;
  /** Keeps what was seen for the next command. */
  readonly save: () => void;
}

interface MemorySample {
  readonly runId: string;
  readonly bytes: number;
}

export function createMemoryTracker(stateDir: string): MemoryTracker {
  const sample = object<MemorySample>({
    runId: ['run_id', text],
    bytes: ['resident_bytes', integer],
  });
  const file = sampleFile(stateDir, 'memory.json', sample);
  const seen = new Map<string, MemorySample>();
  let before: ReadonlyMap<string, MemorySample> | undefined;
  return {
    see: (observation) => {
      for (const observed of allObserved(observation)) {
        const { presence } = observed;
        if (presence.kind !== 'alive') continue;
        const { rss: bytes } = presence.process;
        if (bytes !== undefined)
          seen.set(keyOfObserved(observed), { runId: presence.record.runId, bytes });
      }
    },
    rssOf: (ref, runId) => {
      const key = keyOf(ref);
      const sample = seen.get(key);
      if (sample?.runId === runId) return sample.bytes;
      const earlier = (before ??= file.read().samples).get(key);
      return earlier?.runId === runId ? earlier.bytes : undefined;
    },
    save: () => {
      if (seen.size > 0) file.write(seen);
    },
  };
}
