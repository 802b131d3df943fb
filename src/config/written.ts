import type { Mismatch } from '../core/basics/config-problem.ts';
import type { KeyPath, Problem } from './problems.ts';
import type { workerSection } from './schema/keys.ts';
import { slotAt, type Slot } from './yaml/tree.ts';

/** A key of a worker, and the way further down. */
export type KeyOf = readonly [keyof typeof workerSection.keys, ...(string | number)[]];

export interface Written {
  /** Whether the worker itself has this key. */
  readonly has: (...key: KeyOf) => boolean;
  /** Whether the worker or the defaults have it. */
  readonly inherits: (...key: KeyOf) => boolean;
  /** A problem with the first of these keys that the worker has, or else the defaults. */
  readonly problem: (mismatch: Mismatch, ...keys: readonly KeyOf[]) => Problem;
}

export function asWritten(name: string, root: Slot): Written {
  const own = ['workers', name];
  const pathsOf = (keys: readonly KeyOf[]): KeyPath[] =>
    [own, ['defaults']].flatMap((section) => keys.map((key) => [...section, ...key]));
  return {
    has: (...key) => slotAt(root, [...own, ...key]) !== undefined,
    inherits: (...key) => pathsOf([key]).some((path) => slotAt(root, path) !== undefined),
    problem: (mismatch, ...keys) => {
      for (const path of pathsOf(keys)) {
        const slot = slotAt(root, path);
        if (slot !== undefined) return { path, offset: slot.offset, ...mismatch };
      }
      const preset = [own, ['defaults']].map((section) => slotAt(root, [...section, 'preset']));
      const named = preset.find((slot) => slot !== undefined);
      if (named !== undefined)
        return { path: [...own, ...(keys[0] ?? [])], offset: named.offset, ...mismatch };
      return { path: own, offset: slotAt(root, own)?.keyOffset ?? 0, ...mismatch };
    },
  };
}
