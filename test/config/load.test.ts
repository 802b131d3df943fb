import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { configIn, scratchFolder, write } from './scratch.ts';

const folder = scratchFolder();
const { load, worker } = configIn(folder);
const inFolder = (path: string) => join(folder, path);

/** The only worker, with these keys besides its command. */
const workerWith = (keys: string) => worker(`workers: {mail: {command: x, ${keys}}}`);

describe('a worker must', () => {
  test('have every default if it has only a command', () => {
    expect(load('workers: {mail: {command: bundle exec rake}}')).toStrictEqual({
      path: inFolder('workerctl.yaml'),
      stateDir: inFolder('.workerctl'),
      release: { kind: 'directory' },
      workers: [
        {
          name: 'mail',
          command: ['bundle', 'exec', 'rake'],
          identifiers: ['1'],
          configured: ['1'],
          isCounted: true,
          directory: folder,
          env: {},
          envFiles: [],
          passEnv: [],
          pidfile: inFolder('.workerctl/%n.pid'),
          logFile: inFolder('log/%n.log'),
          umask: 0o22,
          nice: 0,
          noNewPrivs: false,
          oomScoreAdj: 0,
          limits: { nofile: 1024 },
          stop: { signal: 'TERM' },
          ready: { kind: 'after', after: 1000 },
          restart: {
            canary: true,
            batch: { kind: 'percent', percent: 100 },
            patience: 30_000,
            overlap: false,
            maxExtra: 1,
            onFailure: 'abort',
            finisher: true,
          },
          maxCount: 500,
          maxExtension: 3_600_000,
          onExit: 'always',
          successCodes: [0],
          backoff: { initial: 1000, max: 300_000, reset: 600_000, minRun: 10_000 },
          lostGrace: 10_000,
          hooks: { timeout: 30_000, drainLong: { after: 1_800_000 } },
        },
      ],
    });
  });

  test('take each key as it is written', () => {
    const text = `
state_dir: /run/app
log_dir: logs
release: {file: current/REVISION}
workers:
  mail:
    command: [bin/mail, "--id=%i", 60, ""]
    identifiers: [a, 7, 007]
    directory: current
    env: {A: "%n 100%%", B: no}
    env_files: [.env, /etc/app.env]
    pass_env: [SSH_AUTH_SOCK, LANG, LANG]
    pidfile: pids/%i.pid
    log: {file: out/%n.log}
    umask: "0027"
    nice: -20
    oom_score_adj: 1000
    limits: {nproc: unlimited, core: 1.5KB, as: 2GiB}
    stop: {signal: SIGQUIT, quiet: SIGTSTP, resume: CONT, timeout: 1.5h, leftovers: wait}
    ready: {log: "^ready (\\\\d+)%", timeout: 1.5m}
    restart: {canary: 0, batch: 3, patience: 0s, overlap: false, max_extra: 500}
    busy: {title: "busy: (.*)"}
    heartbeat: {timeout: 30s, dump: SIGQUIT, grace: 5s}
    max_count: 7
    max_extension: 90m
    backoff: {initial: 250ms, max: 2m, reset: 0s}
    recycle: {memory: 1.5KB, age: 7d, outdated: true, min_age: 5m}
    lost_grace: 1.5s
    hooks: {lost: 'bin/free %i', rollout: [notify, '%p'], drain_long: {command: page, after: 2h}, timeout: 5s}
`;
    expect(load(text)).toStrictEqual({
      path: inFolder('workerctl.yaml'),
      stateDir: '/run/app',
      release: { kind: 'file', path: inFolder('current/REVISION') },
      workers: [
        {
          name: 'mail',
          command: ['bin/mail', '--id=%i', '60', ''],
          identifiers: ['a', '7', '007'],
          configured: ['a', '7', '007'],
          isCounted: false,
          directory: inFolder('current'),
          env: { A: '%n 100%%', B: 'no' },
          envFiles: [inFolder('.env'), '/etc/app.env'],
          passEnv: ['SSH_AUTH_SOCK', 'LANG'],
          pidfile: inFolder('pids/%i.pid'),
          logFile: inFolder('out/%n.log'),
          umask: 0o27,
          nice: -20,
          noNewPrivs: false,
          oomScoreAdj: 1000,
          limits: { nofile: 1024, nproc: 'unlimited', core: 1536, as: 2 ** 31 },
          stop: {
            signal: 'QUIT',
            quiet: 'TSTP',
            resume: 'CONT',
            timeout: 5_400_000,
            leftovers: 'wait',
          },
          ready: { kind: 'log', pattern: '^ready (\\d+)%', timeout: 90_000 },
          restart: {
            canary: false,
            batch: { kind: 'count', count: 3 },
            patience: 0,
            overlap: false,
            maxExtra: 500,
            onFailure: 'abort',
            finisher: true,
          },
          busyTitle: 'busy: (.*)',
          heartbeat: { timeout: 30_000, dump: 'QUIT', grace: 5000 },
          maxCount: 7,
          maxExtension: 5_400_000,
          onExit: 'always',
          successCodes: [0],
          backoff: { initial: 250, max: 120_000, reset: 0, minRun: 10_000 },
          recycle: { memory: 1536, age: 604_800_000, outdated: true, minAge: 300_000 },
          lostGrace: 1500,
          hooks: {
            lost: ['bin/free', '%i'],
            rollout: ['notify', '%p'],
            drainLong: { command: ['page'], after: 7_200_000 },
            timeout: 5000,
          },
        },
      ],
    });
  });

  test('be counted from 1, or have no instance at all', () => {
    expect(workerWith('count: 3').identifiers).toEqual(['1', '2', '3']);
    expect(workerWith('count: 0').identifiers).toEqual([]);
    expect(workerWith('identifiers: []').identifiers).toEqual([]);
  });

  test('keep numbers in its strings as they are written', () => {
    const { env } = workerWith('env: {A: 1.0, B: 0x1F, C: 1e3, D: 12345678901234567890, E: -0}');
    expect(env).toEqual({ A: '1.0', B: '0x1F', C: '1e3', D: '12345678901234567890', E: '-0' });
  });

  test('be allowed the name of a property of every object', () => {
    const config = load('workers: {constructor: {command: x, env: {toString: a}}}');
    expect(config.workers.map(({ name, env }) => ({ name, env }))).toEqual([
      { name: 'constructor', env: { toString: 'a' } },
    ]);
  });
});

describe('recycle', () => {
  test.each<[string, object | undefined]>([
    ['{}', undefined],
    ['{outdated: false, min_age: 5m}', undefined],
    ['{memory: unlimited, age: never}', undefined],
    ['{memory: 1000}', { memory: 1000, outdated: false, minAge: 60_000 }],
    ['{memory: 512MB}', { memory: 2 ** 29, outdated: false, minAge: 60_000 }],
    ['{age: 12h, min_age: 0s}', { age: 43_200_000, outdated: false, minAge: 0 }],
    ['{outdated: true}', { outdated: true, minAge: 60_000 }],
  ])('%s must mean %j', (written, recycle) => {
    expect(workerWith(`recycle: ${written}`).recycle).toStrictEqual(recycle);
  });

  test('must be merged with the defaults key by key', () => {
    const { workers } = load(
      '{defaults: {recycle: {memory: 1GB, age: 1d}}, workers: {a: {command: x, recycle: {age: never}}}}',
    );
    expect(workers[0]?.recycle).toEqual({ memory: 2 ** 30, outdated: false, minAge: 60_000 });
  });
});

describe('ready', () => {
  test.each<[string, object]>([
    ['{after: 0s}', { kind: 'after', after: 0 }],
    ['{log: up}', { kind: 'log', pattern: 'up', timeout: 60_000 }],
    [
      '{file: tmp/%n.up, timeout: 2m}',
      { kind: 'file', path: inFolder('tmp/%n.up'), timeout: 120_000 },
    ],
    [
      '{command: "bin/up --id=%i \'a b\'"}',
      { kind: 'command', command: ['bin/up', '--id=%i', 'a b'], timeout: 60_000 },
    ],
    [
      '{command: [bin/up, 1.0, "%n"], timeout: 1ms}',
      { kind: 'command', command: ['bin/up', '1.0', '%n'], timeout: 1 },
    ],
    ['{}', { kind: 'after', after: 1000 }],
  ])('%s must mean %j', (keys, ready) => {
    expect(workerWith(`ready: ${keys}`).ready).toStrictEqual(ready);
  });

  test.each<[string, string, object]>([
    ['{log: up, timeout: 5s}', '{}', { kind: 'log', pattern: 'up', timeout: 5000 }],
    ['{log: up, timeout: 5s}', '{timeout: 6s}', { kind: 'log', pattern: 'up', timeout: 6000 }],
    ['{log: up, timeout: 5s}', '{file: /up}', { kind: 'file', path: '/up', timeout: 5000 }],
    [
      '{log: up, timeout: 5s}',
      '{file: /up, timeout: 6s}',
      { kind: 'file', path: '/up', timeout: 6000 },
    ],
    ['{log: up, timeout: 5s}', '{after: 2s}', { kind: 'after', after: 2000 }],
    ['{command: [up, 01]}', '{}', { kind: 'command', command: ['up', '01'], timeout: 60_000 }],
    ['{after: 2s}', '{log: up}', { kind: 'log', pattern: 'up', timeout: 60_000 }],
    ['{timeout: 5s}', '{log: up}', { kind: 'log', pattern: 'up', timeout: 5000 }],
    ['{timeout: 5s}', '{}', { kind: 'after', after: 1000 }],
  ])('of the defaults %s with its own %s must mean %j', (defaults, own, ready) => {
    const text = `defaults: {ready: ${defaults}}\nworkers: {a: {command: x, ready: ${own}}}`;
    expect(worker(text).ready).toStrictEqual(ready);
  });
});

test.each([
  ['1', { kind: 'count', count: 1 }],
  ['1%', { kind: 'percent', percent: 1 }],
  ['100%', { kind: 'percent', percent: 100 }],
])('restart.batch %s must mean %j', (text, batch) => {
  expect(workerWith(`restart: {batch: ${text}}`).restart.batch).toEqual(batch);
});

test('stop.timeout: never must mean no limit', () => {
  expect(workerWith('stop: {timeout: never}').stop).toStrictEqual({ signal: 'TERM' });
});

describe('release', () => {
  const releaseOf = (keys: string) => load(`release: ${keys}\nworkers: {a: {command: x}}`).release;

  test.each<[string, object]>([
    ['{file: /srv/100%%}', { kind: 'file', path: '/srv/100%' }],
    [
      '{command: git log --format=%%h}',
      { kind: 'command', command: ['git', 'log', '--format=%h'] },
    ],
    ['{command: [echo, 1.0, "a %%%%"]}', { kind: 'command', command: ['echo', '1.0', 'a %%'] }],
  ])('%s must mean %j', (keys, release) => {
    expect(releaseOf(keys)).toStrictEqual(release);
  });
});

describe('defaults must', () => {
  test('be overridden by each worker, maps key by key, lists as a whole', () => {
    const text = `
defaults:
  count: 2
  env: {A: 1.50, B: b}
  env_files: [a.env]
  limits: {core: 0, nofile: 5}
workers:
  one: {command: x}
  two: {command: x, env: {B: own, C: c}, env_files: [b.env], limits: {nofile: 6}, count: 1}
`;
    const [one, two] = load(text).workers;
    expect(one).toMatchObject({ identifiers: ['1', '2'], env: { A: '1.50', B: 'b' } });
    expect(two).toMatchObject({
      identifiers: ['1'],
      env: { A: '1.50', B: 'own', C: 'c' },
      envFiles: [inFolder('b.env')],
      limits: { core: 0, nofile: 6 },
    });
  });

  test('be merged with stop, restart, busy and backoff key by key', () => {
    const text = `
defaults:
  stop: {signal: QUIT, quiet: TSTP, timeout: 1m}
  restart: {canary: 0, batch: 50%, overlap: true}
  busy: {title: busy}
  backoff: {initial: 2s, max: 4s}
workers:
  one: {command: x}
  two:
    command: x
    stop: {resume: CONT, timeout: never}
    restart: {batch: 2, max_extra: 3}
    busy: {title: works}
    backoff: {max: 8s}
`;
    const [one, two] = load(text).workers;
    const restart = { canary: false, patience: 30_000, overlap: true };
    expect(one).toMatchObject({
      stop: { signal: 'QUIT', quiet: 'TSTP', timeout: 60_000 },
      restart: { ...restart, batch: { kind: 'percent', percent: 50 }, maxExtra: 1 },
      busyTitle: 'busy',
      backoff: { initial: 2000, max: 4000 },
    });
    expect(two).toMatchObject({
      restart: { ...restart, batch: { kind: 'count', count: 2 }, maxExtra: 3 },
      busyTitle: 'works',
      backoff: { initial: 2000, max: 8000 },
    });
    expect(two?.stop).toStrictEqual({ signal: 'QUIT', quiet: 'TSTP', resume: 'CONT' });
  });

  test('give a command in place of a signal, key by key', () => {
    const text = `
defaults: {stop: {quiet: {command: [bin/hush, "%i"], timeout: 5s}, resume: CONT}}
workers:
  one: {command: x}
  two: {command: x, stop: {quiet: {command: bin/other %n}}}
  three: {command: x, stop: {quiet: TSTP}}
  four: {command: x, stop: {quiet: TSTP, resume: {command: bin/back}}}
`;
    const [one, two, three, four] = load(text).workers;
    expect(one?.stop).toStrictEqual({
      signal: 'TERM',
      quiet: { command: ['bin/hush', '%i'], timeout: 5000 },
      resume: 'CONT',
    });
    expect(two?.stop.quiet).toStrictEqual({ command: ['bin/other', '%n'], timeout: 5000 });
    expect(three?.stop.quiet).toBe('TSTP');
    expect(four?.stop.resume).toStrictEqual({ command: ['bin/back'], timeout: 30_000 });
  });

  test('lose a heartbeat to that of a worker as a whole', () => {
    const text =
      'defaults: {heartbeat: {timeout: 1m, dump: QUIT}}\nworkers: {a: {command: x, heartbeat: {timeout: 5s}}}';
    expect(worker(text).heartbeat).toStrictEqual({ timeout: 5000, grace: 2000 });
  });

  test('lose count to identifiers, and the other way round', () => {
    const counted = worker('defaults: {count: 2}\nworkers: {a: {command: x, identifiers: [m]}}');
    expect(counted.identifiers).toEqual(['m']);
    const named = worker('defaults: {identifiers: [m]}\nworkers: {a: {command: x, count: 1}}');
    expect(named.identifiers).toEqual(['1']);
  });
});

describe('YAML', () => {
  test('anchors, aliases and merge keys must work', () => {
    const text = `
workers:
  a: &a {command: x, count: 2, env: &env {A: 1.0, B: 2}}
  b: {<<: *a, count: 3}
  c: {<<: [{count: 4}, *a], env: {<<: *env, B: 5}}
  d: {command: x, env: *env}
`;
    const { workers } = load(text);
    expect(workers.map((each) => [each.identifiers.length, each.env])).toEqual([
      [2, { A: '1.0', B: '2' }],
      [3, { A: '1.0', B: '2' }],
      [4, { A: '1.0', B: '5' }],
      [1, { A: '1.0', B: '2' }],
    ]);
  });

  test('an alias must be allowed any number of times', () => {
    const lines = Array.from({ length: 400 }, (_, i) => `  w${i}: {<<: *base, count: 1}\n`);
    const text = `workers:\n  base: &base {command: x}\n${lines.join('')}`;
    expect(load(text).workers).toHaveLength(401);
  });

  test('a byte order mark, CRLF and JSON must be accepted', () => {
    expect(load('\uFEFFworkers:\r\n  a:\r\n    command: x y\r\n').workers[0]?.command).toEqual([
      'x',
      'y',
    ]);
    expect(load('{"workers": {"a": {"command": "x"}}}').workers).toHaveLength(1);
  });

  test('a command must be allowed several lines', () => {
    const folded = worker('workers:\n  a:\n    command: >\n      x\n      --y\n');
    expect(folded.command).toEqual(['x', '--y']);
    const continued = worker('workers:\n  a:\n    command: |\n      x \\\n        --y\n');
    expect(continued.command).toEqual(['x', '--y']);
  });

  test('numbers must be allowed as names', () => {
    expect(load('workers: {1: {command: x}, 01: {command: x}}').workers.map((w) => w.name)).toEqual(
      ['1', '01'],
    );
  });
});

describe('paths', () => {
  test('must keep the symlinks that they are written with', () => {
    mkdirSync(inFolder('releases/1'), { recursive: true });
    symlinkSync('releases/1', inFolder('current'));
    write(folder, 'releases/1/workerctl.yaml', 'workers: {a: {command: x, directory: sub/../b}}');
    const config = loadConfig(inFolder('current/workerctl.yaml'));
    expect(config.stateDir).toBe(inFolder('current/.workerctl'));
    expect(config.workers[0]?.directory).toBe(inFolder('current/b'));
  });

  test('a percent sign in the name of the directory must mean itself', () => {
    const config = loadConfig(write(folder, '100%i/workerctl.yaml', 'workers: {a: {command: x}}'));
    expect(config.stateDir).toBe(inFolder('100%i/.workerctl'));
    expect(config.workers[0]).toMatchObject({
      directory: inFolder('100%%i'),
      pidfile: inFolder('100%%i/.workerctl/%n.pid'),
    });
  });

  test('state_dir and log_dir must take a doubled percent sign', () => {
    const config = load('state_dir: a%%b\nlog_dir: c%%d\nworkers: {a: {command: x}}');
    expect(config.stateDir).toBe(inFolder('a%b'));
    expect(config.workers[0]?.pidfile).toBe(inFolder('a%%b/%n.pid'));
    expect(config.workers[0]?.logFile).toBe(inFolder('c%%d/%n.log'));
  });
});

test('ten thousand instances must load in good time', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => i).join(', ');
  expect(workerWith(`identifiers: [${names}], pidfile: pids/%n.pid`).identifiers).toHaveLength(
    10_000,
  );
  const many = Array.from({ length: 20 }, (_, i) => `  w${i}: {command: x, count: 500}\n`);
  expect(load(`workers:\n${many.join('')}`).workers).toHaveLength(20);
});
