import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Command } from '../../src/cli/command.ts';
import { commandHelp, overview } from '../../src/cli/help.ts';
import { commands } from '../../src/commands/table.ts';
import { exitCodes, type ExitCodeName } from '../../src/core/basics/exit-codes.ts';

const names = Object.keys(commands);
const loaded = new Map<string, Command>();

beforeAll(async () => {
  for (const [name, load] of Object.entries(commands)) loaded.set(name, await load());
});

function helpOf(name: string, columns?: number): string {
  const command = loaded.get(name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return commandHelp(name, command, columns);
}

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe.each(names)('the help of %s', (name) => {
  test('must have usage, an example and exit codes, in at most 100 columns', () => {
    const help = helpOf(name);
    expect(help).toMatch(
      new RegExp(
        `^Usage: workerctl ${name} (?:.|\n {2}(?=\\S))*\\[OPTION\\.\\.\\.\\](?: -- .*)?\n\n`,
      ),
    );
    expect(help).toMatch(/^Examples?:.*workerctl|^Examples?:\n {2}.*workerctl/m);
    expect(help).toMatch(/^Exit codes: 0 /m);
    expect(widest(help)).toBeLessThanOrEqual(100);
  });

  test('must name every option of the command, and each exit code by its number', () => {
    const help = helpOf(name).replace(/\s+/g, ' ');
    const { options, exitCodes: codes } = loaded.get(name) ?? { options: {}, exitCodes: {} };
    for (const key of Object.keys(options)) {
      const option = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(help).toMatch(new RegExp(`--(?:no-)?${option}[ ,]`));
    }
    for (const code of Object.keys(codes) as ExitCodeName[])
      expect(help).toMatch(new RegExp(`Exit codes:.* ${exitCodes[code].code} `));
  });

  test('must fit into a terminal of 80 columns, except for a word that is longer', () => {
    const long = helpOf(name, 80)
      .split('\n')
      .filter((line) => line.length > 80);
    expect(long.filter((line) => !/workerctl/.test(line))).toEqual([]);
  });
});

test('a summary must be one sentence', () => {
  for (const { summary } of loaded.values()) expect(summary).toMatch(/^[A-Z].*\.$/);
});

test('the overview must list every command in the order of the table, and every exit code', async () => {
  vi.stubGlobal('VERSION', '1.2.3');
  const text = await overview(commands);
  const listed = [...text.matchAll(/^ {2}([a-z]+) {2,}[A-Z]/gm)].map(([, name]) => name);
  expect(listed).toEqual(names.filter((name) => loaded.get(name)?.isInternal !== true));
  for (const { code } of Object.values(exitCodes).filter(({ code }) => code < 128))
    expect(text).toMatch(new RegExp(`^ {2}${code} `, 'm'));
  expect(widest(text)).toBeLessThanOrEqual(100);
  expect(widest(await overview(commands, 80))).toBeLessThanOrEqual(80);
});

test('only what prints no text of its own must not offer --json', () => {
  const without = names.filter((name) => !/^Options.*--json/m.test(helpOf(name)));
  expect(without).toEqual(['top', 'exec', 'shell', 'completion', 'demo']);
});
