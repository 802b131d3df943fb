import type { PresetKeys } from '../../core/presets/preset.ts';
import { workerSection } from './keys.ts';
import { isSection, type Key } from './section.ts';

type Printed = Readonly<Record<string, unknown>>;

/** The printed keys of a worker, with null for each key of its preset that is not in force. */
export function withTakenAway(printed: Printed, preset: PresetKeys): Printed {
  const entries = Object.entries(preset).map(([name, value]): [string, unknown] => {
    const inForce = printed[name];
    if (inForce === undefined) return [name, null];
    if (typeof value !== 'object') return [name, inForce];
    const taken = Object.keys(value).filter((key) => isTaken(name, key, inForce as Printed));
    return [
      name,
      { ...(inForce as Printed), ...Object.fromEntries(taken.map((key) => [key, null])) },
    ];
  });
  return { ...printed, ...Object.fromEntries(entries) };
}

/** A key whose place another one has taken needs no null. */
function isTaken(section: string, key: string, inForce: Printed): boolean {
  if (inForce[key] !== undefined) return false;
  const { type } = (workerSection.keys as Readonly<Record<string, Key>>)[section] ?? {};
  const conflicts = type && isSection(type) ? type.conflicts : [];
  return !conflicts.some(
    ([a, b]) => (a === key && inForce[b] !== undefined) || (b === key && inForce[a] !== undefined),
  );
}
