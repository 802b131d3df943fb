import { chmodSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check } from '../../../src/commands/check.ts';
import { init } from '../../../src/commands/init.ts';
import { workerPath } from '../../../src/core/model/launch.ts';
import { scratchFolder, write } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const root = scratchFolder();
const initialised = initialisedIn(root);

/** A program in a directory of this name, which a caller's PATH would have. */
function program(name: string, text = '#!/bin/sh\n'): string {
  const folder = mkdtempSync(join(root, 'bin-'));
  chmodSync(write(folder, name, text), 0o755);
  return folder;
}

describe('the packages of a project must be found in', () => {
  test.each([
    [
      'requirements.txt',
      '-r base.txt\nDjango == 5.0 # web\nrq[extra] >= 1.0 ; python_version > "3"\n',
    ],
    ['requirements/production.txt', 'rq\n'],
    [
      'pyproject.toml',
      '[project]\nname = "celery"\ndependencies = [\n  "django>=5",\n  "rq==1", # queue\n]\n',
    ],
    ['pyproject.toml', "[tool.poetry.dependencies]\npython = '^3.12'\nrq = { version = '^1' }\n"],
    ['Pipfile', '[packages]\nrq = "*"\n[dev-packages]\npytest = "*"\n'],
    ['Pipfile.lock', '{"default": {"rq": {"version": "==1"}}, "develop": {"celery": {}}}'],
    ['uv.lock', 'version = 1\n\n[[package]]\nname = "rq"\nversion = "1.0"\n'],
    ['poetry.lock', '[[package]]\nname = "rq"\r\nversion = "1.0"\r\n'],
  ])('%s %#', async (file, text) => {
    const { commands, outcome, config } = await initialised({ [file]: text });
    expect(commands).toEqual({ rq: ['rq', 'worker', 'default'] });
    expect(outcome.workers[0]?.at.file).toBe(file);
    expect(config).toBeDefined();
  });

  test.each([
    [
      'laravel',
      { 'composer.json': '{"require": {"php": "^8", "laravel/framework": "^11"}}' },
      ['php', 'artisan', 'queue:work'],
    ],
    [
      'horizon',
      {
        'composer.lock':
          '{\n    "packages": [\n        {\n            "name": "laravel/horizon",\n        },\n        {\n            "name": "laravel/framework"\n        }\n    ]\n}',
      },
      ['php', 'artisan', 'horizon'],
    ],
    [
      'symfony',
      { 'composer.json': '{"require": {"symfony/messenger": "^7"}}' },
      ['php', 'bin/console', 'messenger:consume', 'async'],
    ],
    [
      'resque',
      { 'Gemfile.lock': 'GEM\n  specs:\n    resque (2.6.0)\n' },
      ['bundle', 'exec', 'rake', 'resque:work'],
    ],
    ['solid queue', { 'gems.locked': '    solid_queue (1.0)\n', 'bin/jobs': '' }, ['bin/jobs']],
  ])('those of %s', async (_, files, command) => {
    expect(Object.values((await initialised(files as never)).commands)).toEqual([command]);
  });
});

describe('the scripts of a package.json', () => {
  const manifest = (scripts: object, more: object = {}): string =>
    JSON.stringify({ name: 'x', scripts, ...more }, undefined, 2);

  test('must be resolved to what they run', async () => {
    const { worker, text, leftOut } = await initialised({
      Procfile:
        'jobs: npm run worker -- --fast\nmail: yarn mail\ntwice: npm run twice\nother: npm start\nplain: npm run nothing\n',
      'package.json': manifest({
        worker: 'npm run build:env && node worker.js',
        preworker: 'npm run build',
        mail: 'NODE_OPTIONS=--enable-source-maps npx tsx src/mail.ts',
        twice: 'npm run twice',
        start: 'node "a b.js" --rate 5%',
      }),
    });
    expect(worker['jobs']?.command).toEqual([
      'sh',
      '-c',
      'npm run build:env && exec node worker.js --fast',
    ]);
    expect(worker['mail']).toMatchObject({
      command: ['tsx', 'src/mail.ts'],
      env: { NODE_OPTIONS: '--enable-source-maps', NODE_ENV: 'production' },
    });
    expect(worker['twice']?.command).toEqual(['npm', 'run', 'twice']);
    expect(worker['other']?.command).toEqual(['node', 'a b.js', '--rate', '5%%']);
    expect(text).toContain('# The script preworker is not run.');
    expect(leftOut).toEqual([]);
  });

  test('that look like workers must be taken, and those for development not', async () => {
    const { commands, leftOut } = await initialised({
      'package.json': manifest({
        'start:worker': 'node worker.js',
        'worker:dev': 'nodemon worker.js',
        'mail-queue': 'node mail.js',
        test: 'vitest',
        build: 'tsc',
      }),
    });
    expect(commands).toEqual({ worker: ['node', 'worker.js'], 'mail-queue': ['node', 'mail.js'] });
    expect(leftOut).toEqual([]);
  });

  test('must be missed if a library of queues is there', async () => {
    const { leftOut } = await initialised({
      'package.json': manifest({ test: 'x' }, { dependencies: { bullmq: '^5' } }),
    });
    expect(leftOut.join()).toMatch(/^package\.json:7: bullmq is used, but no script/);
  });
});

describe('PATH must have', () => {
  const path = async (files: Readonly<Record<string, string>>, callers: readonly string[]) => {
    const folder = mkdtempSync(join(root, 'project-'));
    for (const [name, content] of Object.entries(files))
      chmodSync(write(folder, name, content), 0o755);
    const { path: file } = await init({
      directory: folder,
      force: false,
      env: { PATH: callers.join(':') },
    });
    return { folder, found: check({ path: file }).config.workers[0]?.env['PATH'] };
  };

  test('the directory of rbenv, nvm and the like, if the program is only there', async () => {
    const shims = program('bundle');
    const { found } = await path({ Procfile: 'a: bundle exec x\n' }, [
      'relative',
      '/usr/bin',
      shims,
    ]);
    expect(found).toBe(`${shims}:${workerPath}`);
  });

  test('the venv, node_modules, and what the first line of a script asks for', async () => {
    const node = program('strange-node');
    const { found, folder } = await path(
      {
        Procfile: 'a: celery worker\nb: npx tsx a.ts\n',
        '.venv/bin/celery': '#!/x/python\n',
        'node_modules/.bin/tsx': '#!/usr/bin/env strange-node\n',
      },
      [node, '/usr/bin'],
    );
    expect(found).toBe(`${folder}/.venv/bin:${folder}/node_modules/.bin:${node}:${workerPath}`);
  });

  test('nothing more if all is in the usual one', async () => {
    const { found } = await path(
      { Procfile: 'a: sh -c true\nb: bin/own\n', 'bin/own': '#!/usr/bin/env sh\n' },
      ['/usr/bin', '/bin'],
    );
    expect(found).toBeUndefined();
  });
});

describe('an .env beside the code must be', () => {
  test('given to all workers', async () => {
    const { worker, folder, text } = await initialised({
      Procfile: 'a: bin/a $REDIS_URL $OTHER\n',
      '.env': 'REDIS_URL=redis://x\nRAILS_ENV=staging\n',
      'Gemfile.lock': '    rails (7.0)\n',
    });
    expect(worker['a']?.envFiles).toEqual([`${folder}/.env`]);
    expect(worker['a']?.env).toEqual({});
    expect(text).toContain('$OTHER is not set here');
    expect(text).not.toContain('$REDIS_URL is not set');
  });

  test('left out, with the line, if sh would read it otherwise', async () => {
    const { worker, leftOut } = await initialised({ Procfile: 'a: b\n', '.env': 'A=1\nB: 2\n' });
    expect(worker['a']?.envFiles).toEqual([]);
    expect(leftOut.join()).toMatch(
      /^\.env:2: was not given to the workers as env_files: B: expected "="/,
    );
  });
});

describe('state_dir must be outside of the releases of', () => {
  const shared = { Procfile: 'a: bin/a\n' };

  test.each([
    [
      'Capistrano',
      {
        Capfile: '',
        'config/deploy.rb':
          'set :application, \'shop\'\nset :deploy_to, "/srv/#{fetch(:application)}"\n',
      },
      '/srv/shop',
    ],
    [
      'Capistrano without deploy_to',
      { Capfile: '', 'config/deploy.rb': 'set :application, "shop"\n' },
      '/var/www/shop',
    ],
    ['Deployer', { 'deploy.php': "<?php\nset('deploy_path', '/srv/shop/');\n" }, '/srv/shop'],
  ])('%s', async (_, files, base) => {
    const { config, worker } = await initialised({ ...shared, ...(files as object) });
    expect(config.stateDir).toBe(`${base}/shared/workerctl`);
    expect(worker['a']).toMatchObject({
      directory: `${base}/current`,
      logFile: `${base}/shared/log/%n.log`,
    });
  });

  test('Kamal', async () => {
    const { config } = await initialised({
      ...shared,
      'config/deploy.yml': 'service: shop\nimage: x/shop\n',
    });
    expect(config.stateDir).toBe('/srv/shop/workerctl');
  });

  test('a directory of releases', async () => {
    const base = mkdtempSync(join(root, 'app-'));
    write(base, 'releases/20260101/Procfile', 'a: bin/a\nb: bin/b %h\n');
    mkdirSync(join(base, 'shared'));
    symlinkSync('releases/20260101', join(base, 'current'));
    for (const name of ['current', 'releases/20260101']) {
      const { path } = await init({ directory: join(base, name), force: true, env: {} });
      const { config } = check({ path });
      expect(config.stateDir).toBe(`${base}/shared/workerctl`);
      expect(config.workers[0]?.directory).toBe(`${base}/current`);
    }
  });
});

describe('files of others are data:', () => {
  test('a FIFO, a directory and a file that is too long must be named, and not waited for', async () => {
    const folder = mkdtempSync(join(root, 'project-'));
    execFileSync('mkfifo', [join(folder, 'Procfile'), join(folder, '.env')]);
    mkdirSync(join(folder, 'Gemfile.lock'));
    write(folder, 'package.json', `{"scripts": {"worker": "${'x'.repeat(1024 * 1024)}"}}`);
    const { leftOut } = await init({ directory: folder, force: false, env: {} });
    const lines = leftOut.map(({ file, words }) => `${file}: ${words}`);
    for (const line of [
      'Procfile: was not read: expected a file, found a FIFO',
      '.env: was not read: expected a file, found a FIFO',
      'Gemfile.lock: was not read: expected a file, found a directory',
      'package.json: was not read: longer than 1 MiB',
    ])
      expect(lines).toContain(line);
  });

  test('a file that was named and is missing, or of no known kind, must be an error', async () => {
    await expect(initialised({}, { from: 'none.conf' })).rejects.toThrow(
      'none.conf: there is no such file',
    );
    await expect(initialised({ 'x.txt': '?' }, { from: 'x.txt' })).rejects.toThrow(
      'x.txt: expected a Procfile',
    );
  });

  test('a config with secrets must be readable for its owner only', async () => {
    const { outcome } = await initialised({ Procfile: 'a: API_TOKEN=abc bin/a\n' });
    expect(outcome.isSecret).toBe(true);
    expect(execFileSync('stat', ['-c', '%a', outcome.path], { encoding: 'utf8' })).toBe('600\n');
  });
});
