import { expect, test } from 'vitest';
import { scratchFolder } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const initialised = initialisedIn(scratchFolder());

test('the preset of a framework must be found by its command, wherever that is from', async () => {
  const { worker } = await initialised({
    Procfile: [
      'sidekiq: bundle exec sidekiq -C config/sidekiq.yml',
      'delayed: bundle exec bin/delayed_job run --identifier=%i',
      'rake: bundle exec rake jobs:work',
      'celery: celery -A app worker -l info',
      'beat: celery -A app beat',
      'rq: cd app && rq worker mail',
      'django_rq: python manage.py rqworker',
      'laravel: php artisan queue:work --sleep=3',
      'horizon: php artisan horizon',
      'symfony: php bin/console messenger:consume async',
      'jobs: bin/jobs',
      'other: bin/mail',
    ].join('\n'),
    'Gemfile.lock': '    delayed_job (4.1)\n',
  });
  expect(
    Object.fromEntries(Object.values(worker).map(({ name, preset }) => [name, preset])),
  ).toEqual({
    sidekiq: 'sidekiq',
    delayed: 'delayed_job',
    rake: 'delayed_job',
    celery: 'celery',
    rq: 'rq',
    django_rq: 'rq',
    laravel: 'laravel',
    horizon: 'horizon',
    symfony: 'symfony',
  });
  expect(worker['sidekiq']?.stop.quiet).toBe('TSTP');
  expect(worker['celery']?.ready.kind).toBe('log');
});

test('a preset must not wait for a line that is not written, or cannot be read', async () => {
  const { worker, text } = await initialised({
    'supervisord.conf': `[program:silent]
command=celery -A app worker
[program:device]
command=sidekiq
stdout_logfile=/dev/stdout
[program:usual]
command=sidekiq
stdout_logfile=/var/log/sidekiq.log
[program:horse]
command=rq worker
stopasgroup=true
`,
  });
  expect(worker['silent']?.ready).toMatchObject({ kind: 'after', after: 5_000 });
  expect(worker['device']?.ready).toMatchObject({ kind: 'after', after: 5_000 });
  expect(worker['usual']?.ready.kind).toBe('log');
  expect(worker['horse']?.stop.to).toBeUndefined();
  expect(text).toContain('# Without -l INFO it does not write that it is ready');
});

test('a worker of BullMQ must be told of its preset, which its program has to keep', async () => {
  const { text, worker } = await initialised({
    'package.json': '{"scripts": {"worker": "node worker.js"}, "dependencies": {"bullmq": "^5"}}',
  });
  expect(worker['worker']?.preset).toBeUndefined();
  expect(text).toContain('# For BullMQ: preset: bullmq, if');
});
