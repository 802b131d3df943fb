import { mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { init } from '../../../src/commands/init.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { errorOf, scratchFolder, write } from '../../config/scratch.ts';

const root = scratchFolder();

/** A project with these files, after `workerctl init`. */
function initialised(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(root, 'project-'));
  for (const [name, content] of Object.entries(files)) write(folder, name, content);
  const outcome = init({ directory: folder, force: false });
  const { workers } = loadConfig(outcome.path);
  const commands = Object.fromEntries(workers.map(({ name, command }) => [name, command]));
  return { folder, outcome, workers, commands, text: readFileSync(outcome.path, 'utf8') };
}

describe('init must write a config that loads for', () => {
  test('a directory with nothing known in it', () => {
    const { folder, outcome, workers, text } = initialised({ 'README.md': 'hello' });
    expect(outcome).toEqual({ kind: 'init', path: join(folder, 'workerctl.yaml'), found: [] });
    expect(workers.map((worker) => worker.name)).toEqual(['example']);
    expect(text).toContain('# identifiers: [mail, images]');
  });

  test('a Procfile, without its web and release entries', () => {
    const { outcome, commands } = initialised({
      Procfile:
        'web: bundle exec puma -p $PORT\nrelease: rake db:migrate\n\n# note\nworker: bundle exec sidekiq -C "config/side kiq.yml"\r\nclock:   bin/clock\n',
      'Gemfile.lock': '    sidekiq (7.0)\n',
    });
    expect(outcome.found).toEqual(['Procfile']);
    expect(commands).toEqual({
      worker: ['bundle', 'exec', 'sidekiq', '-C', 'config/side kiq.yml'],
      clock: ['bin/clock'],
    });
  });

  test('a Procfile whose commands need a shell', () => {
    const { commands, text } = initialised({
      Procfile: [
        'plain: date +%Y',
        'variable: rake jobs:work QUEUE=$QUEUE',
        'assigned: RAILS_ENV=production QUEUE="a b" rake jobs:work',
        'already: exec rake $X',
        'several: cd app && rake "x: # y"',
        'true: sh -c true',
      ].join('\n'),
    });
    expect(commands).toEqual({
      plain: ['date', '+%%Y'],
      variable: ['sh', '-c', 'exec rake jobs:work QUEUE=$QUEUE'],
      assigned: ['sh', '-c', 'exec env RAILS_ENV=production QUEUE="a b" rake jobs:work'],
      already: ['sh', '-c', 'exec rake $X'],
      several: ['sh', '-c', 'cd app && rake "x: # y"'],
      true: ['sh', '-c', 'true'],
    });
    expect(text.match(/Write exec before the/g)).toHaveLength(1);
  });

  test('a Procfile with nothing but web, beside a Gemfile.lock', () => {
    const files = {
      Procfile: 'web: puma\n',
      'Gemfile.lock': 'GEM\n  specs:\n    sidekiq (7.2.0)\n',
    };
    expect(initialised(files).outcome.found).toEqual(['Gemfile.lock']);
  });

  test.each(['bin/delayed_job', 'script/delayed_job'])('a project with %s', (script) => {
    const { outcome, commands, workers } = initialised({ [script]: '', 'Gemfile.lock': '' });
    expect(outcome.found).toEqual([script]);
    expect(commands['delayed_job']?.join(' ')).toBe(`bundle exec ${script} run --identifier=%i`);
    expect(workers[0]?.env).toEqual({ RAILS_ENV: 'production' });
  });

  test('delayed_job and sidekiq in a Gemfile.lock', () => {
    const lock =
      '    delayed_job (4.1)\n    delayed_job_active_record (4.1)\n    sidekiq (7.2.0)\n';
    const { commands } = initialised({ 'Gemfile.lock': lock });
    expect(commands).toEqual({
      delayed_job: ['bundle', 'exec', 'rake', 'jobs:work'],
      sidekiq: ['bundle', 'exec', 'sidekiq', '--timeout', '600'],
    });
  });

  test.each([
    ['requirements.txt', 'django==5\ncelery[redis]==5.4\n'],
    ['pyproject.toml', 'dependencies = ["django", "celery>=5"]\n'],
  ])('celery in %s', (file, content) => {
    const { outcome, commands } = initialised({ [file]: content, 'shop/celery.py': '' });
    expect(outcome.found).toEqual([file]);
    expect(commands['celery']).toEqual(['celery', '--app=shop', 'worker', '--hostname=%n@%%h']);
  });

  test('celery without a package that has a celery.py', () => {
    const { commands, text } = initialised({ 'requirements.txt': 'celery\n' });
    expect(commands['celery']).toContain('--app=app');
    expect(text).toContain('# Put the name of your Celery application');
  });

  test('requirements that only resemble celery', () => {
    const requirements = '# celery\ncelery-stubs\ndjango-celery-beat\n';
    expect(initialised({ 'requirements.txt': requirements }).outcome.found).toEqual([]);
  });
});

describe('init must', () => {
  test('leave an existing config, even a dangling link, as it is unless forced', () => {
    const { folder, outcome } = initialised({});
    write(folder, 'workerctl.yaml', 'mine');
    const error = errorOf(() => init({ directory: folder, force: false }));
    expect(error).toMatchObject({ code: 'failed', hint: 'use --force to overwrite it' });
    expect(error.message).toContain(outcome.path);
    expect(readFileSync(outcome.path, 'utf8')).toBe('mine');
    init({ directory: folder, force: true });
    expect(loadConfig(outcome.path).workers).toHaveLength(1);

    const other = mkdtempSync(join(root, 'project-'));
    symlinkSync('/nowhere/at/all', join(other, 'workerctl.yaml'));
    expect(errorOf(() => init({ directory: other, force: false })).code).toBe('failed');
  });

  test('write the file that is named, relative to the directory, and refuse to overwrite it', () => {
    const folder = mkdtempSync(join(root, 'project-'));
    const options = { directory: folder, config: 'other.yaml', force: false };
    expect(init(options).path).toBe(join(folder, 'other.yaml'));
    expect(readdirSync(folder)).toEqual(['other.yaml']);
    expect(errorOf(() => init(options)).hint).toBe('use --force to overwrite it');
    const nested = errorOf(() => init({ ...options, config: 'none/other.yaml' }));
    expect(nested.message).toContain(
      'none/other.yaml: cannot be written, the directory does not exist',
    );
  });

  test('report a missing directory', () => {
    const error = errorOf(() => init({ directory: join(root, 'none'), force: false }));
    expect(error.message).toBe(
      `${root}/none/workerctl.yaml: cannot be written, the directory does not exist`,
    );
  });
});
