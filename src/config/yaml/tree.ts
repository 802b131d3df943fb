import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { Alias, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Mismatch } from '../../core/basics/config-problem.ts';
import { shortened, type KeyPath, type Problem } from '../problems.ts';

/** What is written in a config, still with its places. Values that aliases name are shared, merged maps are merged. */
export type Found =
  | { readonly kind: 'scalar'; readonly value: unknown; readonly source: string }
  | { readonly kind: 'list'; readonly items: readonly Slot[] }
  | { readonly kind: 'map'; readonly entries: Entries };

export type Entries = ReadonlyMap<string, Slot>;

/** A place in the text and what is there. */
export interface Slot {
  readonly found: Found;
  /** Where the value begins; a value that is left out has no place of its own, so this is where its key begins. */
  readonly offset: number;
  /** Where its key begins; in a list, where the item begins. */
  readonly keyOffset: number;
}

interface Conversion {
  /** Where the conversion is. */
  readonly path: (string | number)[];
  /** What each anchor refers to so far; undefined while its value is still being converted. */
  readonly anchors: Map<string, Found | undefined>;
  readonly problems: Problem[];
}

const nothing: Found = { kind: 'scalar', value: null, source: '' };

/**
 * The tree of a document. Built here and not by the parser, since each problem needs its place. Aliases share what they
 * name, so that aliases that multiply take no memory.
 */
export function yamlTree(contents: unknown): { root: Slot; problems: readonly Problem[] } {
  const conversion: Conversion = { path: [], anchors: new Map(), problems: [] };
  const offset = offsetOf(contents);
  const root = { found: convert(contents, conversion), offset, keyOffset: offset };
  return { root, problems: conversion.problems };
}

const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

function convert(node: unknown, conversion: Conversion): Found {
  if (isAlias(node)) return aliased(node, conversion);
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return nothing;
  const { anchors } = conversion;
  if (node.anchor !== undefined) anchors.set(node.anchor, undefined);
  const found = isScalar(node)
    ? scalar(node, conversion)
    : isMap(node)
      ? map(node, conversion)
      : list(node, conversion);
  if (node.anchor !== undefined) anchors.set(node.anchor, found);
  return found;
}

function aliased(alias: Alias, conversion: Conversion): Found {
  const { anchors } = conversion;
  const found = anchors.get(alias.source);
  if (found !== undefined) return found;
  const problem = anchors.has(alias.source)
    ? { found: `*${alias.source} inside the value that it refers to` }
    : { found: `*${alias.source} without an anchor`, hint: `put &${alias.source} above it` };
  return refused(alias, problem, conversion);
}

function scalar(node: Scalar, conversion: Conversion): Found {
  const { value, source = '' } = node;
  if (typeof value === 'string' && value.includes('\0'))
    return refused(node, { expected: 'a string without NUL characters', found: 'one' }, conversion);
  return { kind: 'scalar', value, source };
}

function list({ items }: YAMLSeq, conversion: Conversion): Found {
  return {
    kind: 'list',
    items: items.map((item, index) => {
      const offset = offsetOf(item);
      return { found: inside(index, item, conversion), offset, keyOffset: offset };
    }),
  };
}

function map(node: YAMLMap, conversion: Conversion): Found {
  const own = new Map<string, Slot>();
  const merged = new Map<string, Slot>();
  for (const pair of node.items)
    if (isMergeKey(pair)) merge(pair, merged, conversion);
    else addEntry(pair, own, conversion);
  return { kind: 'map', entries: new Map([...merged, ...own]) };
}

function addEntry(pair: Pair, own: Map<string, Slot>, conversion: Conversion): void {
  const key = keyText(pair);
  const problem = keyProblem(pair, key, own);
  if (isScalar(pair.key)) convert(pair.key, conversion);
  if (problem !== undefined || key === undefined) {
    refused(pair.key, problem ?? { found: 'no key' }, conversion);
    return;
  }
  const keyOffset = offsetOf(pair.key);
  const { value } = pair;
  const isLeftOut =
    value === null || (isScalar(value) && value.source === '' && value.value === null);
  const offset = isLeftOut ? keyOffset : offsetOf(value);
  own.set(key, { found: inside(key, value, conversion), offset, keyOffset });
}

function keyProblem({ key }: Pair, text: string | undefined, own: Entries): Mismatch | undefined {
  const expected = 'a string as the key';
  if (isMap(key)) return { expected, found: 'a map' };
  if (isSeq(key)) return { expected, found: 'a list' };
  if (isAlias(key)) return { expected, found: 'an alias' };
  if (text === undefined) return { expected, found: 'nothing' };
  if (text === '__proto__') return { found: '__proto__, which cannot be a key' };
  return own.has(text) ? { found: `the key "${text}" a second time` } : undefined;
}

/** Of several maps the first one that has a key wins. */
function merge(pair: Pair, merged: Map<string, Slot>, conversion: Conversion): void {
  const found = convert(pair.value, conversion);
  for (const source of found.kind === 'list' ? found.items.map((item) => item.found) : [found]) {
    if (source.kind !== 'map') {
      const problem = { expected: 'a map, or a list of maps, after <<', found: described(source) };
      refused(pair.key, problem, conversion);
      return;
    }
    for (const [key, slot] of source.entries) if (!merged.has(key)) merged.set(key, slot);
  }
}

function inside(key: string | number, node: unknown, conversion: Conversion): Found {
  conversion.path.push(key);
  const found = convert(node, conversion);
  conversion.path.pop();
  return found;
}

function refused(node: unknown, problem: Mismatch, { problems, path }: Conversion): Found {
  problems.push({ path: [...path], offset: offsetOf(node), ...problem });
  return nothing;
}

/** Whether a pair is the merge key of YAML 1.1, which many configs are written with. */
const isMergeKey = ({ key }: Pair): boolean =>
  isScalar(key) && key.value === '<<' && key.type === 'PLAIN';

/** The text of a pair's key, numbers as they are written; undefined if it has none. */
function keyText({ key }: Pair): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === 'string') return key.value;
  return key.source === '' ? undefined : key.source;
}

/** Whether this is `null` or `~`, written out: it takes away what the preset or the defaults say. */
export const isUnset = ({ found }: Slot): boolean =>
  found.kind === 'scalar' && found.value === null && found.source !== '';

/** What is at this place, through maps and lists. */
export function slotAt(root: Slot, path: KeyPath): Slot | undefined {
  return path.reduce<Slot | undefined>((slot, key) => {
    const found = slot?.found;
    if (found?.kind === 'map') return found.entries.get(String(key));
    return found?.kind === 'list' ? found.items[Number(key)] : undefined;
  }, root);
}

/** A value in words: `"three"`, `1.5`, `a list`. */
export function described(found: Found): string {
  switch (found.kind) {
    case 'map':
      return 'a map';
    case 'list':
      return found.items.length === 0 ? 'an empty list' : 'a list';
    case 'scalar':
      if (typeof found.value === 'string') return shortened(JSON.stringify(found.value));
      return found.source === '' ? 'nothing' : shortened(found.source);
  }
}
