import { resolve } from 'node:path';
import type { Config } from '../core/model/config.ts';
import { buildConfig } from './build.ts';
import { clashesOf } from './cross-checks.ts';
import { problemsOf } from './schema/explain.ts';
import { configError, type PlacedProblem } from './problems.ts';
import { readConfigFile } from './yaml/read-file.ts';
import { configSchema } from './schema/keys.ts';
import { parseYaml } from './yaml/yaml-document.ts';

/** Reads and checks a config file. */
export function loadConfig(path: string): Config {
  const file = resolve(path);
  return parseConfig(file, readConfigFile(file).text);
}

/**
 * The Config that this text means in this file. Nothing else goes into it. Paths in the result are absolute, symlinks in
 * them are kept; specifiers are left for each instance to expand. It is JSON: no `undefined`, no number without an end.
 * Throws one `config` error that names every problem with its file, line and column.
 */
export function parseConfig(file: string, text: string): Config {
  const document = parseYaml(text);
  refuse(file, document.problems);
  const checked = configSchema().safeParse(document.value);
  if (!checked.success)
    throw configError(file, problemsOf(checked.error.issues, document).map(document.place));
  const config = buildConfig(file, checked.data, document.sourceOf);
  refuse(file, clashesOf(config, checked.data).map(document.place));
  return config;
}

function refuse(file: string, problems: readonly PlacedProblem[]): void {
  if (problems.length > 0) throw configError(file, problems);
}
