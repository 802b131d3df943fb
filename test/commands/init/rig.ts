import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { init, type InitOptions } from '../../../src/commands/init.ts';
import { check } from '../../../src/commands/check.ts';
import { write } from '../../config/scratch.ts';

const caller = { name: 'ann', isRoot: false };

/** A project with these files, after `workerctl init`; what it has written has passed `check`. */
export const initialised =
  (root: string) =>
  async (files: Readonly<Record<string, string>>, options: Partial<InitOptions> = {}) => {
    const folder = mkdtempSync(join(root, 'project-'));
    for (const [name, content] of Object.entries(files)) write(folder, name, content);
    const outcome = await init({ directory: folder, force: false, env: {}, caller, ...options });
    const { workers, ...config } = check({ path: outcome.path }).config;
    return {
      folder,
      outcome,
      config,
      workers,
      worker: Object.fromEntries(workers.map((one) => [one.name, one])),
      commands: Object.fromEntries(workers.map(({ name, command }) => [name, command])),
      text: readFileSync(outcome.path, 'utf8'),
      /** What was not carried over, as lines. */
      leftOut: outcome.leftOut.map(({ file, line, words }) =>
        line === undefined ? `${file}: ${words}` : `${file}:${line}: ${words}`,
      ),
    };
  };
