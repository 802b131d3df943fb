// One entry per framework: its application (the folder of the same name), what it needs, how it runs under workerctl, and
// what becomes of a job whose worker is killed.
import type { ScenarioName } from './scenarios.ts';

/** Where a world keeps things; all paths are absolute. */
export interface Places {
  readonly folder: string;
  readonly redis: string;
  readonly journal: string;
  readonly cache: string;
}

export interface Framework {
  /** Shell commands that succeed if the machine has what it needs. */
  readonly needs: Readonly<Record<string, string>>;
  /** Its worker in the config, but what is the same for all. */
  readonly worker: Readonly<Record<string, unknown>>;
  /** The words of the program that enqueues what it reads; or it takes requests, on a socket per instance. */
  readonly feeder: readonly string[] | 'requests';
  /** Its environment, feeder and worker. */
  readonly env?: (places: Places) => Readonly<Record<string, string>>;
  /** The file that a bad release has broken. */
  readonly breaks: string;
  /** Whether `status` shows its job. */
  readonly saysBusy: boolean;
  /** What becomes of a job whose worker is killed: it is gone, it is done again, or it ends all the same. */
  readonly killed: 'lost' | 'redone' | 'finished';
  /** What it cannot do, and why. */
  readonly without?: Readonly<Partial<Record<ScenarioName, string>>>;
}

const redisServer = { 'redis-server': 'command -v redis-server' };

const python = { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };

export const frameworks = {
  'delayed-job': {
    needs: { 'ruby-delayed-job': 'ruby -e "require %q(delayed_job_active_record)"' },
    worker: {
      preset: 'delayed_job',
      command: 'ruby bin/delayed_job run --identifier=%i',
      ready: { log: 'Starting job worker' }, // its logger writes to standard output
    },
    feeder: ['ruby', 'feed.rb'],
    env: ({ folder }) => ({ DATABASE: `${folder}/jobs.sqlite3` }),
    breaks: 'app.rb',
    saysBusy: true,
    killed: 'lost',
    without: { quiet: 'it has no quiet signal' },
  },
  celery: {
    needs: {
      ...redisServer,
      celery: 'command -v celery',
      'python3-redis': '/usr/bin/python3 -c "import redis"',
    },
    worker: {
      preset: 'celery',
      command: 'celery -A app worker -c 1 -n %n@%H -l INFO',
      stop: {
        quiet: {
          command: [
            // One after the other: a task that one worker puts back and another one, also cancelled, is still fetching is lost.
            'flock',
            '../../celery.lock',
            'sh',
            '-c',
            // The reply comes before the running fetch has ended.
            'celery -A app control cancel_consumer celery -d %n@%H && exec sleep 2',
          ],
          timeout: '5m',
        },
        resume: { command: 'celery -A app control add_consumer celery -d %n@%H' },
      },
    },
    feeder: ['/usr/bin/python3', 'feed.py'],
    env: () => python,
    breaks: 'app.py',
    saysBusy: true,
    killed: 'lost',
  },
  rq: {
    needs: { ...redisServer, rq: 'command -v rq' },
    // -c imports the application: otherwise a broken release would be ready, and fail each job.
    worker: {
      preset: 'rq',
      command: 'rq worker -c app -w beat_rq.HeartbeatWorker jobs',
      stop: { quiet: 'USR2', resume: 'CONT' },
    },
    feeder: ['/usr/bin/python3', 'feed.py'],
    env: ({ redis }) => ({ ...python, RQ_REDIS_URL: `unix://${redis}` }),
    breaks: 'app.py',
    saysBusy: true,
    killed: 'finished',
  },
  sidekiq: {
    needs: { ...redisServer, sidekiq: 'command -v sidekiq' },
    worker: { preset: 'sidekiq', command: 'sidekiq -r ./app.rb -q jobs -c 5 -t 60' },
    feeder: ['ruby', 'feed.rb'],
    breaks: 'app.rb',
    saysBusy: true,
    killed: 'lost',
  },
  bullmq: {
    needs: { ...redisServer, bullmq: 'test -d "$CACHE/bullmq/node_modules/bullmq"' },
    worker: { preset: 'bullmq', command: 'node worker.mjs' },
    feeder: ['node', 'feed.mjs'],
    breaks: 'worker.mjs',
    saysBusy: true,
    killed: 'redone',
  },
  laravel: {
    needs: {
      ...redisServer,
      'php-laravel-framework': `php -r "exit(stream_resolve_include_path('Illuminate/Foundation/Application.php') ? 0 : 1);"`,
      'php-redis': 'php -r "exit(extension_loaded(\'redis\') ? 0 : 1);"',
    },
    worker: {
      preset: 'laravel',
      command: 'php artisan queue:work --sleep=0.1 --timeout=300',
      ready: { after: '2s' },
    },
    feeder: ['php', 'feed.php'],
    breaks: 'bootstrap/app.php',
    saysBusy: true,
    killed: 'lost',
  },
  symfony: {
    needs: {
      ...redisServer,
      'php-symfony-messenger': `php -r "exit(stream_resolve_include_path('Symfony/Component/Messenger/Worker.php') ? 0 : 1);"`,
      'php-redis': 'php -r "exit(extension_loaded(\'redis\') ? 0 : 1);"',
    },
    worker: { preset: 'symfony', command: 'php console messenger:consume async --sleep=0.1' },
    feeder: ['php', 'feed.php'],
    breaks: 'app.php',
    saysBusy: true,
    killed: 'lost',
    without: { quiet: 'it has no quiet signal' },
  },
  gunicorn: {
    needs: { gunicorn: 'command -v gunicorn' },
    worker: {
      preset: 'gunicorn',
      command:
        'gunicorn --preload --bind unix:../../%i.sock --workers 2 --timeout 60 --graceful-timeout 60 application',
    },
    feeder: 'requests',
    env: () => python,
    breaks: 'application.py',
    saysBusy: false,
    killed: 'finished',
    without: {
      quiet: 'it has no quiet signal',
      overlap: 'it would remove the socket of its replacement',
      heartbeat: 'a request is too short for one',
    },
  },
  puma: {
    needs: { puma: 'command -v puma' },
    worker: { preset: 'puma', command: 'puma -C puma.rb' },
    feeder: 'requests',
    env: ({ folder }) => ({ SOCKETS: folder }),
    breaks: 'config.ru',
    saysBusy: false,
    killed: 'redone',
    without: {
      quiet: 'it has no quiet signal',
      overlap: 'two cannot listen on one socket',
      heartbeat: 'a request is too short for one',
    },
  },
} as const satisfies Record<string, Framework>;

export type FrameworkName = keyof typeof frameworks;
