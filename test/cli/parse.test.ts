import { beforeEach, expect, test } from 'vitest';
import { defineCommand, type CommandTable, type InState } from '../../src/cli/command.ts';
import {
  dryRun,
  killLimit,
  limits,
  toggle,
  value,
  wait,
  wholeNumber,
} from '../../src/cli/options.ts';
import { meantCommand } from '../../src/cli/meant-command.ts';
import { commands } from '../../src/commands/table.ts';
import { parseInvocation } from '../../src/cli/parse.ts';

let loaded: string[] = [];
let given: unknown;

beforeEach(() => {
  loaded = [];
  given = undefined;
});

const texts = { summary: 'Try.', examples: [], exitCodes: {} } as const;

const table: CommandTable = {
  act: () => {
    loaded.push('act');
    return Promise.resolve(
      defineCommand({
        ...texts,
        operands: '[TARGET...]',
        options: {
          wait: wait('how long', 'not at all'),
          overlap: toggle({ help: 'both at once' }),
          lines: value('N', 'how many', wholeNumber, 'n'),
          ...limits,
          dryRun,
        },
        run: ({ targets, global, wait: limit, overlap, lines, dryRun: isDryRun, ...rest }) => {
          given = { targets, global, limit, overlap, lines, isDryRun, ...killLimit(rest) };
          return Promise.resolve(7);
        },
      }),
    );
  },
  plain: () => {
    loaded.push('plain');
    return Promise.resolve(
      defineCommand({
        ...texts,
        operands: '',
        options: {},
        refusesJson: true,
        run: () => Promise.resolve(0),
      }),
    );
  },
};

/** Of the targets, the last is in the state `late`. */
const inState: InState = (_, targets, states) =>
  Promise.resolve(states.includes('late') ? targets.slice(-1) : []);

async function run(words: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const caller = { env, directory: '/srv', inState };
  const invocation = await parseInvocation(words.split(' '), table, caller);
  if (invocation.kind === 'text') return invocation.text;
  expect(await invocation.run()).toBe(7);
  return given;
}

const none = { limit: 'forever', overlap: undefined, lines: undefined, isDryRun: false };
const global = { config: undefined, json: false, directory: '/srv' };

test('options must have their types, whether they are given or not', async () => {
  expect(await run('act')).toEqual({ targets: [], global, ...none });
  expect(await run('act mail.1 -n 5 --wait 2m --no-overlap --dry-run --now web')).toEqual({
    targets: ['mail.1', 'web'],
    global,
    limit: 120_000,
    overlap: false,
    lines: 5,
    isDryRun: true,
    killAfter: 0,
  });
  expect(await run('act --no-wait --kill-after=90s')).toEqual({
    targets: [],
    global,
    ...none,
    limit: 'not',
    killAfter: 90_000,
  });
});

test.each([
  ['act --json -c a.yaml mail', {}, { json: true, config: 'a.yaml' }],
  ['--config a.yaml act mail', {}, { json: false, config: 'a.yaml' }],
  ['act -ca.yaml mail', { WORKERCTL_JSON: '0' }, { json: false, config: 'a.yaml' }],
  ['act mail', { WORKERCTL_JSON: '1' }, { json: true, config: undefined }],
  ['act mail --trust-config a.yaml', {}, { json: false, config: 'a.yaml', trustsConfig: true }],
  ['--trust-config a.yaml act mail', {}, { json: false, config: 'a.yaml', trustsConfig: true }],
  ['act --trust-config=a.yaml mail', {}, { json: false, config: 'a.yaml', trustsConfig: true }],
  ['act mail --no-json', { WORKERCTL_JSON: '1' }, { json: false, config: undefined }],
])('the options of all commands in %j, with %j', async (words, env, expected) => {
  expect(await run(words, env)).toMatchObject({ targets: ['mail'], global: expected });
});

test.each([
  ['act -n5 mail', { lines: 5 }],
  ['act -n=5 mail', { lines: 5 }],
  ['act --lines=5 mail', { lines: 5 }],
  ['act --dry-run=true mail', { isDryRun: true }],
  ['act --dry-run=false mail', { isDryRun: false }],
  ['act --dry-run --dry-run mail', { isDryRun: true }],
  ['act --no-overlap --dry-run mail', { overlap: false, isDryRun: true }],
  ['act -c -x mail', { global: { ...global, config: '-x' } }],
])('%j must be read', async (words, expected) => {
  expect(await run(words)).toMatchObject({ targets: ['mail'], ...expected });
});

test.each([
  ['up', 'start'],
  ['down', 'stop'],
  ['ps', 'status'],
  ['ls', 'status'],
  ['top', 'status'],
  ['tail', 'logs -f'],
  ['reload', 'restart'],
  ['scale', 'want'],
  ['kill', 'stop --now'],
  ['delete', 'stop'],
  ['history', 'events'],
  ['statsu', 'status'],
  ['stattus', 'status'],
  ['boot', 'bootcheck'],
  ['sart', 'start'],
])('%j must be understood as %j', (word, meant) => {
  expect(meantCommand(word, Object.keys(commands))).toBe(meant);
});

test.each(['x', 'wt', 'sto', 'mail', 'please', 'constructor', 'res'])(
  '%j must not be guessed at',
  (word) => {
    expect(
      meantCommand(word, ['status', 'start', 'stop', 'stow', 'restart', 'resume']),
    ).toBeUndefined();
  },
);

test('words after -- must be targets, even if they look like options', async () => {
  expect(await run('act -- --json -c')).toMatchObject({ targets: ['--json', '-c'], global });
});

test('only the command that is named must be loaded, also for its help', async () => {
  expect(await run('act --help')).toMatch(/^Usage: workerctl act /);
  expect(await run('help act')).toMatch(/^Usage: workerctl act /);
  expect(loaded).toEqual(['act', 'act']);
});

test.each([
  ['acd', 'expected a command, found "acd"; did you mean act?'],
  ['restart', 'expected a command, found "restart"'],
  ['--bogus', 'expected a command, found only --bogus'],
  ['act --bogus', 'act: unknown option --bogus; options: --wait, --no-wait, --overlap'],
  ['act --wiat 5s', 'act: unknown option --wiat; did you mean --wait?'],
  ['act --dryRun', 'act: unknown option --dryRun; did you mean --dry-run?'],
  ['act -x', 'act: unknown option -x; options: '],
  ['act -5', 'act: unknown option -5; options: '],
  ['act -n', '-n: expected a value, found none'],
  ['act --wait', '--wait: expected a value, found none'],
  ['act mail --kill-after', '--kill-after: expected a value, found none'],
  ['act --kill-after -- mail', '--kill-after: expected a value, found none'],
  ['act -c', '-c: expected a value, found none'],
  ['act --wait -1h', '--wait: expected a duration like 90s, 15m or 2h, found "-1h"'],
  ['act --wait=-1h', '--wait: expected a duration like 90s, 15m or 2h, found "-1h"'],
  ['act --wait --dry-run', '--wait: expected a duration like 90s, 15m or 2h, found "--dry-run"'],
  ['act --kill-after -h', '--kill-after: expected a duration like 90s, 15m or 2h, found "-h"'],
  ['act -n -5', '--lines: expected a whole number, found "-5"'],
  ['act -n-h', '--lines: expected a whole number, found "-h"'],
  ['act -c a.yaml --trust-config a.yaml', 'act: expected --config or --trust-config, found both'],
  ['act --trust-config', '--trust-config: expected a value, found none'],
  ['act -c a.yaml -c b.yaml', '--config: expected it once, found it twice'],
  ['act -c a.yaml -c a.yaml', '--config: expected it once, found it twice'],
  ['-c a.yaml act --config=b.yaml', '--config: expected it once, found it twice'],
  ['act --wait 1s --wait 2s', '--wait: expected it once, found it twice'],
  ['act --wait 1s --no-wait', '--wait: expected it once, found it twice'],
  ['act --overlap --no-overlap', '--overlap: expected it once, found it twice'],
  ['act --dry-run=maybe', '--dry-run: expected no value, found "maybe"'],
  ['act --no-wait=1s', '--no-wait: expected no value, found "1s"'],
  ['act -n five', '--lines: expected a whole number, found "five"'],
  ['act --wait 90', '--wait: expected a duration like 90s, 15m or 2h, found "90"'],
  ['act --kill-after soon', '--kill-after: expected a duration like 90s, 15m or 2h, found "soon"'],
  ['act --kill-after 1s --now', 'expected --now or --kill-after, found both'],
  ['plain mail', 'plain: expected no operands, found mail'],
  ['plain --json', 'plain: has no JSON output; expected no --json or WORKERCTL_JSON'],
])('%j must be wrong usage', async (words, message) => {
  await expect(run(words)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(message) as string,
  });
});

test.each([
  ['act mail.{1,3}', ['mail.1', 'mail.3']],
  ['act mail.{1..3} web', ['mail.1', 'mail.2', 'mail.3', 'web']],
  ['act {mail,web}.{08..10..2}', ['mail.08', 'mail.10', 'web.08', 'web.10']],
  ['act mail.{1', ['mail.{1']],
  ['act mail --except mail.1', ['mail', '!mail.1']],
  ['act --except mail.{1,2},@slow --wait 1s', ['!mail.1', '!mail.2', '!@slow']],
  ['act mail.1 mail.2 --state late', ['mail.2']],
  ['act mail.{1,2} --state missing,late', ['mail.2']],
])('%j must run on %j', async (words, targets) => {
  expect(await run(words)).toMatchObject({ targets });
});

test.each([
  ['act mail.{1..100000}', 'target mail.{1..100000}: expected at most 10000 names, found more'],
  ['act {1..99}{1..99}{1..99}', 'expected at most 10000 names'],
  ['act --state backof', '--state: expected states, found "backof"; did you mean backoff?'],
  ['act --state gone', 'expected states, found "gone"'],
  ['act --state ready,', 'expected states, found ""'],
])('%j must be refused: %s', async (words, problem) => {
  await expect(run(words)).rejects.toThrow(problem);
});

test('a command must not run if no instance is in the state that it was asked for', async () => {
  const caller = { env: {}, directory: '/srv', inState };
  const invocation = await parseInvocation(['act', '--state', 'backoff'], table, caller);
  expect(invocation.kind === 'run' && (await invocation.run())).toBe(0);
  expect(given).toBeUndefined();
});
