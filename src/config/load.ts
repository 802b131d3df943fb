import { dirname, resolve } from 'node:path';
import type { Config } from '../core/model/config.ts';
import { buildConfig } from './build.ts';
import { crossCheck } from './cross-checks.ts';
import { isBelowIn } from './preset-slots.ts';
import { readText } from './reading.ts';
import { configSection, workerSection } from './schema/keys.ts';
import { readConfigFile } from './yaml/read-file.ts';

const places = { top: Object.keys(configSection.keys), worker: Object.keys(workerSection.keys) };

export function loadConfig(path: string): Config {
  const file = resolve(path);
  return parseConfig(file, readConfigFile(file).text);
}

/**
 * The Config that this text means in this file. Nothing else goes into it. Paths in the result are absolute, symlinks in
 * them are kept; specifiers are left for each instance to expand. It is JSON: no `undefined`, no infinite number.
 * Throws one `config` error that names every problem with its file, line and column.
 */
export function parseConfig(file: string, text: string): Config {
  const { root, wrong, report, refuse } = readText(file, text);
  const reading = { path: [], base: dirname(file), places, report, isBelow: isBelowIn(root) };
  const checked = configSection.read(root, reading);
  refuse(wrong);
  if (checked === null) throw new Error(`${file}: refused without a problem`);
  const config = buildConfig(file, checked, root, reading);
  refuse([...wrong, ...crossCheck(config, root)]);
  return config;
}
