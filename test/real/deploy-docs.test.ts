// The snippets of docs/deploy.md: the page shows the files of docs/deploy/ as they are, and those that are plain shell
// do what it says. `ssh` and `git` are stand-ins: the first runs its command on this machine through a shell, as sshd
// does, the second makes the archive with tar.
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, type TestContext } from 'vitest';
import { parse } from 'yaml';
import { readOr } from '../rig/files.ts';
import { isAlive } from '../rig/kernel.ts';
import { until } from '../rig/wait.ts';
import { createRig, type Rig } from './rig.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));
const instances = ['jobs.1', 'jobs.2'];

/** Takes a job of as many seconds as `job.N` says. After TERM it finishes its job and exits. */
const worker = `#!/bin/sh
leave=
shared=shared
trap 'leave=1' TERM
while [ -z "$leave" ]; do
  job=../../$shared/job.$1
  if [ -f "$job" ]; then
    length=$(cat "$job")
    mv "$job" "$job.begun"
    left=$((length * 10))
    while [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
    mv "$job.begun" "$job.done"
  fi
  sleep 0.1
done
`;

const standIns = {
  // Options, then the host, then the command: in one text, for a shell in the home directory.
  ssh: `#!/bin/sh
while :; do
  case $1 in
    -o) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
echo "$1" >> "$HOME/hosts"
shift
cd && exec sh -c "$*"
`,
  git: `#!/bin/sh
[ "$*" = 'archive HEAD' ] || exit 64
exec tar -c .
`,
};

describe('the page', () => {
  const page = readFileSync(join(docs, 'deploy.md'), 'utf8');
  const blocks = [...page.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text]) => text);

  test.each(readdirSync(join(docs, 'deploy')))('shows docs/deploy/%s as it is', (name) => {
    expect(blocks).toContain(snippet(name));
  });
});

describe.concurrent('the snippets', () => {
  test('deploy.sh must switch to the new release and let the running job end', async (context) => {
    const host = createHost(context);
    expect(await host.deploySh()).toMatchObject({ exitCode: 0 });
    const before = host.pids();

    await host.beginJob('jobs.2', 2);
    const second = await host.deploySh();
    expect(second.exitCode, second.all).toBe(0);
    expect(host.has('shared/job.2.done')).toBe(true);
    expect(host.pids().filter((pid) => before.includes(pid))).toEqual([]);
    expect(host.releases()).toEqual([host.current(), host.current()]);
  });

  test('a wait that is over must not fail the deploy; bootcheck finishes it', async (context) => {
    const host = createHost(context);
    expect(await host.deploySh()).toMatchObject({ exitCode: 0 });
    const [, before = 0] = host.pids();

    await host.beginJob('jobs.2', 12); // longer than a deploy takes on a busy machine
    const second = await host.deploySh((text) => text.replace('--wait 15m', '--wait 1s'));
    expect(second.exitCode, second.all).toBe(0);
    expect(isAlive(before)).toBe(true);
    expect(host.has('shared/job.2.done')).toBe(false);
    await until(
      'bootcheck brings both to the new release',
      async () => {
        await host.workerctl('bootcheck');
        return host.releases().every((release) => release === host.current());
      },
      60_000,
    );
    expect(host.has('shared/job.2.done')).toBe(true);
  });

  test('a release that does not start must fail the deploy, and leave the second worker alone', async (context) => {
    const host = createHost(context);
    expect(await host.deploySh()).toMatchObject({ exitCode: 0 });
    const before = host.pids();

    host.write('checkout/bin/jobs', '#!/bin/sh\nexit 1\n');
    const bad = await host.deploySh();
    expect(bad.exitCode, bad.all).toBe(1);
    expect(before.filter(isAlive)).toHaveLength(1);

    host.write('checkout/bin/jobs', worker);
    const repaired = await host.deploySh();
    expect(repaired.exitCode, repaired.all).toBe(0);
    expect(host.releases()).toEqual([host.current(), host.current()]);
  });

  test('the Kamal hook must restart the workers of each host, and name a host that failed', async (context) => {
    const host = createHost(context);
    expect(await host.deploySh()).toMatchObject({ exitCode: 0 });
    const before = host.pids();
    host.write('app/workerctl.yaml', host.localized(snippet('workerctl.yaml')));
    const hook = join('checkout', '.kamal/hooks/post-deploy');
    host.write(hook, host.localized(snippet('kamal-post-deploy')));
    const run = () =>
      host.run([join(host.folder, hook)], { KAMAL_HOSTS: 'web1,web2', KAMAL_VERSION: 'abc' });

    const good = await run();
    expect(good.exitCode, good.all).toBe(0);
    expect(host.hosts().slice(-2)).toEqual(['deploy@web1', 'deploy@web2']);
    expect(host.pids().filter((pid) => before.includes(pid))).toEqual([]);

    host.write('app/workerctl.yaml', 'workers: 1\n');
    const bad = await run();
    expect(bad.exitCode).toBe(1);
    expect(bad.all).toContain('not restarted: web1 (exit code 78) web2 (exit code 78)');
  });

  test.for(['github-actions.yml', 'github-actions-self-hosted.yml'])(
    'the steps of %s must bring the new release',
    async (name, context) => {
      await bringsTheRelease(context, async (host) => {
        const { jobs } = parse(host.localized(snippet(name))) as Workflow;
        const values = { 'github.run_number': '7', 'github.run_attempt': '1' };
        for (const { run, env } of jobs.deploy.steps)
          if (run !== undefined) {
            const variables = filled({ ...jobs.deploy.env, ...env }, values);
            const step = await host.run(['sh', '-e', '-c', run], variables);
            expect(step.exitCode, step.all).toBe(0);
          }
      });
    },
  );

  test('the script of gitlab-ci.yml must bring the new release', async (context) => {
    await bringsTheRelease(context, async (host) => {
      const { deploy } = parse(host.localized(snippet('gitlab-ci.yml'))) as Pipeline;
      const lines = [...deploy.before_script, ...deploy.script];
      host.write('key', 'a key\n');
      const file = join(host.folder, 'key');
      const job = await host.run(['sh', '-e', '-c', lines.join('\n')], {
        ...deploy.variables,
        RELEASE: '7-1',
        DEPLOY_KEY: file,
        DEPLOY_KNOWN_HOSTS: file,
      });
      expect(job.exitCode, job.all).toBe(0);
    });
  });
});

interface Workflow {
  readonly jobs: {
    readonly deploy: {
      readonly env: Variables;
      readonly steps: readonly { readonly run?: string; readonly env?: Variables }[];
    };
  };
}

interface Pipeline {
  readonly deploy: {
    readonly variables: Variables;
    readonly before_script: readonly string[];
    readonly script: readonly string[];
  };
}

type Variables = Readonly<Record<string, string>>;

async function bringsTheRelease(
  context: TestContext,
  deploy: (host: Host) => Promise<void>,
): Promise<void> {
  const host = createHost(context);
  await deploy(host);
  expect(host.current()).toBe(join(host.folder, 'app/releases/7-1'));
  expect(host.releases()).toEqual([host.current(), host.current()]);
}

/** With the values of `${{ … }}`; a secret is any text. */
function filled(variables: Variables, values: Variables): Variables {
  const fill = (text: string) =>
    text.replaceAll(/\$\{\{ (\S+) \}\}/g, (_, name: string) => values[name] ?? 'secret');
  return Object.fromEntries(Object.entries(variables).map(([name, text]) => [name, fill(text)]));
}

function snippet(name: string): string {
  return readFileSync(join(docs, 'deploy', name), 'utf8');
}

type Host = ReturnType<typeof createHost>;

/** A directory with the application's checkout, the host's directory `app` in place of /srv/app, and the stand-ins. */
function createHost({ onTestFinished }: TestContext) {
  const rig: Rig = createRig();
  onTestFinished(rig.end);
  const { folder } = rig;
  const at = (path: string) => join(folder, path);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
    chmodSync(at(path), 0o755);
  };
  const localized = (text: string) => text.replaceAll('/srv/app', at('app'));
  for (const [name, text] of Object.entries(standIns)) write(join('path', name), text);
  symlinkSync(launcher, at('path/workerctl'));
  mkdirSync(at('app/shared'), { recursive: true });
  write('checkout/workerctl.yaml', localized(snippet('workerctl.yaml')));
  write('checkout/bin/jobs', worker);

  const run = (words: readonly string[], variables: Variables = {}) =>
    rig.run('env', [
      `HOME=${folder}`,
      `PATH=${at('path')}:${process.env['PATH'] ?? ''}`,
      ...Object.entries(variables).map(([name, text]) => `${name}=${text}`),
      'sh',
      '-c',
      'cd "$0" && exec "$@"',
      at('checkout'),
      ...words,
    ]);
  const pids = () =>
    instances.map((name) => Number(readOr(at(`app/shared/workerctl/${name}.pid`), '')));
  return {
    folder,
    write,
    localized,
    run,
    workerctl: (command: string) =>
      rig.workerctl(command, '--config', at('app/current/workerctl.yaml')),
    deploySh: async (edit = (text: string) => text) => {
      // Its releases are named by the second.
      const second = Math.floor(Date.now() / 1000);
      await until('the next second', () => Math.floor(Date.now() / 1000) > second, 2_000);
      write('deploy.sh', edit(localized(snippet('deploy.sh'))));
      return run(['sh', at('deploy.sh'), 'deploy@web1.example.com']);
    },
    beginJob: async (instance: string, lengthSeconds: number) => {
      const job = `app/shared/job.${instance.slice('jobs.'.length)}`;
      writeFileSync(at(job), String(lengthSeconds));
      await until('the job begins', () => readOr(at(`${job}.begun`), false) !== false, 60_000);
    },
    pids,
    has: (path: string) => readOr(at(join('app', path)), false) !== false,
    hosts: () => readFileSync(at('hosts'), 'utf8').trim().split('\n'),
    current: () => realpathSync(at('app/current')),
    /** The directory that each worker runs in; empty if none runs. */
    releases: () => pids().map((pid) => (isAlive(pid) ? folderOf(pid) : '')),
  };
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
