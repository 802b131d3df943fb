import type { PresetKeys, PresetValue } from '../core/presets/preset.ts';
import { presetOf } from '../core/presets/table.ts';
import type { KeyPath } from './problems.ts';
import { workerSection } from './schema/keys.ts';
import { overDefaults } from './schema/section.ts';
import { slotAt, type Found, type Slot } from './yaml/tree.ts';

/**
 * The keys of a worker over those of `defaults`. A preset stands for its keys where it is named: below those that are written
 * beside it. Undefined: the worker has neither defaults nor a preset.
 */
export function mergedWorker(root: Slot, name: string): Slot | undefined {
  const own = slotAt(root, ['workers', name]);
  const below = own && belowWorker(own, slotAt(root, ['defaults']));
  return own && below && overDefaults(workerSection, own, below);
}

function belowWorker(own: Slot, defaults: Slot | undefined): Slot | undefined {
  const preset = presetIn(own);
  if (isNamedIn(own)) return preset ? over(preset, defaults) : defaults;
  return over(defaults, defaults && presetIn(defaults));
}

const over = (one: Slot | undefined, other: Slot | undefined): Slot | undefined =>
  one === undefined ? other : overDefaults(workerSection, one, other);

/** The keys of a worker that have their value from its preset: `stop.quiet`, in the order of the preset. */
export function keysFromPreset(root: Slot, name: string): string[] {
  const own = slotAt(root, ['workers', name]);
  const defaults = slotAt(root, ['defaults']);
  const preset = own && (isNamedIn(own) ? presetIn(own) : defaults && presetIn(defaults));
  const merged = mergedWorker(root, name);
  return preset && merged ? sharedLeaves(preset, merged) : [];
}

/** Whether a preset or the defaults say something of a key, so that null takes that away. */
export const isBelowIn =
  (root: Slot) =>
  ([top, ...rest]: KeyPath): boolean => {
    const defaults = slotAt(root, ['defaults']);
    if (top === 'defaults') return has(defaults && presetIn(defaults), rest);
    const [name = '', ...key] = rest;
    const own = slotAt(root, ['workers', name]);
    if (top !== 'workers' || own === undefined || key.length === 0) return false;
    return has(presetIn(own), key) || has(defaults, key) || has(belowWorker(own, defaults), key);
  };

const has = (slot: Slot | undefined, path: KeyPath): boolean =>
  slot !== undefined && slotAt(slot, path) !== undefined;

const isNamedIn = (keys: Slot): boolean => slotAt(keys, ['preset']) !== undefined;

/** The preset that these keys name. Each of its slots is where it is named: what it leads to is reported there. */
function presetIn(keys: Slot): Slot | undefined {
  const named = slotAt(keys, ['preset']);
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
