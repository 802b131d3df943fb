import { visibleInLine } from '../../core/basics/visible.ts';
import { wrap } from '../../output/wrap.ts';
import { isMap, type Draft, type DraftWorker } from './draft.ts';
import type { Value } from './found.ts';

/** The text of a config; with an example if it has no workers. */
export function configTemplate(draft: Draft): string {
  const { stateDir, logDir, comments, defaults, workers } = draft;
  const listed = workers.length > 0 ? workers.map(workerText).join('\n') : example;
  const shared =
    Object.keys(defaults).length > 0 ? `\ndefaults:\n${lines(defaults, '  ')}` : exampleDefaults;
  return [
    head,
    ...comments.map((one) => comment(one, '')),
    `state_dir: ${scalar(stateDir)} # pidfiles, locks, journal\n`,
    `log_dir: ${scalar(logDir)}\n`,
    shared,
    `\nworkers:\n${listed}`,
  ].join('');
}

const head = `# The workers that workerctl runs. To check this file: workerctl check
# Relative paths start at the directory of this file.

`;

const exampleDefaults = `
# Keys for all workers; each worker can override them.
# defaults:
#   directory: /srv/app/current
#   env_files: [.env]
`;

const example = `  # Choose a name, and add a block like this one for each kind of worker.
  example:
    # Replace this with your worker, such as: bundle exec rake jobs:work
    # It runs without a shell and must stay in the foreground.
    command: sleep 86400
    count: 2 # instances example.1 and example.2; %i in the command stands for 1 and 2
    # identifiers: [mail, images] # instead of count
    # directory: /srv/app/current
    # env: {RAILS_ENV: production}
    # env_files: [.env]
    # stop: {signal: TERM} # asks it to finish its job and exit
    # ready: {after: 1s} # it is ready when it has been running for this long
`;

const workerText = ({ name, why, at, keys, comments }: DraftWorker): string => {
  const line = at.line === undefined ? '' : `, line ${at.line}`;
  return [
    `  ${scalar(name)}: # ${visibleInLine(why)}${line}\n`,
    ...comments.map((one) => comment(one, '    ')),
    lines(keys, '    '),
  ].join('');
};

const comment = (text: string, indent: string): string =>
  wrap(visibleInLine(text), 100 - indent.length)
    .map((line) => `${indent}# ${line}\n`)
    .join('');

/** The keys of a map, one a line; what is inside of a map in a map is written in one line. */
const lines = (keys: Readonly<Record<string, Value>>, indent: string): string =>
  Object.entries(keys)
    .filter(([, value]) => !isMap(value) || Object.keys(value).length > 0)
    .map(([key, value]) =>
      isMap(value) && key === 'env'
        ? `${indent}${scalar(key)}:\n${lines(value, `${indent}  `)}`
        : `${indent}${scalar(key)}: ${inline(value)}\n`,
    )
    .join('');

function inline(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (!isMap(value)) return scalar(value as string | number | boolean);
  const entries = Object.entries(value).map(([key, one]) => `${scalar(key)}: ${inline(one)}`);
  return `{ ${entries.join(', ')} }`;
}

/** What a text of YAML may not hold as it is. Source: YAML 1.2.2, 5.1. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

const escapeOf = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** What YAML reads as this very string, also inside of brackets. */
const plain =
  /^(?:[A-Za-z_/]|--?(?=[A-Za-z])|\.(?=[A-Za-z/.])|\d+(?=(?:s|ms|m|h|[KMG]B?)$))(?:[\w/.=@+-]|%(?=[\w%])|:(?=[\w/])| (?=[\w/.=@%+-]))*$/;

/** Words that YAML takes for something else than a string. */
const notStrings = /^(?:true|false|null|\.inf|\.nan)$/i;

/** A scalar as YAML reads it back; strings of JSON are YAML too. */
const scalar = (value: string | number | boolean): string => {
  const isPlain = typeof value !== 'string' || (plain.test(value) && !notStrings.test(value));
  return isPlain ? String(value) : JSON.stringify(value).replace(unprintable, escapeOf);
};
