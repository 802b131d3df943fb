import { mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { init } from '../../../src/commands/init.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { scratchFolder, write } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const root = scratchFolder();
const initialised = initialisedIn(root);
const env = {};

describe('init must write a config that loads for', () => {
  test('a directory with nothing known in it', async () => {
    const { folder, outcome, workers, text } = await initialised({ 'README.md': 'hello' });
    expect(outcome).toMatchObject({ path: join(folder, 'workerctl.yaml'), found: [] });
    expect(workers.map((worker) => worker.name)).toEqual(['example']);
    expect(text).toContain('# identifiers: [mail, images]');
  });

  test('a Procfile, without its web and release entries', async () => {
    const { outcome, commands } = await initialised({
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

  test('a Procfile whose commands need a shell', async () => {
    const { commands, worker, text } = await initialised({
      Procfile: [
        'plain: date +%Y',
        'variable: rake jobs:work QUEUE=$QUEUE',
        'assigned: RAILS_ENV=production QUEUE="a b" rake jobs:work',
        'already: exec rake $X',
        'several: cd app && rake "x: # y"',
        'both: rake db:check && QUEUE=$Q rake jobs:work',
        'loop: while :; do rake one; done',
        'piped: rake jobs:work 2>&1 | tee -a log/jobs.log',
        'behind: rake jobs:work &',
        'two: rake a & rake b',
        'true: sh -c true',
      ].join('\n'),
    });
    expect(commands).toEqual({
      plain: ['date', '+%%Y'],
      variable: ['sh', '-c', 'exec rake jobs:work QUEUE=$QUEUE'],
      assigned: ['rake', 'jobs:work'],
      already: ['sh', '-c', 'exec rake $X'],
      several: ['rake', 'x: # y'],
      both: ['sh', '-c', 'rake db:check && exec env QUEUE=$Q rake jobs:work'],
      loop: ['sh', '-c', 'while :; do rake one; done'],
      piped: ['rake', 'jobs:work'],
      behind: ['rake', 'jobs:work'],
      two: ['sh', '-c', 'rake a & rake b'],
      true: ['sh', '-c', 'exec true'],
    });
    expect(worker['assigned']?.env).toEqual({ RAILS_ENV: 'production', QUEUE: 'a b' });
    expect(worker['several']?.directory).toMatch(/\/app$/);
    expect(text).toContain('# $QUEUE is not set here: put it under env, or into an env file.');
    expect(text).toContain('it was piped to tee -a log/jobs.log, which log.command can do.');
    expect(text.match(/a stop may not reach the worker/g)).toHaveLength(1);
  });

  test('a Procfile with nothing but web, beside a Gemfile.lock', async () => {
    const files = {
      Procfile: 'web: puma\n',
      'Gemfile.lock': 'GEM\n  specs:\n    sidekiq (7.2.0)\n',
    };
    expect((await initialised(files)).outcome.found).toEqual(['Gemfile.lock']);
  });

  test.each(['bin/delayed_job', 'script/delayed_job'])('a project with %s', async (script) => {
    const { outcome, commands, workers } = await initialised({ [script]: '', 'Gemfile.lock': '' });
    expect(outcome.found).toEqual([script]);
    expect(commands['delayed_job']?.join(' ')).toBe(`bundle exec ${script} run --identifier=%i`);
    expect(workers[0]?.env).toEqual({ RAILS_ENV: 'production' });
  });

  test('delayed_job and sidekiq in a Gemfile.lock', async () => {
    const lock =
      '    delayed_job (4.1)\n    delayed_job_active_record (4.1)\n    sidekiq (7.2.0)\n';
    const { commands } = await initialised({ 'Gemfile.lock': lock });
    expect(commands).toEqual({
      delayed_job: ['bundle', 'exec', 'rake', 'jobs:work'],
      sidekiq: ['bundle', 'exec', 'sidekiq', '--timeout', '600'],
    });
  });

  test.each([
    ['requirements.txt', 'django==5\ncelery[redis]==5.4\n'],
    ['pyproject.toml', 'dependencies = ["django", "celery>=5"]\n'],
  ])('celery in %s', async (file, content) => {
    const { outcome, commands } = await initialised({ [file]: content, 'shop/celery.py': '' });
    expect(outcome.found).toEqual([file]);
    expect(commands['celery']).toEqual([
      ...['celery', '--app=shop', 'worker', '--hostname=%n@%%h', '-l', 'INFO'],
    ]);
  });

  test('celery without a package that has a celery.py', async () => {
    const { commands, text } = await initialised({ 'requirements.txt': 'celery\n' });
    expect(commands['celery']).toContain('--app=app');
    expect(text).toContain('# Put the name of your Celery application');
  });

  test('requirements that only resemble celery', async () => {
    const requirements = '# celery\ncelery-stubs\ndjango-celery-beat\n';
    expect((await initialised({ 'requirements.txt': requirements })).outcome.found).toEqual([]);
  });
});

describe('init must', () => {
  test('leave an existing config, even a dangling link, as it is unless forced', async () => {
    const { folder, outcome } = await initialised({});
    write(folder, 'workerctl.yaml', 'mine');
    const refused = init({ directory: folder, force: false, env });
    await expect(refused).rejects.toMatchObject({
      code: 'failed',
      hint: 'use --force to overwrite it',
      message: `${outcome.path}: exists already and was not changed`,
    });
    expect(readFileSync(outcome.path, 'utf8')).toBe('mine');
    await init({ directory: folder, force: true, env });
    expect(loadConfig(outcome.path).workers).toHaveLength(1);

    const other = mkdtempSync(join(root, 'project-'));
    symlinkSync('/nowhere/at/all', join(other, 'workerctl.yaml'));
    await expect(init({ directory: other, force: false, env })).rejects.toThrow('exists already');
  });

  test('write the file that is named, relative to the directory, and refuse to overwrite it', async () => {
    const folder = mkdtempSync(join(root, 'project-'));
    const options = { directory: folder, config: 'other.yaml', force: false, env };
    expect((await init(options)).path).toBe(join(folder, 'other.yaml'));
    expect(readdirSync(folder)).toEqual(['other.yaml']);
    await expect(init(options)).rejects.toMatchObject({ hint: 'use --force to overwrite it' });
    await expect(init({ ...options, config: 'none/other.yaml' })).rejects.toThrow(
      'none/other.yaml: cannot be written, the directory does not exist',
    );
  });

  test('report a missing directory', async () => {
    await expect(init({ directory: join(root, 'none'), force: false, env })).rejects.toThrow(
      `${root}/none/workerctl.yaml: cannot be written, the directory does not exist`,
    );
  });
});

test('a worker whose default cannot be used must be left out, with the reason', async () => {
  const folder = 'log/mail.1.log/a-file';
  const { workers, leftOut } = await initialised({
    Procfile: 'mail: sleep 100\nother: sleep 100\n',
    [folder]: '',
  });
  expect(workers.map(({ name }) => name)).toEqual(['other']);
  expect(leftOut.join()).toContain('mail.1.log');
});
