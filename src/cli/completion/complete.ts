import { homedir } from 'node:os';
import { WorkerctlError } from '../../core/basics/error.ts';
import { instanceNames } from '../../core/model/instance.ts';
import type { Config } from '../../core/model/config.ts';
import { signalNames } from '../../core/model/signal-names.ts';
import { tagsOf } from '../../core/model/targets.ts';
import { recordedInstances } from '../../host/state/paths.ts';
import type { CommandTable } from '../command.ts';
import { shownCommands } from '../command-texts.ts';
import { configInForce } from '../config.ts';
import { splitCommand } from '../split-command.ts';
import { atCursor, optionWords, type Asked, type AtCursor } from './asked.ts';

/** A word that fits, and what it is. */
type Candidate = readonly [word: string, about?: string | undefined];

/**
 * What fits the last of the words behind `workerctl`, a line each: the word, a tab, what it is. `:files` and `:directories`
 * stand for those of the shell. Writes nothing, runs nothing that a config names, and never fails: at a prompt, an error
 * would be in the way.
 */
export async function completions(
  words: readonly string[],
  table: CommandTable,
  directory: string | undefined,
): Promise<string> {
  try {
    const candidates = await candidatesFor(words, table, directory);
    return candidates.map((one) => `${one.filter(Boolean).join('\t')}\n`).join('');
  } catch (error) {
    if (error instanceof WorkerctlError) return '';
    throw error;
  }
}

async function candidatesFor(
  words: readonly string[],
  table: CommandTable,
  directory: string | undefined,
): Promise<readonly Candidate[]> {
  const word = words.at(-1) ?? '';
  const [name] = splitCommand(words.slice(0, -1));
  const load = name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
  if (name !== undefined && load === undefined) return [];
  const command = await load?.();
  const behind = name === undefined ? words : words.toSpliced(words.indexOf(name), 1);
  const cursor = atCursor(command, behind);
  if (cursor.options) return optionWords(command, behind.slice(0, -1)).filter(beginWith(word));
  const lists = await Promise.all(
    cursor.asked.map((asked) => wordsOf(asked, cursor, word, { table, words, directory })),
  );
  return lists.flat();
}

interface Where {
  readonly table: CommandTable;
  readonly words: readonly string[];
  readonly directory: string | undefined;
}

async function wordsOf(
  asked: Asked,
  { before, given }: AtCursor,
  word: string,
  { table, words, directory }: Where,
): Promise<readonly Candidate[]> {
  const fitting = (all: readonly Candidate[]): readonly Candidate[] =>
    all
      .filter(([one]) => !given.includes(one))
      .map(([one, about]): Candidate => [before + one, about])
      .filter(beginWith(word));
  switch (asked.kind) {
    case 'nothing':
      return [];
    case 'files':
    case 'directories':
      return [[`:${asked.kind}`]];
    case 'words':
      return fitting(asked.words.map((one) => [one]));
    case 'signals':
      return fitting(signalNames.map((one) => [one]));
    case 'commands':
      return fitting(await commandsOf(table));
    case 'targets':
    case 'named':
    case 'instances':
    case 'workers': {
      const global = { config: configIn(words), json: false, directory };
      return fitting(namesIn(await configInForce(global), asked.kind, word.slice(before.length)));
    }
  }
}

const beginWith =
  (word: string) =>
  ([one]: Candidate): boolean =>
    one.startsWith(word);

const commandsOf = async (table: CommandTable): Promise<readonly Candidate[]> =>
  (await shownCommands(table)).map(([name, { summary }]) => [name, summary]);

/** With more instances than this, those of a worker are listed only once it is named: `mail.`. */
const mostInstances = 100;

function namesIn(
  config: Config,
  kind: 'targets' | 'named' | 'instances' | 'workers',
  word: string,
): readonly Candidate[] {
  const workers = config.workers.map(({ name }): Candidate => [name, 'worker']);
  if (kind === 'workers') return workers;
  const all = new Set([
    ...config.workers.flatMap(instanceNames),
    ...recordedInstances(config.stateDir),
  ]);
  const isListed = kind === 'instances' || all.size <= mostInstances || word.includes('.');
  const instances = isListed ? [...all].map((name): Candidate => [name, 'instance']) : [];
  if (kind === 'instances') return instances;
  const tags = kind === 'targets' ? tagsOf(config).map((tag): Candidate => [tag, 'tag']) : [];
  return [...workers, ...instances, ...tags];
}

/** The config that the words name, as the shell would have written it. */
function configIn(words: readonly string[]): string | undefined {
  const inline = words.find((word) => /^--(?:trust-)?config=/.test(word));
  const at = words.findIndex((word) => ['-c', '--config', '--trust-config'].includes(word));
  const named = inline?.slice(inline.indexOf('=') + 1) ?? (at === -1 ? undefined : words[at + 1]);
  return named?.replace(/^~(?=\/)/, homedir());
}
