import type { FoundWorker, WorkerKeys } from './found.ts';
import { packageIn, type Ecosystem, type Package } from './packages.ts';
import type { Project } from './project.ts';

/** A worker that a package brings, for projects that list their processes nowhere. */
interface Framework {
  readonly ecosystem: Ecosystem;
  readonly package: string;
  /** Scripts that show the same. */
  readonly scripts?: readonly string[];
  readonly name: string;
  readonly command: (project: Project) => string;
  readonly count?: number;
  readonly keys?: WorkerKeys;
  readonly notes?: readonly string[] | ((project: Project) => readonly string[]);
  /** Not if the project uses this package, too: it brings a worker of its own. */
  readonly unless?: string;
}

/** The package that has a `celery.py`, as in Django projects. */
const celeryApp = (project: Project): string | undefined =>
  project
    .names('.')
    .find((name) => /^[A-Za-z_]\w*$/.test(name) && project.has(`${name}/celery.py`));

const firstOf = (project: Project, paths: readonly string[]): string | undefined =>
  paths.find((path) => project.has(path));

/** One package is one entry. */
const frameworks: readonly Framework[] = [
  {
    ecosystem: 'gem',
    package: 'delayed-job',
    scripts: ['bin/delayed_job', 'script/delayed_job'],
    name: 'delayed_job',
    command: (project) => {
      const script = firstOf(project, ['bin/delayed_job', 'script/delayed_job']);
      return script === undefined
        ? 'bundle exec rake jobs:work'
        : `bundle exec ${script} run --identifier=%i`;
    },
    count: 2,
  },
  {
    ecosystem: 'gem',
    package: 'sidekiq',
    name: 'sidekiq',
    command: () => 'bundle exec sidekiq --timeout 600',
    notes: [
      'After TERM, Sidekiq gives its jobs --timeout seconds (default 25) and then puts them back into the queue. Set it to more than your longest job takes.',
    ],
  },
  {
    ecosystem: 'gem',
    package: 'resque',
    name: 'resque',
    command: () => 'bundle exec rake resque:work',
    count: 2,
    keys: { env: { QUEUE: '*' } },
  },
  {
    ecosystem: 'gem',
    package: 'solid-queue',
    name: 'solid_queue',
    command: (project) =>
      project.has('bin/jobs') ? 'bin/jobs' : 'bundle exec rake solid_queue:start',
  },
  {
    ecosystem: 'gem',
    package: 'good-job',
    name: 'good_job',
    command: () => 'bundle exec good_job start',
  },
  {
    ecosystem: 'python',
    package: 'celery',
    name: 'celery',
    command: (project) =>
      `celery --app=${celeryApp(project) ?? 'app'} worker --hostname=%n@%%h -l INFO`,
    notes: (project) =>
      celeryApp(project) === undefined
        ? ['Put the name of your Celery application after --app=']
        : [],
  },
  {
    ecosystem: 'python',
    package: 'rq',
    name: 'rq',
    command: () => 'rq worker default',
    notes: ['Put your queues after rq worker; without --url it uses redis on this host.'],
  },
  {
    ecosystem: 'python',
    package: 'dramatiq',
    name: 'dramatiq',
    command: () => 'dramatiq app --processes 1',
    notes: ['Put the module with your actors after dramatiq.'],
  },
  {
    ecosystem: 'python',
    package: 'procrastinate',
    name: 'procrastinate',
    command: () => 'procrastinate --app=app worker',
    notes: ['Put the path of your application after --app='],
  },
  {
    ecosystem: 'composer',
    package: 'laravel/horizon',
    name: 'horizon',
    command: () => 'php artisan horizon',
  },
  {
    ecosystem: 'composer',
    package: 'laravel/framework',
    name: 'queue',
    command: () => 'php artisan queue:work',
    count: 2,
    unless: 'laravel/horizon',
  },
  {
    ecosystem: 'composer',
    package: 'symfony/messenger',
    name: 'messenger',
    command: () => 'php bin/console messenger:consume async',
    count: 2,
    notes: ['Put your receivers in place of async.'],
  },
];

/** The packages that scripts of the project show. */
export const impliedPackages = (project: Project): readonly Package[] =>
  frameworks.flatMap(({ ecosystem, package: name, scripts = [] }) => {
    const script = firstOf(project, scripts);
    return script === undefined ? [] : [{ ecosystem, name, at: { file: script } }];
  });

/** The workers that the packages of a project bring. */
export const frameworkWorkers = (
  project: Project,
  packages: readonly Package[],
): readonly FoundWorker[] =>
  frameworks.flatMap((framework) => {
    const { ecosystem, name, unless, count = 1, keys = {}, notes = [] } = framework;
    const at = packageIn(packages, ecosystem, framework.package)?.at;
    const other = unless === undefined ? undefined : packageIn(packages, ecosystem, unless);
    if (at === undefined || other !== undefined) return [];
    return [
      {
        name,
        at,
        why:
          at.line === undefined
            ? `the script ${at.file}`
            : `the package ${framework.package} in ${at.file}`,
        command: { kind: 'line', line: framework.command(project) },
        keys: { count, ...keys },
        notes: typeof notes === 'function' ? notes(project) : notes,
      },
    ];
  });
