import { describe, expect, test } from 'vitest';
import { configIn, scratchFolder } from './scratch.ts';

const { problems, worker } = configIn(scratchFolder());

/** What is wrong with a worker that has this, as JSON is YAML. */
const problemsOf = (keys: object) =>
  problems(JSON.stringify({ workers: { a: { command: 'x', ...keys } } }));

describe('what only a shell would replace must be refused in', () => {
  test.each<[string, object, string]>([
    [
      'directory',
      { directory: '$HOME/app' },
      'found $HOME, which is not expanded; write the whole path',
    ],
    ['directory', { directory: '${APP}/x' }, 'found ${APP}, which is not expanded'],
    ['directory', { directory: '~/app' }, 'found "~", which is not expanded'],
    ['directory', { directory: '~deploy/app' }, 'found "~", which is not expanded'],
    ['directory', { directory: '/srv/*/app' }, 'found "*", which is not expanded'],
    ['env_files[0]', { env_files: ['$HOME/.env'] }, 'found $HOME, which is not expanded'],
    ['pidfile', { pidfile: '$(pwd)/%n.pid' }, 'found $(...), which is not expanded'],
    ['log.file', { log: { file: '~/%n.log' } }, 'found "~", which is not expanded'],
    ['ready.file', { ready: { file: 'tmp/{a,b}' } }, 'found "{a,b}", which is not expanded'],
    [
      'env.PATH',
      { env: { PATH: '$PATH:/x' } },
      'found $PATH, which is not expanded; write the value itself, or use env_files',
    ],
    ['env.PATH', { env: { PATH: '~/bin:/usr/bin' } }, 'found "~", which is not expanded'],
    ['env.PATH', { env: { PATH: '/usr/bin:~/bin' } }, 'found "~", which is not expanded'],
    ['env.X', { env: { X: '${X}' } }, 'found ${X}, which is not expanded'],
    ['env.X', { env: { X: '${X:-1}' } }, 'found ${X:-1}, which is not expanded'],
    ['env.X', { env: { X: 'a `date` b' } }, 'found `...`, which is not expanded'],
    ['env.X', { env: { X: '$(date)' } }, 'found $(...), which is not expanded'],
    [
      'command',
      { command: ['exec', 'x'] },
      'expected a program, found "exec", which only a shell has; leave it out',
    ],
    ['command', { command: ['~/bin/x'] }, 'found "~", which is not expanded; write the whole path'],
    ['command', { command: ['$HOME/bin/x', 'y'] }, 'found $HOME, which is not expanded'],
    [
      'log.command',
      { log: { command: 'cd x' } },
      'expected a program, found "cd", which only a shell has; set directory',
    ],
    ['ready.command', { ready: { command: 'test -e *.up' } }, 'found "*"'],
    ['hooks.lost', { hooks: { lost: 'mail {a,b}' } }, 'found "{a,b}"'],
  ])('%s: %j', (key, keys, words) => {
    const [first = '', ...others] = problemsOf(keys);
    expect(first).toContain(` workers.a.${key}: ${words}`);
    expect(others).toEqual([]);
  });

  test.each([
    ['state_dir', 'state_dir: $HOME/x'],
    ['log_dir', 'log_dir: ~/log'],
    ['release.file', 'release: {file: "current*/REVISION"}'],
    ['release.command', 'release: {command: cat *}'],
  ])('%s', (key, text) => {
    expect(problems(`${text}\nworkers: {a: {command: x}}`)[0]).toContain(` ${key}: found`);
  });
});

test('what means itself must be passed on', () => {
  const env = {
    A: 'costs $5',
    B: 'a$',
    C: "it's `",
    D: '5 ~ 6',
    E: '*',
    F: '{a,b}',
    G: '/a:x~',
    H: '~5',
  };
  const command = ['java', '-cp', 'lib/*', '$HOME', '~'];
  const text = JSON.stringify({ workers: { a: { command, env, directory: '/srv/[old]/a$' } } });
  expect(worker(text)).toMatchObject({ command, env, directory: '/srv/[old]/a$' });
});
