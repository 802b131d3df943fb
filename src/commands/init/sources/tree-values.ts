import { parseYaml } from '../../../config/yaml/document.ts';
import type { Slot } from '../../../config/yaml/tree.ts';
import { mismatchText } from '../../../core/basics/config-problem.ts';
import type { Note, TextFile } from '../found.ts';
import type { Given } from './carry.ts';

/** A YAML or JSON file with its lines, or why it cannot be read. */
export type Tree =
  | { readonly kind: 'tree'; readonly root: Slot; readonly lineOf: (slot: Slot) => number }
  | { readonly kind: 'unread'; readonly note: Note };

/** In characters: no file with processes is longer, and the parser is slow. */
const longest = 1024 * 1024;

/** The values of a file; JSON is YAML. */
export function treeOf({ path, text }: TextFile): Tree {
  if (text.length > longest)
    return { kind: 'unread', note: { file: path, words: 'was not read: longer than 1 MiB' } };
  const { root, problems, placeOf } = parseYaml(text.replace(/^\uFEFF/, ''));
  const [problem] = problems;
  if (problem === undefined)
    return { kind: 'tree', root, lineOf: (slot) => placeOf(slot.keyOffset).line };
  const { line } = placeOf(problem.offset);
  return { kind: 'unread', note: { file: path, line, words: mismatchText(problem) } };
}

/** The entries of a map; none of anything else. */
export const entriesOf = (slot: Slot | undefined): readonly (readonly [string, Slot])[] =>
  slot?.found.kind === 'map' ? [...slot.found.entries] : [];

export const entryOf = (slot: Slot | undefined, key: string): Slot | undefined =>
  slot?.found.kind === 'map' ? slot.found.entries.get(key) : undefined;

/** The items of a list; a single value is a list of one, and what is left out none. */
export function itemsOf(slot: Slot | undefined): readonly Slot[] {
  if (slot === undefined || isNothing(slot)) return [];
  return slot.found.kind === 'list' ? slot.found.items : [slot];
}

export const isNothing = ({ found }: Slot): boolean =>
  found.kind === 'scalar' && (found.value === null || found.value === undefined);

/** A scalar as it is written; undefined for all else. */
export function textOf(slot: Slot | undefined): string | undefined {
  if (slot?.found.kind !== 'scalar' || isNothing(slot)) return undefined;
  const { value, source } = slot.found;
  return typeof value === 'string' ? value : source;
}

/** The texts of a list, or of a single value. */
export const textsOf = (slot: Slot | undefined): readonly string[] =>
  itemsOf(slot).flatMap((item) => textOf(item) ?? []);

export const isTrue = (slot: Slot | undefined): boolean =>
  slot?.found.kind === 'scalar' && slot.found.value === true;

export const isFalse = (slot: Slot | undefined): boolean =>
  slot?.found.kind === 'scalar' && slot.found.value === false;

/** The entries of a map as `carry` takes them. */
export const givenOf = (slot: Slot, lineOf: (slot: Slot) => number): readonly Given<Slot>[] =>
  entriesOf(slot).map(([key, value]) => ({ key, value, line: lineOf(value) }));
