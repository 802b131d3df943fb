// A machine with an application on it: two workers, whose jobs need a database, and what both have written down.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, type TestContext } from 'vitest';
import { linesOf } from '../../rig/files.ts';
import { until } from '../../rig/wait.ts';
import { createMachine, type Machine } from './machine.ts';

const worker = fileURLToPath(new URL('./jobs', import.meta.url));

export const app = '/srv/app';
export const config = `${app}/workerctl.yaml`;

const database = `[Unit]
Description=what jobs need
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'touch /run/database; echo up database >>${app}/story'
ExecStop=/bin/sh -c 'rm /run/database; echo down database >>${app}/story'
[Install]
WantedBy=multi-user.target
`;

const workers = { jobs: { command: `${app}/jobs %i`, count: 2, ready: { after: '300ms' } } };

export interface Host extends Machine {
  readonly has: (name: string) => boolean;
  readonly makeDirectory: (name: string) => void;
  /** What the workers and the database have told, in order: `done 1`. */
  readonly story: () => string[];
  /** Gives the worker with this identifier a job of so many seconds, and waits until it works on it. */
  readonly giveJob: (id: string, seconds: number) => Promise<void>;
  /** Runs workerctl as `deploy` over ssh, which must succeed. @returns all that it has said */
  readonly workerctl: (...words: readonly string[]) => Promise<string>;
  /** The same. @returns what it has printed to standard output */
  readonly printed: (...words: readonly string[]) => Promise<string>;
  readonly printedFor: (config: string, ...words: readonly string[]) => Promise<string>;
  /** The pids of the workers on the machine, once both are up. */
  readonly pids: () => Promise<string>;
  /** The deaths that workerctl has called unexpected. */
  readonly unexpected: () => string[];
}

/** A host that has booted, with the units that `prepare` has put on it before. */
export async function createHost(
  tree: string,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  prepare?: (host: Host) => Promise<void>,
): Promise<Host> {
  const machine = createMachine(tree);
  onTestFinished(machine.end, 60_000);
  const file = (name: string): string => machine.path(`${app}/${name}`);
  const story = (): string[] => linesOf(file('story'));
  mkdirSync(file(''), { recursive: true });
  copyFileSync(worker, file('jobs'));
  machine.write(config, JSON.stringify({ workers }, undefined, 2));
  machine.write(`${app}/story`, '');
  machine.write('etc/systemd/system/database.service', database);
  const run = async (path: string, words: readonly string[]) => {
    const quoted = [...words, '--config', path].map((word) => `'${word}'`).join(' ');
    const result = await machine.ssh(`workerctl ${quoted}`);
    expect(result.exitCode, result.all).toBe(0);
    return result;
  };
  const host: Host = {
    ...machine,
    has: (name) => existsSync(file(name)),
    makeDirectory: (name) => {
      mkdirSync(machine.path(name), { recursive: true });
    },
    story,
    giveJob: async (id, seconds) => {
      const begun = story().length;
      machine.write(`${app}/job.${id}`, String(seconds));
      await until(`jobs.${id} to begin its job`, () =>
        story().slice(begun).includes(`begin ${id}`),
      );
    },
    workerctl: async (...words) => (await run(config, words)).all,
    printed: async (...words) => `${(await run(config, words)).stdout}\n`,
    printedFor: async (path, ...words) => `${(await run(path, words)).stdout}\n`,
    pids: () =>
      until('both workers to be up', async () => {
        const { exitCode, stdout } = await machine.ssh(
          `workerctl status --config ${config} >/dev/null && cat ${app}/.workerctl/*.pid`,
        );
        return exitCode === 0 && stdout;
      }),
    unexpected: () =>
      linesOf(file('.workerctl/events.ndjson')).filter((line) => line.includes('"unexpected"')),
  };
  await machine.boot();
  await machine.shell(`chown -R deploy:deploy ${app} && systemctl enable --now database.service`);
  await prepare?.(host);
  return host;
}

/** What is wrong in a story: jobs that were cut or had no database, and processes that were asked twice. */
export function cutJobs(story: readonly string[]): string[] {
  const state = new Map<string, { readonly isBusy: boolean; readonly terms: number }>();
  return story.flatMap((line) => {
    const [what = '', who = ''] = line.split(' ');
    const { isBusy, terms } = state.get(who) ?? { isBusy: false, terms: 0 };
    const isCut = isBusy && what !== 'done' && what !== 'term';
    state.set(who, {
      isBusy: what === 'begin' || (isBusy && what === 'term'),
      terms: what === 'start' ? 0 : terms + (what === 'term' ? 1 : 0),
    });
    return isCut || what === 'lost' || (what === 'term' && terms > 0) ? [`${line}, ${terms}`] : [];
  });
}
