import { isAlias, isMap, isSeq } from 'yaml';
import type { Alias, Node, Pair, YAMLMap } from 'yaml';
import { isMergeKey, keyText, mergeSources } from './plain-value.ts';
import type { KeyPath } from '../problems.ts';

/** The nodes of a value and of the key that it stands under. */
export interface Location {
  readonly key?: unknown;
  readonly value: unknown;
}

/** How far a path leads, through aliases and merged maps. */
export type FindSpot = (path: KeyPath) => {
  readonly location: Location;
  readonly isExact: boolean;
};

/** Finds the places of values in a document. */
export function spotFinder(contents: unknown, targets: ReadonlyMap<Alias, Node>): FindSpot {
  const indexes = new Map<unknown, ReadonlyMap<string, Pair>>();
  const pairsOf = (map: YAMLMap): ReadonlyMap<string, Pair> => {
    const index = indexes.get(map) ?? pairsByKey(map, targets);
    indexes.set(map, index);
    return index;
  };
  return (path) => {
    let location: Location = { value: contents };
    for (const key of path) {
      const next = childSpot(follow(location.value, targets), key, pairsOf);
      if (next === undefined) return { location, isExact: false };
      location = next;
    }
    return { location, isExact: true };
  };
}

function childSpot(
  node: unknown,
  key: string | number,
  pairsOf: (map: YAMLMap) => ReadonlyMap<string, Pair>,
): Location | undefined {
  if (isSeq(node)) return typeof key === 'number' ? { value: node.items[key] } : undefined;
  return isMap(node) ? pairsOf(node).get(String(key)) : undefined;
}

/** The pairs of a map and of those merged into it, by key. */
function pairsByKey(map: YAMLMap, targets: ReadonlyMap<Alias, Node>): Map<string, Pair> {
  const merges = map.items.filter(isMergeKey);
  const sources = merges
    .flatMap((pair) => mergeSources(pair, targets))
    .filter((each) => isMap(each));
  const pairs = new Map(sources.reverse().flatMap((source) => [...pairsByKey(source, targets)]));
  for (const pair of map.items) {
    const key = keyText(pair);
    if (key !== undefined && !isMergeKey(pair)) pairs.set(key, pair);
  }
  return pairs;
}

/** The node that an alias stands for, or the node itself. */
export const follow = (node: unknown, targets: ReadonlyMap<Alias, Node>): unknown =>
  isAlias(node) ? targets.get(node) : node;
