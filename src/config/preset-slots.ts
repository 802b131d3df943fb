import type { PresetKeys, PresetValue } from '../core/presets/preset.ts';
import { presetOf } from '../core/presets/table.ts';
import type { KeyPath } from './problems.ts';
import { workerSection } from './schema/keys.ts';
import { overDefaults } from './schema/section.ts';
import { slotAt, type Found, type Slot } from './yaml/tree.ts';

/**
 * The keys of a worker over those of `defaults`, and both over those of its preset. Undefined: the worker has neither defaults
 * nor a preset.
 */
export function mergedWorker(root: Slot, name: string): Slot | undefined {
  const own = slotAt(root, ['workers', name]);
  const defaults = slotAt(root, ['defaults']);
  const preset = own && presetSlot(own, defaults);
  if (own === undefined || (defaults === undefined && preset === undefined)) return undefined;
  const below =
    defaults && preset ? overDefaults(workerSection, defaults, preset) : (defaults ?? preset);
  return overDefaults(workerSection, own, below);
}

/** Whether a preset, or what the defaults say, is below a key of a worker; of the defaults: whether a preset is. */
export const isBelowIn =
  (root: Slot) =>
  ([top, ...rest]: KeyPath): boolean => {
    const defaults = slotAt(root, ['defaults']);
    const workers = slotAt(root, ['workers'])?.found;
    if (workers?.kind !== 'map') return false;
    if (top === 'defaults')
      return [...workers.entries.values()].some((own) => has(presetSlot(own, defaults), rest));
    const [name = '', ...key] = rest;
    const own = workers.entries.get(String(name));
    if (top !== 'workers' || own === undefined || key.length === 0) return false;
    return has(presetSlot(own, defaults), key) || has(defaults, key);
  };

const has = (slot: Slot | undefined, path: KeyPath): boolean =>
  slot !== undefined && slotAt(slot, path) !== undefined;

/** The keys of a worker that have their value from its preset: `stop.quiet`, in the order of the preset. */
export function keysFromPreset(root: Slot, name: string): string[] {
  const own = slotAt(root, ['workers', name]);
  const merged = mergedWorker(root, name);
  const preset = own && presetSlot(own, slotAt(root, ['defaults']));
  return preset && merged ? sharedLeaves(preset, merged) : [];
}

/** Each slot of a preset is at the key that names it: what it leads to is reported there. */
function presetSlot(own: Slot, defaults: Slot | undefined): Slot | undefined {
  const named = slotAt(own, ['preset']) ?? (defaults && slotAt(defaults, ['preset']));
  if (named?.found.kind !== 'scalar') return undefined;
  const preset = presetOf({ preset: String(named.found.value) });
  return preset && slotOf(preset.keys, named);
}

const cache = new WeakMap<Slot, Slot>();

/** One slot for one naming of a preset, so that what comes from it can be told by identity. */
function slotOf(keys: PresetKeys, named: Slot): Slot {
  const known = cache.get(named) ?? mapAt(keys, named);
  cache.set(named, known);
  return known;
}

const mapAt = (keys: PresetKeys, { offset, keyOffset }: Slot): Slot => {
  const entries = Object.entries(keys).map(([key, value]): [string, Slot] => [
    key,
    typeof value === 'object'
      ? mapAt(value, { found: nothing, offset, keyOffset })
      : { found: scalar(value), offset, keyOffset },
  ]);
  return { found: { kind: 'map', entries: new Map(entries) }, offset, keyOffset };
};

const scalar = (value: PresetValue): Found => ({ kind: 'scalar', value, source: String(value) });

const nothing = scalar('');

/** The paths at which both have the very same slot. */
function sharedLeaves(one: Slot, other: Slot | undefined, path = ''): string[] {
  if (one.found.kind !== 'map') return one === other ? [path] : [];
  return [...one.found.entries].flatMap(([key, slot]) =>
    sharedLeaves(slot, other && slotAt(other, [key]), path === '' ? key : `${path}.${key}`),
  );
}
