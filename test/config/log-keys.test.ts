import { describe, expect, test } from 'vitest';
import { effectiveConfig } from '../../src/config/schema/print.ts';
import { configIn, scratchFolder } from './scratch.ts';

const { load, worker, problems } = configIn(scratchFolder());

const withLog = (log: string, more = ''): string =>
  `workers:\n  mail:\n    command: x\n    log: ${log}\n${more}`;

describe('log', () => {
  test('max_size must be a size or a number of bytes', () => {
    const rotated = { kind: 'rotated', maxSize: 100 * 1024 ** 2, keep: 5 };
    expect(worker(withLog('{max_size: 100MB}')).log).toEqual(rotated);
    expect(worker(withLog('{max_size: 104857600, keep: 7}')).log).toEqual({ ...rotated, keep: 7 });
  });

  test('command must be split into words, or be taken as a list', () => {
    const piped = { kind: 'piped', command: ['svlogd', '-tt', '/var/log/%n'] };
    expect(worker(withLog('{command: svlogd -tt /var/log/%n}')).log).toEqual(piped);
    expect(worker(withLog('{command: [svlogd, -tt, /var/log/%n]}')).log).toEqual(piped);
  });

  test('without max_size and command there must be no policy', () => {
    expect(worker(withLog('{file: a.log}')).log).toBeUndefined();
  });

  test("a worker's own logger must replace the rotation of the defaults, and the other way round", () => {
    const defaults = (log: string) => `defaults: {log: ${log}}\n`;
    expect(worker(defaults('{max_size: 1MB, keep: 3}') + withLog('{command: cat}')).log).toEqual({
      kind: 'piped',
      command: ['cat'],
    });
    expect(worker(defaults('{command: cat}') + withLog('{max_size: 1MB}')).log).toEqual({
      kind: 'rotated',
      maxSize: 1024 ** 2,
      keep: 5,
    });
    expect(worker(defaults('{max_size: 1MB}') + withLog('{keep: 3}')).log).toMatchObject({
      keep: 3,
    });
  });

  test('must be printed as a config would have it', () => {
    const logOf = (log: string): unknown =>
      (effectiveConfig(load(withLog(log))) as { workers: { mail: { log: object } } }).workers.mail
        .log;
    expect(logOf('{max_size: 64KB}')).toMatchObject({ max_size: '64KB', keep: 5 });
    expect(logOf('{command: cat -u}')).toMatchObject({ command: ['cat', '-u'] });
  });
});

describe('a wrong log', () => {
  test.each([
    ['{max_size: 10KB}', 'expected a size of at least 64KB, such as 100MB, found "10KB"'],
    ['{max_size: -1}', 'expected a size of at least 64KB, such as 100MB, found -1'],
    ['{max_size: big}', 'expected a size of at least 64KB, such as 100MB, found "big"'],
    ['{max_size: 1MB, keep: 0}', 'expected a whole number from 1 to 1000, found 0'],
    ['{keep: 3}', 'found keep without max_size; without it, the log is never rotated'],
    [
      '{command: cat, max_size: 1MB}',
      'found both command and max_size; a logger limits the size of its files itself',
    ],
    ['{command: []}', 'expected at least one word, found an empty list'],
    ['{command: "cat | sort"}', '|'],
  ])('%s must be refused', (log, problem) => {
    const [first = '', ...others] = problems(withLog(log));
    expect(others).toEqual([]);
    expect(first).toContain(problem);
  });

  test('a logger with ready.log must be refused, because its lines cannot be matched', () => {
    expect(problems(withLog('{command: cat}', '    ready: {log: up}\n'))[0]).toContain(
      'found log.command with ready.log',
    );
  });

  test('a rotated log of several instances must be refused', () => {
    const text = withLog('{file: all.log, max_size: 1MB}', '    count: 2\n');
    expect(problems(text)[0]).toMatch(
      /expected a file for each instance, found .*all\.log for both mail\.1 and mail\.2; log\.max_size needs one log per instance: put %n into the name/,
    );
  });
});
