import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { escapedSpecifiers } from '../../config/specifiers.ts';
import { textOrEmpty } from '../../host/files/bounded-read.ts';

export interface ProjectWorker {
  readonly name: string;
  /** Where it was found, such as `Procfile`. */
  readonly foundIn: string;
  /** As a shell would run it, but with our specifiers: `%i`, and `%%` for a percent sign. */
  readonly command: string;
  readonly count: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Comments for the reader of the config, one line each. */
  readonly notes: readonly string[];
}

/** The workers that the project in `folder` seems to have. If a Procfile names any, nothing else is looked at. */
export function detectWorkers(folder: string): ProjectWorker[] {
  const listed = procfileWorkers(textOf(folder, 'Procfile'));
  if (listed.length > 0) return listed;
  const found = [delayedJob(folder), sidekiq(folder), celery(folder)];
  return found.filter((worker) => worker !== undefined);
}

const notWorkers = /^(?:web|release|console|assets?|css|js|vite|webpack(?:er)?)$/i;

function procfileWorkers(text: string): ProjectWorker[] {
  const entries = [...text.matchAll(/^([A-Za-z0-9_][A-Za-z0-9_-]{0,99}):[ \t]*(\S.*)$/gm)];
  const workers = new Map(
    entries.map(([, name = '', command = '']) => [name, escapedSpecifiers(command.trim())]),
  );
  return [...workers]
    .filter(([name]) => !notWorkers.test(name))
    .map(([name, command]) => ({ name, foundIn: 'Procfile', command, count: 1, notes: [] }));
}

function delayedJob(folder: string): ProjectWorker | undefined {
  const script = ['bin/delayed_job', 'script/delayed_job'].find((path) => hasFile(folder, path));
  if (script === undefined && !namesGem(folder, 'delayed_job')) return undefined;
  return {
    name: 'delayed_job',
    foundIn: script ?? 'Gemfile.lock',
    command:
      script === undefined
        ? 'bundle exec rake jobs:work'
        : `bundle exec ${script} run --identifier=%i`,
    count: 2,
    env: { RAILS_ENV: 'production' },
    notes: [],
  };
}

function sidekiq(folder: string): ProjectWorker | undefined {
  if (!namesGem(folder, 'sidekiq')) return undefined;
  return {
    name: 'sidekiq',
    foundIn: 'Gemfile.lock',
    command: 'bundle exec sidekiq --timeout 600',
    count: 1,
    env: { RAILS_ENV: 'production' },
    notes: [
      'After TERM, Sidekiq gives its jobs --timeout seconds (default 25) and then puts them back into',
      'the queue. Set it to more than your longest job takes.',
    ],
  };
}

function celery(folder: string): ProjectWorker | undefined {
  const foundIn = ['requirements.txt', 'pyproject.toml'].find((file) =>
    /(?:^|["'\s])celery(?![\w-])/im.test(textOf(folder, file).replace(/#.*$/gm, '')),
  );
  if (foundIn === undefined) return undefined;
  const app = celeryApp(folder);
  return {
    name: 'celery',
    foundIn,
    command: `celery --app=${app ?? 'app'} worker --hostname=%n@%%h`,
    count: 1,
    notes: app === undefined ? ['Put the name of your Celery application after --app='] : [],
  };
}

/** The package that has a `celery.py`, as in Django projects. */
function celeryApp(folder: string): string | undefined {
  try {
    return readdirSync(folder)
      .sort()
      .find((name) => /^[A-Za-z_]\w*$/.test(name) && hasFile(folder, join(name, 'celery.py')));
  } catch {
    return undefined;
  }
}

const namesGem = (folder: string, gem: string): boolean =>
  new RegExp(`^ +${gem} \\(`, 'm').test(textOf(folder, 'Gemfile.lock'));

const hasFile = (folder: string, path: string): boolean => existsSync(join(folder, path));

/** A file that cannot be read counts as empty. */
function textOf(folder: string, file: string): string {
  return textOrEmpty(join(folder, file)).replace(/\r\n/g, '\n');
}
