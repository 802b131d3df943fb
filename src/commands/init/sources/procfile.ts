import { escapedSpecifiers } from '../../../config/specifiers.ts';
import { linesOf, type FoundWorker, type Note, type Reading, type TextFile } from '../found.ts';
import { notWorker } from './web.ts';

/** `NAME: COMMAND`; the command is a line for a shell. Source: Heroku's Dev Center, "The Procfile"; foreman's parser. */
const entry = /^([A-Za-z0-9_.-]+):\s*(\S.*)$/;

/** The processes of a Procfile. Of two with one name the last one counts, as in foreman. */
export function readProcfile({ path, text }: TextFile): Reading {
  const workers = new Map<string, FoundWorker>();
  const leftOut: Note[] = [];
  linesOf(text).forEach((written, index) => {
    const at = { file: path, line: index + 1 };
    const line = written.trim();
    if (line === '' || line.startsWith('#')) return;
    const [, name = '', command = ''] = entry.exec(line) ?? [];
    if (name === '') {
      leftOut.push({ ...at, words: 'expected NAME: COMMAND, found something else' });
      return;
    }
    const other = notWorker(name, command);
    if (other !== undefined) leftOut.push({ ...at, words: `${name} was left out: ${other}` });
    const earlier = workers.get(name);
    if (earlier !== undefined)
      leftOut.push({ ...earlier.at, words: `${name} was left out: line ${at.line} has it again` });
    workers.delete(name);
    if (other === undefined) workers.set(name, workerAt(at, name, command));
  });
  return { workers: [...workers.values()], leftOut };
}

const workerAt = (at: FoundWorker['at'], name: string, command: string): FoundWorker => ({
  name,
  at,
  why: `listed in ${at.file}`,
  command: { kind: 'line', line: escapedSpecifiers(command) },
  keys: {},
  notes: [],
});
