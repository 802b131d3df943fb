import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { Alias, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Problem } from '../problems.ts';

/** A config text cannot hold as many values as this without aliases that multiply. */
const unfoldedAtMost = 1_000_000;

/** What the nodes of a document stand for, and what is wrong with them. */
export interface PlainDocument {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The node that each alias stands for. */
  readonly targets: ReadonlyMap<Alias, Node>;
}

interface Plain {
  readonly value: unknown;
  /** How many values it unfolds into. */
  readonly weight: number;
}

type Entries = Map<string, unknown>;

interface Conversion {
  /** Where the conversion is. */
  readonly path: (string | number)[];
  readonly anchors: Map<string, Node>;
  readonly targets: Map<Alias, Node>;
  readonly done: Map<Node, Plain>;
  readonly open: Set<Node>;
  readonly problems: Problem[];
}

const nothing: Plain = { value: null, weight: 1 };

/**
 * The plain value of a document: maps become objects without a prototype, aliases share what they name, `<<`
 * merges. Done here and not by the parser, since each problem must have its place, a key must never reach a
 * prototype, and aliases that multiply must be refused before anyone walks through them.
 */
export function plainDocument(contents: unknown): PlainDocument {
  const conversion: Conversion = {
    path: [],
    anchors: new Map(),
    targets: new Map(),
    done: new Map(),
    open: new Set(),
    problems: [],
  };
  const { value } = plain(contents, conversion);
  return { value, problems: conversion.problems, targets: conversion.targets };
}

function plain(node: unknown, conversion: Conversion): Plain {
  if (isAlias(node)) return aliased(node, conversion);
  if (isScalar(node)) return scalar(node, conversion);
  if (!isMap(node) && !isSeq(node)) return nothing;
  if (node.anchor !== undefined) conversion.anchors.set(node.anchor, node);
  conversion.open.add(node);
  const result = isMap(node) ? map(node, conversion) : list(node, conversion);
  conversion.open.delete(node);
  conversion.done.set(node, result);
  return result;
}

function aliased(alias: Alias, conversion: Conversion): Plain {
  const name = `*${alias.source}`;
  const target = conversion.anchors.get(alias.source);
  if (target === undefined)
    return refused(alias, `${name}: there is no anchor &${alias.source} above it`, conversion);
  if (conversion.open.has(target))
    return refused(alias, `${name} stands inside of what it names`, conversion);
  conversion.targets.set(alias, target);
  const result = conversion.done.get(target) ?? nothing;
  if (result.weight <= unfoldedAtMost) return result;
  return refused(alias, `${name} unfolds into more than a million values`, conversion);
}

function scalar(node: Scalar, conversion: Conversion): Plain {
  if (typeof node.value === 'string' && node.value.includes('\0'))
    return refused(node, 'expected a text, found one with a NUL character', conversion);
  const result = { value: node.value, weight: 1 };
  if (node.anchor === undefined) return result;
  conversion.anchors.set(node.anchor, node);
  conversion.done.set(node, result);
  return result;
}

function list(node: YAMLSeq, conversion: Conversion): Plain {
  const items = node.items.map((item, index) => inside(index, item, conversion));
  return { value: items.map((item) => item.value), weight: totalWeight(items) };
}

function map(node: YAMLMap, conversion: Conversion): Plain {
  const own: Entries = new Map();
  const merged: Entries = new Map();
  const parts = node.items.map((pair) =>
    isMergeKey(pair) ? merge(pair, merged, conversion) : entry(pair, own, conversion),
  );
  const value = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of [...merged, ...own]) value[key] = item;
  return { value, weight: totalWeight(parts) };
}

function entry(pair: Pair, own: Entries, conversion: Conversion): Plain {
  const key = keyText(pair);
  if (key === undefined) return refused(pair.key, unusableKey(pair), conversion);
  if (key === '__proto__') return refused(pair.key, '__proto__ cannot be a key', conversion);
  if (isScalar(pair.key)) scalar(pair.key, conversion);
  if (own.has(key)) return refused(pair.key, `the key "${key}" is there twice`, conversion);
  const result = inside(key, pair.value, conversion);
  own.set(key, result.value);
  return result;
}

function unusableKey({ key }: Pair): string {
  const found = isMap(key)
    ? 'a map'
    : isSeq(key)
      ? 'a list'
      : isAlias(key)
        ? 'an alias'
        : 'nothing';
  return `expected a text as the key, found ${found}`;
}

function merge(pair: Pair, merged: Entries, conversion: Conversion): Plain {
  const result = plain(pair.value, conversion);
  for (const source of mergeSources(pair, conversion.targets)) {
    if (!isMap(source))
      return refused(pair.key, '<<: expected a map, or a list of maps', conversion);
    for (const [key, value] of Object.entries(conversion.done.get(source)?.value ?? {}))
      if (!merged.has(key)) merged.set(key, value);
  }
  return result;
}

function inside(key: string | number, node: unknown, conversion: Conversion): Plain {
  conversion.path.push(key);
  const result = plain(node, conversion);
  conversion.path.pop();
  return result;
}

const totalWeight = (parts: readonly Plain[]): number =>
  parts.reduce((sum, part) => sum + part.weight, 1);

function refused(node: unknown, message: string, conversion: Conversion): Plain {
  const offset = isNode(node) ? node.range?.[0] : undefined;
  const place = offset === undefined ? {} : { offset };
  conversion.problems.push({ path: [...conversion.path], at: 'value', message, ...place });
  return nothing;
}

/** The nodes that a `<<` merges: the first one wins. */
export function mergeSources(pair: Pair, targets: ReadonlyMap<Alias, Node>): unknown[] {
  const follow = (node: unknown) => (isAlias(node) ? targets.get(node) : node);
  const value = follow(pair.value);
  return isSeq(value) ? value.items.map(follow) : [value];
}

/** Whether a pair is the merge key of YAML 1.1, which many configs are written with. */
export const isMergeKey = ({ key }: Pair): boolean =>
  isScalar(key) && key.value === '<<' && key.type === 'PLAIN';

/** The text of a pair's key, as written where it is a number; undefined when it is no text at all. */
export function keyText({ key }: Pair): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === 'string') return key.value;
  return key.source === undefined || key.source === '' ? undefined : key.source;
}
