// npm pack: puts package.json as it is published into its place, and back. Everything that the program needs is bundled, so
// the package has no dependencies, and no script that npm would warn about.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { gitOf } from './git.mjs';
import { placesOf } from './origin.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (...names) => join(root, ...names);
const original = at('dist/package.json');
const manual = 'workerctl.1.gz';

/** `repository`, `homepage` and `bugs`, if this tree is a clone of something on the web. */
function origin() {
  const url = gitOf(root, 'remote', 'get-url', 'origin');
  return url === undefined ? {} : placesOf(url);
}

/** The bundles of this build only: dist/ also has those of the one before, for commands that run. */
function filesOfBuild() {
  const cli = readFileSync(at('dist/cli.cjs'), 'latin1');
  const [rest] = /\brest-[0-9a-f]{12}\.cjs/.exec(cli);
  const isOurs = (name) =>
    name === rest || !/^rest-|^compiled$|^package\.json$|^workerctl\.1$|^\.new-/.test(name);
  return readdirSync(at('dist'))
    .filter(isOurs)
    .map((name) => `dist/${name}`);
}

/** The same schema, in which what it describes several times, such as a section of `defaults` and workers, is there once. */
function withDefinitions(schema) {
  const counts = new Map();
  const count = (value) => {
    if (typeof value !== 'object' || value === null) return;
    const text = JSON.stringify(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    Object.values(value).forEach(count);
  };
  count(schema);
  const names = new Map();
  const shared = (value) => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(shared);
    const text = JSON.stringify(value);
    // Only a schema has a description; for a short one a reference would be longer.
    if (typeof value.description !== 'string' || text.length < 200 || counts.get(text) < 2)
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shared(one)]));
    names.set(text, names.get(text) ?? `${names.size}`);
    return { $ref: `#/definitions/${names.get(text)}` };
  };
  const result = shared(schema);
  if (names.size === 0) return result;
  const definitions = [...names].map(([text, name]) => [name, JSON.parse(text)]);
  return { ...result, definitions: Object.fromEntries(definitions) };
}

/** The schemas without white space, those of configs beside the folder of the others, and the manual page as man reads it. */
function writeDocs() {
  mkdirSync(at('dist/schemas'), { recursive: true });
  const inFolder = readdirSync(at('docs/schemas')).map((name) => `schemas/${name}`);
  for (const name of ['workerctl.schema.json', 'fleet.schema.json', ...inFolder]) {
    const text = JSON.stringify(
      withDefinitions(JSON.parse(readFileSync(at('docs', name), 'utf8'))),
    );
    writeFileSync(at('dist', name), `${text}\n`);
  }
  writeFileSync(at('dist', manual), gzipSync(readFileSync(at('dist/workerctl.1')), { level: 9 }));
}

function put() {
  back(); // a pack that was interrupted
  execFileSync(process.execPath, [at('.config/build.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeDocs();
  const text = readFileSync(at('package.json'), 'utf8');
  const { scripts, dependencies, devDependencies, ...published } = JSON.parse(text);
  writeFileSync(original, text);
  const files = ['bin', ...filesOfBuild()];
  const next = `${at('package.json')}.new`;
  writeFileSync(
    next,
    `${JSON.stringify({ ...published, ...origin(), man: `dist/${manual}`, files }, undefined, 2)}\n`,
  );
  renameSync(next, at('package.json'));
}

function back() {
  if (existsSync(original)) renameSync(original, at('package.json'));
}

({ put, back })[process.argv[2]]();
