import { escapedSpecifiers } from '../../../config/specifiers.ts';
import type { Reading, TextFile } from '../found.ts';
import { entriesOf, entryOf, textOf, treeOf } from './tree-values.ts';
import { notWorker } from './web.ts';

/** A script that is likely to be a worker, and none for development. */
const likelyWorker =
  /^(?:start[:-])?(?:\w+[:-])?(?:workers?|queues?|jobs?|consumers?|scheduler|processor|background|clock|cron)(?:[:-](?!dev|watch|test|build|debug)\w+)*$/i;

/** Libraries of queues, whose workers are programs of the project. */
const queues = ['bullmq', 'bull', 'bee-queue', 'agenda', 'pg-boss', 'graphile-worker', 'kue'];

/** The scripts of a package.json by name. */
export function scriptsOf(file: TextFile): ReadonlyMap<string, string> {
  const tree = treeOf(file);
  const scripts = tree.kind === 'tree' ? entriesOf(entryOf(tree.root, 'scripts')) : [];
  return new Map(scripts.flatMap(([name, slot]) => [[name, textOf(slot) ?? ''] as const]));
}

/** The scripts of a package.json that are likely to be workers. */
export function readPackageJson(file: TextFile): Reading {
  const tree = treeOf(file);
  if (tree.kind === 'unread') return { workers: [], leftOut: [tree.note] };
  const { root, lineOf } = tree;
  const found = entriesOf(entryOf(root, 'scripts')).filter(
    ([name, slot]) => likelyWorker.test(name) && notWorker(name, textOf(slot) ?? '') === undefined,
  );
  const workers = found.map(([name, slot]) => ({
    name: name.replace(/^start[:-]/i, ''),
    at: { file: file.path, line: lineOf(slot) },
    why: `the script ${name} of ${file.path}`,
    command: { kind: 'line', line: escapedSpecifiers(textOf(slot) ?? '') } as const,
    keys: {},
    notes: [],
  }));
  const queue = entriesOf(entryOf(root, 'dependencies')).find(([name]) => queues.includes(name));
  if (workers.length > 0 || queue === undefined) return { workers, leftOut: [] };
  const [library, slot] = queue;
  const words = `${library} is used, but no script looks like its worker: write its command, such as node worker.js`;
  return { workers, leftOut: [{ file: file.path, line: lineOf(slot), words }] };
}
