import { hostname } from 'node:os';
import { statSync } from 'node:fs';
import type { Config } from '../../core/model/config.ts';
import type { Moment } from '../../core/basics/time.ts';
import { readJournal } from '../../host/journal/read.ts';
import { journalPath } from '../../host/journal/parts.ts';
import { lastLines } from '../../host/logs/tail.ts';
import { formatEntry } from '../../output/journal.ts';
import { plain } from '../../output/plain.ts';
import type { Details } from '../../output/top/frame.ts';
import { logSources } from '../logs/sources.ts';

/** How many events and lines of the log are read: no pane has room for more. */
const mostLines = 40;

/** How many lines of the journal are searched for events of an instance. */
const searched = 2_000;

/** Reads the details of an instance, and the journal only if it has changed since. */
export function createDetailsReader(): (config: Config, name: string, at: Moment) => Details {
  let known: { readonly key: string; readonly events: readonly string[] } | undefined;
  return (config, name, at) => {
    const key = `${name} ${stampOf(journalPath(config.stateDir))}`;
    if (known?.key !== key) known = { key, events: eventsOf(config, name, at) };
    return { events: known.events, log: logOf(config, name) };
  };
}

function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.ino} ${found.size}`;
}

const eventsOf = ({ stateDir }: Config, name: string, at: Moment): readonly string[] =>
  orNothing(() =>
    readJournal(stateDir, {
      limit: mostLines,
      scan: searched,
      matches: ({ instance }) => instance === name,
      mention: JSON.stringify(name),
    }).lines.map(({ entry }) => formatEntry(entry, at, plain, 0).trimEnd()),
  );

const logOf = (config: Config, name: string): readonly string[] =>
  orNothing(() =>
    logSources(config, hostname(), [name]).flatMap(({ path }) => lastLines(path, 0, mostLines)),
  );

/** What cannot be read is shown as if it were empty: `events` and `logs` say why. */
function orNothing(read: () => readonly string[]): readonly string[] {
  try {
    return read();
  } catch {
    return [];
  }
}
