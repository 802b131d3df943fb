import { spawnSync } from 'node:child_process';
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { configIn, errorOf, scratchFolder, write } from './scratch.ts';

const folder = scratchFolder();
const { load, problems } = configIn(folder);

/** What is wrong with one worker that has these keys besides its command. */
const withKeys = (keys: string) => problems(`workers:\n  mail:\n    command: x\n    ${keys}\n`);

describe('a file that is not a config must be refused:', () => {
  test('a missing file', () => {
    const error = errorOf(() => loadConfig(`${folder}/none.yaml`));
    expect(error).toMatchObject({
      code: 'config',
      message: `${folder}/none.yaml: no such config file`,
    });
    expect(error.hint).toContain('workerctl init');
  });

  test('a link to a missing file', () => {
    symlinkSync('releases/r42/workerctl.yaml', `${folder}/dangling.yaml`);
    expect(errorOf(() => loadConfig(`${folder}/dangling.yaml`))).toMatchObject({
      code: 'config',
      message: `${folder}/dangling.yaml: is a link to releases/r42/workerctl.yaml, which does not exist`,
    });
  });

  test('a directory', () => {
    const error = errorOf(() => loadConfig(folder));
    expect(error.message).toBe(`${folder}: expected a config file, found a directory`);
    expect(error.hint).toContain(`${folder}/workerctl.yaml`);
  });

  test.skipIf(process.getuid?.() === 0)('a file that may not be read', () => {
    const path = write(folder, 'secret.yaml', 'workers: {}');
    chmodSync(path, 0);
    expect(errorOf(() => loadConfig(path)).message).toContain('EACCES');
  });

  test('a file that is too large', () => {
    const path = write(folder, 'large.yaml', '#'.repeat(1024 * 1024 + 1));
    const message = 'expected a config of at most 1 MiB, found 1048577 bytes';
    expect(errorOf(() => loadConfig(path)).message).toBe(`${path}: ${message}`);
  });

  test.each([
    ['a device', 'rm -f odd.yaml; ln -s /dev/zero odd.yaml'],
    ['a FIFO', 'rm -f odd.yaml; mkfifo odd.yaml'],
  ])('%s, which is neither read nor waited for', (found, make) => {
    spawnSync('/bin/sh', ['-c', make], { cwd: folder });
    const error = errorOf(() => loadConfig(join(folder, 'odd.yaml')));
    expect(error.message).toContain(`odd.yaml: expected a config file, found ${found}`);
    expect(error.hint).toContain('--config');
  });

  test.each<[string, string | Uint8Array, string]>([
    ['empty', '', '1:1: expected a map with the key workers, found nothing'],
    ['only comments', '# a\n# b\n', '1:1: expected a map with the key workers, found nothing'],
    ['a list', '- a\n', '1:1: expected a map with the key workers, found a list'],
    ['a text', 'hello\n', '1:1: expected a map with the key workers, found "hello"'],
    [
      'no workers',
      'log_dir: x\n',
      '1:1: workers: expected at least one worker (its name, and below it its command), found nothing; add the key',
    ],
    [
      'workers without value',
      'log_dir: x\nworkers:\n',
      '2:1: workers: expected at least one worker (its name, and below it its command), found nothing',
    ],
    [
      'empty workers',
      'workers: {}\n',
      '1:10: workers: expected at least one worker (its name, and below it its command), found an empty map',
    ],
    [
      'a list of workers',
      'workers: [a]\n',
      '1:10: workers: expected at least one worker (its name, and below it its command), found a list',
    ],
    [
      'not UTF-8',
      Buffer.from('a: b\nc: \xffx', 'latin1'),
      '2:4: expected UTF-8 text, found other bytes',
    ],
    ['cut off', Buffer.from('a: \xc3', 'latin1'), '1:4: expected UTF-8 text, found other bytes'],
    [
      'UTF-16',
      Buffer.from('\uFEFFa: b', 'utf16le'),
      '1:1: expected UTF-8 text, found UTF-16; save the file as UTF-8',
    ],
    ['NUL bytes', 'a: b\nc: \0', '2:4: expected UTF-8 text, found a NUL byte'],
    ['a tab', 'workers:\n\tmail: {}\n', '2:1: expected spaces, found a tab to indent with'],
    [
      'an open quote',
      'workers:\n  a: {command: "x}\n  b: y\n',
      '2:16: found a quote that is never closed',
    ],
    [
      'two documents',
      'workers: {a: {command: x}}\n---\nb: c\n',
      '2:1: expected one YAML document, found another one after ---',
    ],
    [
      'a tag',
      'workers: {a: {command: !shell x}}\n',
      '1:24: found a value that begins with !shell; put the value into quotes',
    ],
    ['brackets', '['.repeat(100_000), '1:1: expected at most 100 nested levels, found more'],
    ['dashes', '- '.repeat(100_000), '1:1: expected at most 100 nested levels, found more'],
    [
      'closed brackets',
      `${'['.repeat(200)}${']'.repeat(200)}`,
      '1:1: expected at most 100 nested levels, found more',
    ],
  ])('%s', (_, text, problem) => {
    expect(problems(text)[0]).toBe(problem);
  });
});

describe('wrong keys must be refused:', () => {
  test.each([
    [
      'workers:\n  a: {command: x}\n  a: {command: y}\n',
      '3:3: workers: found the key "a" a second time',
    ],
    [
      'workers: {a: {command: x, command: y}}\n',
      '1:27: workers.a: found the key "command" a second time',
    ],
    ['workers: {{{ x }}: y}\n', '1:11: workers: expected a string as the key, found a map'],
    ['workers: {[a]: y}\n', '1:11: workers: expected a string as the key, found a list'],
    ['workers: {: y}\n', '1:11: workers: expected a string as the key, found nothing'],
    [
      'workers: {__proto__: {command: x}}\n',
      '1:11: workers: found __proto__, which cannot be a key',
    ],
    [
      'workers: {"a b": {command: x}}\n',
      '1:11: workers."a b": expected a name of letters, digits, _ and - (at most 100, not beginning with -), found "a b"',
    ],
    [
      'workers: {a.b: {command: x}}\n',
      '1:11: workers."a.b": expected a name of letters, digits, _ and - (at most 100, not beginning with -), found "a.b"',
    ],
    [
      'worker: {}\nworkers: {a: {command: x}}\n',
      '1:1: worker: found an unknown key; did you mean "workers"?',
    ],
    [
      'count: 1\nworkers: {a: {command: x}}\n',
      '1:1: count: found an unknown key; it belongs to a worker (below workers.NAME) or to defaults',
    ],
    [
      'zzz: 1\nworkers: {a: {command: x}}\n',
      '1:1: zzz: found an unknown key; known here: state_dir, log_dir, release, notify, defaults, workers',
    ],
    [
      'defaults: {command: x}\nworkers: {a: {command: x}}\n',
      '1:12: defaults.command: found an unknown key; each worker has its own',
    ],
    [
      'workers: {a: {command: x, stop: {sginal: TERM}}}\n',
      '1:34: workers.a.stop.sginal: found an unknown key; did you mean "signal"?',
    ],
    [
      'workers: {a: {command: x, state_dir: y}}\n',
      '1:27: workers.a.state_dir: found an unknown key; it belongs to the top level',
    ],
    [
      'workers: {a: {command: x, cwd: y}}\n',
      '1:27: workers.a.cwd: found an unknown key; did you mean "directory"?',
    ],
    [
      'workers: {a: {command: x, release: {file: y}}}\n',
      '1:27: workers.a.release: found an unknown key; it belongs to the top level',
    ],
    [
      'workers: {a: {command: x, ready: {timout: 1s}}}\n',
      '1:35: workers.a.ready.timout: found an unknown key; did you mean "timeout"?',
    ],
    [
      'workers: {a: {command: x, ready: {http: y}}}\n',
      '1:35: workers.a.ready.http: found an unknown key; known here: after, log, file, command, notify, timeout, stay',
    ],
    [
      'workers: {a: {command: x, ready: {log: up}, restart: {overlap: true}}}\n',
      '1:64: workers.a.restart.overlap: found overlap with ready.log; the old process writes to the same log, and its lines would make the new one ready',
    ],
    [
      'workers: {a: {}}\n',
      '1:11: workers.a.command: expected a command (a string, or a list of words), found nothing; add the key',
    ],
    ['workers: {a: }\n', '1:11: workers.a: expected a map with a command, found nothing'],
  ])('%j', (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });
});

describe('a misspelled key that is needed must be reported once:', () => {
  test.each([
    [
      'workers: {a: {comand: x}}\n',
      '1:15: workers.a.comand: found an unknown key; did you mean "command"?',
    ],
    ['worker: {a: {command: x}}\n', '1:1: worker: found an unknown key; did you mean "workers"?'],
    [
      'workers: {a: {command: x, heartbeat: {timout: 5s}}}\n',
      '1:39: workers.a.heartbeat.timout: found an unknown key; did you mean "timeout"?',
    ],
    [
      'release: {cmd: x}\nworkers: {a: {command: x}}\n',
      '1:11: release.cmd: found an unknown key; did you mean "command"?',
    ],
  ])('%j', (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  test('but a key that is missing beside another misspelled one must be reported too', () => {
    expect(problems('workers: {a: {cuont: 2}}\n')).toEqual([
      '1:11: workers.a.command: expected a command (a string, or a list of words), found nothing; add the key',
      '1:15: workers.a.cuont: found an unknown key; did you mean "count"?',
    ]);
  });
});

describe('keys of other tools must be recognised:', () => {
  test.each([
    ['healthcheck', 'ready'],
    ['startsecs', 'ready'],
    ['stop_timeout', 'stop'],
    ['stop_grace_period', 'stop'],
    ['rolling', 'restart'],
    ['update_config', 'restart'],
    ['restart_delay', 'backoff'],
  ])('%s is %s', (key, ours) => {
    expect(withKeys(`${key}: 5`)).toEqual([
      `4:5: workers.mail.${key}: found an unknown key; did you mean "${ours}"?`,
    ]);
  });
});

describe('what is in place of keys of other tools must be said:', () => {
  test.each([
    ['numprocs: 3', 'write count: 3'],
    ['replicas: 3', 'write count: 3'],
    ['instances: max', 'write count: max, or identifiers for names'],
    ['autorestart: false', 'write on_exit: always, on_failure or never'],
    ['depends_on: [db]', 'workers start in no order'],
    ['stdout_logfile: /x.log', 'write log: {file: /x.log}; it holds both outputs'],
    ['stopwaitsecs: 600', 'write stop: {timeout: 600s}; a job that takes longer is killed'],
    ['kill_timeout: 5000', 'write stop: {timeout: 5000ms}'],
    ['signal: SIGINT', 'write stop: {signal: INT}'],
    ['stop_signal: quit', 'write stop: {signal: QUIT}'],
    ['kill_signal: SIGKILL', 'write stop: {timeout: 2h} to kill what takes longer; KILL ends'],
  ])('%s', (keys, words) => {
    const key = keys.split(':')[0] ?? '';
    expect(withKeys(keys)).toEqual([
      expect.stringContaining(`4:5: workers.mail.${key}: found an unknown key; ${words}`),
    ]);
  });
});

describe('what is nearly right must be answered with an example:', () => {
  test.each([
    ['ready: 5s', 'such as ready: {after: 5s}'],
    ['ready: ^up$', 'such as ready: {log: ^up$}'],
    ['heartbeat: 30s', 'such as heartbeat: {timeout: 30s}'],
    ['log: x.log', 'such as log: {file: x.log}'],
    ['stop: 30s', 'such as stop: {timeout: 30s}'],
    ['stop: SIGINT', 'such as stop: {signal: SIGINT}'],
    ['backoff: 5s', 'such as backoff: {initial: 5s}'],
    ['recycle: 500M', 'such as recycle: {memory: 500M}'],
    ['recycle: 24h', 'such as recycle: {age: 24h}'],
    ['count: "3"', 'found "3"; write count: 3, without quotes'],
    ['daemonizes: "true"', 'write daemonizes: true, without quotes'],
    ['restart: {overlap: yes}', 'found "yes"; write overlap: true'],
    ['ready: {after: 5}', 'found 5; write after: 5s'],
    [
      'stop: {signal: SIGKILL}',
      'found "SIGKILL"; KILL ends a process at once, and its job is lost; write signal: TERM, and timeout: 2h',
    ],
    ['stop: {signal: KILL}', 'write signal: TERM, and timeout: 2h'],
    ['stop: {quiet: KILL}', 'KILL ends a process at once'],
  ])('%s', (keys, words) => {
    expect(withKeys(keys)).toEqual([expect.stringContaining(words)]);
  });

  test.each([
    'ready: [a]',
    'log: null',
    'restart: always',
    'count: "-3"',
    'count: "007"',
    'count: three',
  ])('%s has none', (keys) => {
    expect(withKeys(keys)[0]).not.toContain(';');
  });
});

describe('aliases', () => {
  test.each([
    ['workers: {a: *nope}\n', '1:14: workers.a: found *nope without an anchor; put &nope above it'],
    ['workers: &w {a: *w}\n', '1:17: workers.a: found *w inside the value that it refers to'],
    [
      'workers: {a: {<<: x, command: y}}\n',
      '1:15: workers.a: expected a map, or a list of maps, after <<, found "x"',
    ],
  ])('%j', (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  test('that multiply must take no memory', () => {
    const row = (i: number) =>
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    const text = `a0: &a0 [x, x]\n${Array.from({ length: 30 }, (_, i) => row(i + 1)).join('')}`;
    const worker = 'workers: {a: {command: *a30}}\n';
    expect(problems(text + worker)[0]).toContain('1:1: a0: found an unknown key');
    expect(errorOf(() => load(text + worker)).problems).toHaveLength(31 + 9);
    expect(errorOf(() => load(text + worker)).problems?.at(-9)).toMatchObject({
      key: 'workers.a.command[0]',
      found: 'a list',
    });
    const merges = text.replace(/\[x, x\]/, '{x: y}').replace(/\[(.*)\]/g, '{<<: [$1]}');
    expect(problems(merges)[0]).toContain('1:1: a0: found an unknown key');
  });
});

describe('wrong values must be refused:', () => {
  test.each([
    [
      'count: three',
      '4:12: workers.mail.count: expected a whole number from 0 to 500, found "three"',
    ],
    ['count: 501', '4:12: workers.mail.count: expected a whole number from 0 to 500, found 501'],
    ['count: 1.5', '4:12: workers.mail.count: expected a whole number from 0 to 500, found 1.5'],
    [
      'umask: 022',
      '4:12: workers.mail.umask: expected three octal digits in quotes, such as "022", found 022',
    ],
    [
      'umask: "99"',
      '4:12: workers.mail.umask: expected three octal digits in quotes, such as "022", found "99"',
    ],
    ['nice: -21', '4:11: workers.mail.nice: expected a whole number from -20 to 19, found -21'],
    [
      'oom_score_adj: 1001',
      '4:20: workers.mail.oom_score_adj: expected a whole number from -1000 to 1000, found 1001',
    ],
    [
      'limits: {nofile: unlimited}',
      '4:22: workers.mail.limits.nofile: expected a whole number of at least 0, found "unlimited"',
    ],
    [
      'limits: {memory_max: 100KB}',
      '4:26: workers.mail.limits.memory_max: expected a size of at least 1MB, such as 512MB, found "100KB"',
    ],
    [
      'limits: {cpu: 50%}',
      '4:19: workers.mail.limits.cpu: expected a number of cores from 0.01 to 10000, such as 0.5 or 2, found "50%"',
    ],
    [
      'limits: {cpu: 0}',
      '4:19: workers.mail.limits.cpu: expected a number of cores from 0.01 to 10000, such as 0.5 or 2, found 0',
    ],
    [
      'limits: {memory_max: 512MB}\n    recycle: {memory: 1GB}',
      '5:23: workers.mail.recycle.memory: expected less than limits.memory_max, 512MB, found 1GB; the kernel would kill it in the middle of a job before it is recycled between two',
    ],
    [
      'limits: {as: 5 apples}',
      '4:18: workers.mail.limits.as: expected a number of bytes, a size such as 512MB, or unlimited, found "5 apples"',
    ],
    [
      'limits: {as: -5}',
      '4:18: workers.mail.limits.as: expected a number of bytes, a size such as 512MB, or unlimited, found -5',
    ],
    [
      'stop: {signal: KILL}',
      '4:20: workers.mail.stop.signal: expected one of TERM, INT, QUIT, HUP, USR1, USR2, WINCH, found "KILL"; KILL ends a process at once, and its job is lost; write signal: TERM, and timeout: 2h to kill what takes longer',
    ],
    [
      'ready: {after: 5}',
      '4:20: workers.mail.ready.after: expected a duration of at most 24h, such as 1s, 90s or 15m, found 5; write after: 5s',
    ],
    [
      'ready: {after: 48h}',
      '4:20: workers.mail.ready.after: expected a duration of at most 24h, such as 1s, 90s or 15m, found "48h"',
    ],
    [
      'ready: {after: 1s, log: up}',
      '4:12: workers.mail.ready: found both after and log; choose one of them',
    ],
    [
      'ready: {file: up, command: up}',
      '4:12: workers.mail.ready: found both file and command; choose one of them',
    ],
    [
      'ready: {after: 1s, timeout: 1s}',
      '4:12: workers.mail.ready: found both after and timeout; after needs no timeout',
    ],
    [
      'ready: {timeout: 5s}',
      '4:22: workers.mail.ready.timeout: found timeout without log, file, command or notify; a worker that is ready after a time needs none',
    ],
    [
      'ready: {log: up, timeout: 0s}',
      '4:31: workers.mail.ready.timeout: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found "0s"',
    ],
    [
      'ready: {log: up, timeout: 0.4ms}',
      '4:31: workers.mail.ready.timeout: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found "0.4ms"',
    ],
    [
      'ready: {log: up, timeout: 25h}',
      '4:31: workers.mail.ready.timeout: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found "25h"',
    ],
    [
      'ready: {log: up, timeout: soon}',
      '4:31: workers.mail.ready.timeout: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found "soon"',
    ],
    [
      'ready: {log: }',
      '4:13: workers.mail.ready.log: expected a regular expression, found nothing',
    ],
    ['ready: {log: ""}', '4:18: workers.mail.ready.log: expected a regular expression, found ""'],
    [
      'ready: {log: "(up"}',
      '4:18: workers.mail.ready.log: expected a regular expression, found "(up"; Unterminated group',
    ],
    [
      'ready: {log: "*"}',
      '4:18: workers.mail.ready.log: expected a regular expression, found "*"; Nothing to repeat',
    ],
    [
      "ready: {log: 'up (?!not)'}",
      '4:18: workers.mail.ready.log: expected a regular expression, found "up (?!not)"; (?! can take forever to match: write it without lookaround and back references',
    ],
    [
      "ready: {log: '(a)b\\1'}",
      '4:18: workers.mail.ready.log: expected a regular expression, found "(a)b\\\\1"; \\1 can take forever to match: write it without lookaround and back references',
    ],
    [
      "ready: {log: '(x{1,20}){1,20}$'}",
      '4:18: workers.mail.ready.log: expected a regular expression, found "(x{1,20}){1,20}$"; it can take forever to match: repeat nothing more than 16 times, groups inside each other included; * and + are allowed',
    ],
    [
      'ready: {log: "[/m: "}',
      '4:18: workers.mail.ready.log: expected a regular expression, found "[/m: "; Unterminated character class',
    ],
    [
      'ready: {file: "%x"}',
      '4:19: workers.mail.ready.file: found the unknown specifier %x; known are %i %p %n %H, and %% for a percent sign',
    ],
    [
      'ready: {file: ~/up}',
      '4:19: workers.mail.ready.file: found "~", which is not expanded; write the whole path',
    ],
    [
      'ready: {file: tmp/}',
      '4:19: workers.mail.ready.file: expected the path of a file, found "tmp/"; a path that ends with / names a directory',
    ],
    [
      'ready: {command: a && b}',
      '4:22: workers.mail.ready.command: found "&&"; no shell runs here: quote it, or use [sh, -c, "exec ..."]',
    ],
    [
      'ready: {command: [a, "%x"]}',
      '4:26: workers.mail.ready.command[1]: found the unknown specifier %x; known are %i %p %n %H, and %% for a percent sign',
    ],
    [
      'ready: {command: []}',
      '4:22: workers.mail.ready.command: expected at least one word, found an empty list',
    ],
    [
      'stop: {quiet: KILL}',
      '4:19: workers.mail.stop.quiet: expected one of TERM, INT, QUIT, HUP, USR1, USR2, WINCH, TSTP, CONT, or a map with command and timeout (30s), found "KILL"; KILL ends a process at once, and its job is lost',
    ],
    [
      'stop: {quiet: TSTP, resume: STOP}',
      '4:33: workers.mail.stop.resume: expected one of TERM, INT, QUIT, HUP, USR1, USR2, WINCH, TSTP, CONT, or a map with command and timeout (30s), found "STOP"',
    ],
    [
      'stop: {quiet: bin/hush %i}',
      '4:19: workers.mail.stop.quiet: expected one of TERM, INT, QUIT, HUP, USR1, USR2, WINCH, TSTP, CONT, or a map with command and timeout (30s), found "bin/hush %i"',
    ],
    [
      'stop: {quiet: {timeout: 5s}}',
      '4:12: workers.mail.stop.quiet.command: expected a command (a string, or a list of words), found nothing; add the key',
    ],
    [
      'stop: {quiet: {command: bin/hush, timeout: never}}',
      '4:48: workers.mail.stop.quiet.timeout: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found "never"',
    ],
    [
      'stop: {quiet: {command: "bin/hush %x"}}',
      '4:29: workers.mail.stop.quiet.command: found the unknown specifier %x; known are %i %p %n %H, and %% for a percent sign',
    ],
    [
      'stop: {resume: CONT}',
      '4:20: workers.mail.stop.resume: found resume without quiet; resume ends what quiet began: set both',
    ],
    [
      'stop: {timeout: 0s}',
      '4:21: workers.mail.stop.timeout: expected a duration above 0 and at most 365d, such as 90s, 1h30m or 2d, or never, found "0s"',
    ],
    [
      'stop: {timeout: 366d}',
      '4:21: workers.mail.stop.timeout: expected a duration above 0 and at most 365d, such as 90s, 1h30m or 2d, or never, found "366d"',
    ],
    [
      'stop: {timeout: 30}',
      '4:21: workers.mail.stop.timeout: expected a duration above 0 and at most 365d, such as 90s, 1h30m or 2d, or never, found 30; write timeout: 30s',
    ],
    [
      'stop: {timeout: forever}',
      '4:21: workers.mail.stop.timeout: expected a duration above 0 and at most 365d, such as 90s, 1h30m or 2d, or never, found "forever"',
    ],
    [
      'restart: always',
      '4:14: workers.mail.restart: expected a map of canary, batch, patience, overlap, max_extra, on_failure, finisher, found "always"',
    ],
    ['restart: {canary: 2}', '4:23: workers.mail.restart.canary: expected 0 or 1, found 2'],
    ['restart: {canary: true}', '4:23: workers.mail.restart.canary: expected 0 or 1, found true'],
    [
      'restart: {batch: 0}',
      '4:22: workers.mail.restart.batch: expected a whole number of at least 1, or a percentage from 1% to 100%, found 0',
    ],
    [
      'restart: {batch: 1.5}',
      '4:22: workers.mail.restart.batch: expected a whole number of at least 1, or a percentage from 1% to 100%, found 1.5',
    ],
    [
      'restart: {batch: "3"}',
      '4:22: workers.mail.restart.batch: expected a whole number of at least 1, or a percentage from 1% to 100%, found "3"; write batch: 3, without quotes',
    ],
    [
      'restart: {batch: 0%}',
      '4:22: workers.mail.restart.batch: expected a whole number of at least 1, or a percentage from 1% to 100%, found "0%"',
    ],
    [
      'restart: {batch: 101%}',
      '4:22: workers.mail.restart.batch: expected a whole number of at least 1, or a percentage from 1% to 100%, found "101%"',
    ],
    [
      'restart: {batch: 2.5%}',
      '4:22: workers.mail.restart.batch: expected a whole number of at least 1, or a percentage from 1% to 100%, found "2.5%"',
    ],
    [
      'restart: {patience: 5}',
      '4:25: workers.mail.restart.patience: expected a duration of at most 24h, such as 1s, 90s or 15m, found 5; write patience: 5s',
    ],
    [
      'restart: {overlap: yes}',
      '4:24: workers.mail.restart.overlap: expected true or false, found "yes"; write overlap: true',
    ],
    [
      'restart: {max_extra: 0}',
      '4:26: workers.mail.restart.max_extra: expected a whole number from 1 to 500, found 0',
    ],
    [
      "busy: {title: '(?<=job )x'}",
      '4:19: workers.mail.busy.title: expected a regular expression, found "(?<=job )x"; (?<= can take forever to match: write it without lookaround and back references',
    ],
    [
      'busy: {title: "(?<a"}',
      '4:19: workers.mail.busy.title: expected a regular expression, found "(?<a"; Invalid capture group name',
    ],
    [
      'backoff: {initial: 0s}',
      '4:24: workers.mail.backoff.initial: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found "0s"',
    ],
    [
      'hooks: {rollout: "tell %%i %i"}',
      '4:22: workers.mail.hooks.rollout: found %i, which has no meaning here; the command runs once for all instances',
    ],
    [
      'hooks: {lots: a}',
      '4:13: workers.mail.hooks.lots: found an unknown key; did you mean "lost"?',
    ],
    [
      'backoff: {max: 10}',
      '4:20: workers.mail.backoff.max: expected a duration above 0 and at most 24h, such as 1s, 90s or 15m, found 10; write max: 10s',
    ],
    [
      'recycle: {memory: 0}',
      '4:23: workers.mail.recycle.memory: expected a number of bytes above 0, a size such as 512MB, or unlimited, found 0',
    ],
    [
      'recycle: {age: 400d}',
      '4:20: workers.mail.recycle.age: expected a duration above 0 and at most 365d, such as 90s, 1h30m or 2d, or never, found "400d"',
    ],
    [
      'recycle: {outdated: 1}',
      '4:25: workers.mail.recycle.outdated: expected true or false, found 1',
    ],
    [
      'stop: {leftovers: keep}',
      '4:23: workers.mail.stop.leftovers: expected one of report, leave, kill, wait, found "keep"',
    ],
    [
      'backoff: {initial: 2s, max: 1s}',
      '4:33: workers.mail.backoff.max: expected max to be at least initial, found max 1s and initial 2s',
    ],
    [
      'backoff: {initial: 10m}',
      '4:24: workers.mail.backoff.initial: expected max to be at least initial, found max 5m and initial 10m',
    ],
    ['env:', '4:5: workers.mail.env: expected a map of variables and their values, found nothing'],
    [
      'env: {A: true}',
      '4:14: workers.mail.env.A: expected a string or a number (true, false and null only in quotes), found true',
    ],
    [
      'env: {A: ~}',
      '4:14: workers.mail.env.A: expected a string or a number (true, false and null only in quotes), found ~',
    ],
    [
      'env: {A: [1]}',
      '4:14: workers.mail.env.A: expected a string or a number (true, false and null only in quotes), found a list',
    ],
    [
      'env: {A: 100%}',
      '4:14: workers.mail.env.A: found a single % at the end; write %% for a percent sign',
    ],
    [
      'env: {A: "%x"}',
      '4:14: workers.mail.env.A: found the unknown specifier %x; known are %i %p %n %H, and %% for a percent sign',
    ],
    [
      'env: {A: "a\\0b"}',
      '4:14: workers.mail.env.A: expected a string without NUL characters, found one',
    ],
    [
      'env: {1A: x}',
      '4:11: workers.mail.env.1A: expected the name of a variable: letters, digits and _, not beginning with a digit or WORKERCTL_, found "1A"',
    ],
    [
      'env: {WORKERCTL_ID: x}',
      '4:11: workers.mail.env.WORKERCTL_ID: expected the name of a variable: letters, digits and _, not beginning with a digit or WORKERCTL_, found "WORKERCTL_ID"',
    ],
    [
      'pass_env: [BUILD_ID]',
      '4:16: workers.mail.pass_env[0]: found BUILD_ID, which no worker may have; CI systems kill every process that has it when their job ends',
    ],
    [
      'pass_env: FOO',
      '4:15: workers.mail.pass_env: expected a list of names of variables, found "FOO"',
    ],
    [
      'identifiers: [a, a.b]',
      '4:22: workers.mail.identifiers[1]: expected a name of letters, digits, _ and - (at most 100, not beginning with -), found "a.b"',
    ],
    [
      'identifiers: [-5]',
      '4:19: workers.mail.identifiers[0]: expected a name of letters, digits, _ and - (at most 100, not beginning with -), found -5',
    ],
    [
      'identifiers: [1, b, "1"]',
      '4:25: workers.mail.identifiers[2]: found "1" a second time; identifiers tell instances apart',
    ],
    [
      'identifiers: [1.0]',
      '4:19: workers.mail.identifiers[0]: expected a name of letters, digits, _ and - (at most 100, not beginning with -), found 1.0',
    ],
    [
      'directory: ~/app',
      '4:16: workers.mail.directory: found "~", which is not expanded; write the whole path',
    ],
    ['directory: ""', '4:16: workers.mail.directory: expected a path, found ""'],
    [
      'pidfile: pids/',
      '4:14: workers.mail.pidfile: expected the path of a file, found "pids/"; a path that ends with / names a directory',
    ],
    [
      'pidfile: .workerctl/state.json',
      '4:14: workers.mail.pidfile: expected a name that ends in .pid, found state.json in the state directory; other names in that directory belong to workerctl',
    ],
    [
      'log: {file: .workerctl/%n.lock}',
      '4:17: workers.mail.log.file: expected a name that ends in .log, found %n.lock in the state directory; other names in that directory belong to workerctl',
    ],
  ])('%s', (keys, problem) => {
    expect(withKeys(keys)).toEqual([problem]);
  });

  test.each([
    [
      'a | b',
      'workers.a.command: found "|"; no shell runs here: quote it, or use [sh, -c, "exec ..."]',
    ],
    [
      'date +%Y',
      'workers.a.command: found the unknown specifier %Y; known are %i %p %n %H, and %% for a percent sign',
    ],
    [['a', 'b%'], 'workers.a.command[1]: found a single % at the end; write %% for a percent sign'],
    [
      ['a', true],
      'workers.a.command[1]: expected a string or a number (true, false and null only in quotes), found true',
    ],
    [[], 'workers.a.command: expected at least one word, found an empty list'],
    [[''], 'workers.a.command: expected a command, found ""'],
    [5, 'workers.a.command: expected a command (a string, or a list of words), found 5'],
  ])('command %j', (command, problem) => {
    const [found = ''] = problems(JSON.stringify({ workers: { a: { command } } }));
    expect(found.replace(/^1:\d+: /, '')).toBe(problem);
  });

  test('count with identifiers', () => {
    expect(problems('workers: {a: {command: x, count: 2, identifiers: [a]}}')).toEqual([
      '1:14: workers.a: found both count and identifiers; identifiers already say how many there are',
    ]);
  });

  test('specifiers in state_dir', () => {
    expect(problems('state_dir: run/%i\nworkers: {a: {command: x}}')[0]).toContain(
      '1:12: state_dir: found %i, which has no meaning here; the value is the same for all instances; write %% for a percent sign',
    );
  });
});

describe('what contradicts the defaults must be refused:', () => {
  const withDefaults = (defaults: string, own: string) =>
    problems(`defaults: {${defaults}}\nworkers:\n  a: {command: x, ${own}}\n  b: {command: x}\n`);

  test.each([
    [
      'ready: {after: 5s}',
      'ready: {timeout: 5s}',
      '3:36: workers.a.ready.timeout: found timeout without log, file, command or notify; a worker that is ready after a time needs none',
    ],
    [
      'stop: {resume: CONT}',
      'stop: {quiet: TSTP}',
      '1:27: defaults.stop.resume: found resume without quiet; resume ends what quiet began: set both',
    ],
    [
      'stop: {resume: CONT}',
      'stop: {signal: INT}',
      '1:27: defaults.stop.resume: found resume without quiet; resume ends what quiet began: set both',
    ],
    [
      'backoff: {initial: 10m}',
      'nice: 1',
      '1:31: defaults.backoff.initial: expected max to be at least initial, found max 5m and initial 10m',
    ],
    [
      'backoff: {max: 1m}',
      'backoff: {initial: 90s}',
      '3:38: workers.a.backoff.initial: expected max to be at least initial, found max 1m and initial 1m 30s',
    ],
  ])('%s and %s', (defaults, own, problem) => {
    expect(withDefaults(defaults, own)).toEqual([problem]);
  });
});

describe('a wrong release must be refused:', () => {
  const release = (value: string) => problems(`release: ${value}\nworkers: {a: {command: x}}\n`);

  test.each([
    ['{}', '1:10: release: expected command or file, found neither'],
    ['{file: a, command: b}', '1:10: release: found both command and file; choose one of them'],
    [
      'v1',
      '1:10: release: expected a map of command, file, found "v1"; such as release: {command: v1}',
    ],
    [
      '{file: a/%p}',
      '1:17: release.file: found %p, which has no meaning here; the value is the same for all instances; write %% for a percent sign',
    ],
    [
      '{file: a/}',
      '1:17: release.file: expected the path of a file, found "a/"; a path that ends with / names a directory',
    ],
    [
      '{command: git log --format=%h}',
      '1:20: release.command: found %h, which has no meaning here; the value is the same for all instances; write %% for a percent sign',
    ],
    [
      '{command: [a, "%n"]}',
      '1:24: release.command[1]: found %n, which has no meaning here; the value is the same for all instances; write %% for a percent sign',
    ],
    [
      '{command: cat $A}',
      '1:20: release.command: found $A, which is not expanded; no shell runs here: put it into single quotes, or use [sh, -c, "exec ..."]',
    ],
    [
      '{command: 5}',
      '1:20: release.command: expected a command (a string, or a list of words), found 5',
    ],
  ])('%s', (value, problem) => {
    expect(release(value)).toEqual([problem]);
  });

  test('unknown keys beside what is missing', () => {
    expect(release('{tag: x}')).toEqual([
      '1:10: release: expected command or file, found neither',
      '1:11: release.tag: found an unknown key; known here: command, file',
    ]);
  });
});

describe('a file for ready.file', () => {
  test('must not be shared by instances', () => {
    expect(withKeys('ready: {file: tmp/up}\n    count: 2')).toEqual([
      `4:19: workers.mail.ready.file: expected a file for each instance, found ${folder}/tmp/up for both mail.1 and mail.2; each needs its own: put %n into the name`,
    ]);
  });

  test('must not be shared because of the defaults', () => {
    const text = `defaults: {ready: {file: tmp/%i.up}}
workers: {a: {command: x}, b: {command: x, ready: {timeout: 5s}}, c: {command: x, ready: {log: y}}}
`;
    expect(problems(text)).toEqual([
      `1:26: defaults.ready.file: expected a file for each instance, found ${folder}/tmp/1.up for both a.1 and b.1; each needs its own: put %n into the name`,
    ]);
  });
});

describe('a log for ready.log', () => {
  const own = 'log: {file: log/all.log}';

  test('must not be shared by instances', () => {
    expect(withKeys(`${own}\n    ready: {log: up}\n    count: 2`)).toEqual([
      `4:17: workers.mail.log.file: expected a file for each instance, found ${folder}/log/all.log for both mail.1 and mail.2; ready.log would match the lines of both: put %n into the name`,
    ]);
  });

  test('must be allowed for workers that are ready in another way', () => {
    const text = `defaults: {${own}}\nworkers: {a: {command: x, ready: {log: up}}, b: {command: x}}`;
    expect(load(text).workers).toHaveLength(2);
  });
});

describe('programs that daemonize', () => {
  const text = (keys: string): string =>
    `workers:\n  mail:\n    command: x\n    daemonizes: true\n    ${keys}\n`;
  const daemon = (keys: string): string => problems(text(keys))[0] ?? '';

  test('must name a pidfile, one per instance', () => {
    expect(withKeys('daemonizes: true')).toEqual([
      '4:17: workers.mail.daemonizes: found daemonizes without pidfile; name the file that the program writes its pid to',
    ]);
    expect(load(text('pidfile: tmp/%n.pid\n    count: 3')).workers).toHaveLength(1);
    const fromDefaults =
      'defaults: {pidfile: tmp/%n.pid}\nworkers: {a: {command: x, daemonizes: true}}\n';
    expect(load(fromDefaults).workers[0]?.daemonizes).toEqual({ timeout: 60_000 });
    expect(daemon('pidfile: tmp/mail.pid\n    count: 2')).toContain(
      'tmp/mail.pid for both mail.1 and mail.2',
    );
  });

  test('must not use overlap or ready.notify', () => {
    expect(daemon('pidfile: x.pid\n    restart: {overlap: true}')).toContain(
      'workers.mail.restart.overlap: found overlap with daemonizes',
    );
    expect(daemon('pidfile: x.pid\n    ready: {notify: true}')).toContain(
      'workers.mail.ready.notify: found ready.notify with daemonizes',
    );
  });

  test('must be the only ones with start.timeout', () => {
    const { workers } = load(text('pidfile: x.pid\n    start: {timeout: 2m}'));
    expect(workers[0]?.daemonizes).toEqual({ timeout: 120_000 });
    expect(withKeys('start: {timeout: 2m}')).toEqual([
      '4:22: workers.mail.start.timeout: found start.timeout without daemonizes; to wait for a worker to be ready, set ready.timeout',
    ]);
    expect(daemon('pidfile: x.pid\n    start: {timeout: 0s}')).toContain(
      'expected a duration above 0',
    );
    expect(withKeys('daemonizes: 1')[0]).toContain('expected true or false, found 1');
  });
});

describe('pidfiles', () => {
  test('of two instances must differ', () => {
    expect(withKeys('count: 3\n    pidfile: run/mail.pid')).toEqual([
      `5:14: workers.mail.pidfile: expected a file for each instance, found ${folder}/run/mail.pid for both mail.1 and mail.2; each needs its own: put %n into the name`,
    ]);
  });

  test('of two workers must differ, and the problem must be in the defaults if they are the cause', () => {
    const text = 'defaults: {pidfile: run/%i.pid}\nworkers: {a: {command: x}, b: {command: x}}\n';
    expect(problems(text)).toEqual([
      `1:21: defaults.pidfile: expected a file for each instance, found ${folder}/run/1.pid for both a.1 and b.1; each needs its own: put %n into the name`,
    ]);
  });

  test('must not be the default one of another instance', () => {
    const text = 'workers: {a: {command: x}, b: {command: x, pidfile: .workerctl/a.1.pid}}\n';
    expect(problems(text)[0]).toContain('.workerctl/a.1.pid for both a.1 and b.1');
  });

  test('of one instance must need no specifier', () => {
    expect(() => withKeys('pidfile: run/mail.pid')).toThrow('expected a WorkerctlError');
  });
});

describe('all problems', () => {
  test('must be in the error with their places', () => {
    const text = 'workers:\n  a: {command: x, cuont: 1, nice: 99}\n';
    const file = `${folder}/workerctl.yaml`;
    expect(errorOf(() => load(text)).problems).toStrictEqual([
      {
        file,
        line: 2,
        column: 19,
        key: 'workers.a.cuont',
        found: 'an unknown key',
        hint: 'did you mean "count"?',
      },
      {
        file,
        line: 2,
        column: 35,
        key: 'workers.a.nice',
        expected: 'a whole number from -20 to 19',
        found: '99',
      },
    ]);
    expect(errorOf(() => load('- a')).problems?.[0]).not.toHaveProperty('key');
    expect(errorOf(() => loadConfig(`${folder}/none.yaml`)).problems).toBeUndefined();
  });

  test('must be reported at once, in the order of the file', () => {
    const text = 'workers:\n  b: {cont: 1, command: "a|b"}\n  a: {command: x, nice: 99}\nfoo: 1\n';
    expect(problems(text).map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      '2:7 workers.b.cont',
      '2:25 workers.b.command',
      '3:25 workers.a.nice',
      '4:1 foo',
    ]);
  });

  test('must be at most twenty lines, and the rest a number', () => {
    const keys = Array.from({ length: 30 }, (_, i) => `  "${i} x": {command: y}\n`).join('');
    const lines = problems(`workers:\n${keys}`);
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('and 10 more');
  });

  test('must show long values shortened', () => {
    expect(withKeys(`count: ${'x'.repeat(500)}`)[0]?.length).toBeLessThan(150);
  });

  test('must point into the map that a value is merged from', () => {
    const text = 'workers:\n  a: &a {command: x, nice: 99}\n  b: {<<: *a}\n';
    expect(problems(text)).toEqual([
      '2:28: workers.a.nice: expected a whole number from -20 to 19, found 99',
      '2:28: workers.b.nice: expected a whole number from -20 to 19, found 99',
    ]);
  });
});

test('a group without a user, and what can be no name, must be refused', () => {
  expect(withKeys('group: web')).toEqual([
    '4:12: workers.mail.group: found group without user; name the user of the processes, too',
  ]);
  expect(withKeys('user: "a b"')).toEqual([
    '4:11: workers.mail.user: expected the name or number of a user, found "a b"',
  ]);
});
