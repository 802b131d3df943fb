// A machine with an application on it: two workers, whose jobs need a database, and what both have written down.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, type TestContext } from 'vitest';
import { linesOf } from '../../rig/files.ts';
import { until } from '../../rig/wait.ts';
import { createMachine, type Machine, type User } from './machine.ts';

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

/** An application in a folder of its own, with two workers, and its owner, who calls workerctl over ssh. */
export interface Application {
  /** What the workers have told, in order: `done 1`. */
  readonly story: () => string[];
  /** Gives the worker with this identifier a job of so many seconds, and waits until it works on it. */
  readonly giveJob: (id: string, seconds: number) => Promise<void>;
  /** Runs workerctl, which must succeed. @returns all that it has said */
  readonly workerctl: (...words: readonly string[]) => Promise<string>;
  /** The same. @returns what it has printed to standard output */
  readonly printed: (...words: readonly string[]) => Promise<string>;
  readonly printedFor: (config: string, ...words: readonly string[]) => Promise<string>;
  /** The pids of the workers on the machine, a line each, once both are up. */
  readonly pids: () => Promise<string>;
  /** The pids of those that live now, a line each. */
  readonly living: () => Promise<string>;
  /** The control groups of those that live, a line each: `/system.slice/workerctl.service`. */
  readonly units: () => Promise<string>;
  /** The deaths that workerctl has called unexpected. */
  readonly unexpected: () => string[];
  /** Whether there is a file of this name in its folder. */
  readonly has: (name: string) => boolean;
}

/** The application in /srv/app, whose story the database tells, too, and its machine. */
export interface Host extends Machine, Application {
  readonly makeDirectory: (name: string) => void;
}

/** A host that has booted, with the units that `prepare` has put on it before. */
export async function createHost(
  tree: string,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  prepare?: (host: Host) => Promise<void>,
): Promise<Host> {
  const machine = createMachine(tree);
  onTestFinished(machine.end, 60_000);
  const host: Host = {
    ...machine,
    ...createApplication(machine, app, 'deploy'),
    makeDirectory: (name) => {
      mkdirSync(machine.path(name), { recursive: true });
    },
  };
  machine.write('etc/systemd/system/database.service', database);
  await machine.boot();
  await machine.shell(`chown -R deploy:deploy ${app} && systemctl enable --now database.service`);
  await prepare?.(host);
  return host;
}

export function createApplication(machine: Machine, folder: string, owner: User): Application {
  const file = (name: string): string => machine.path(`${folder}/${name}`);
  const story = (): string[] => linesOf(file('story'));
  const own = `${folder}/workerctl.yaml`;
  mkdirSync(file(''), { recursive: true });
  copyFileSync(worker, file('jobs'));
  const workers = { jobs: { command: `${folder}/jobs %i`, count: 2, ready: { after: '300ms' } } };
  machine.write(own, JSON.stringify({ workers }, undefined, 2));
  machine.write(`${folder}/story`, '');
  const run = async (path: string, words: readonly string[]) => {
    const quoted = [...words, '--config', path].map((word) => `'${word}'`).join(' ');
    const result = await machine.ssh(`workerctl ${quoted}`, owner);
    expect(result.exitCode, result.all).toBe(0);
    return result;
  };
  const ofLiving = (script: string): Promise<string> =>
    machine.shell(
      `for pid in $(cat ${folder}/.workerctl/*.pid); do kill -0 $pid && ${script}; done 2>/dev/null | sort -u`,
    );
  return {
    story,
    giveJob: async (id, seconds) => {
      const begun = story().length;
      machine.write(`${folder}/job.${id}`, String(seconds));
      await until(`jobs.${id} to begin its job`, () =>
        story().slice(begun).includes(`begin ${id}`),
      );
    },
    workerctl: async (...words) => (await run(own, words)).all,
    printed: async (...words) => `${(await run(own, words)).stdout}\n`,
    printedFor: async (path, ...words) => `${(await run(path, words)).stdout}\n`,
    pids: () =>
      until('both workers to be up', async () => {
        const { exitCode, stdout } = await machine.ssh(
          `workerctl status --config ${own} >/dev/null && cat ${folder}/.workerctl/*.pid`,
          owner,
        );
        return exitCode === 0 && stdout;
      }),
    living: () => ofLiving('echo $pid'),
    units: () => ofLiving("sed -nE 's/^(0:|.*:name=systemd)://p' /proc/$pid/cgroup | grep -vx /"),
    unexpected: () =>
      linesOf(file('.workerctl/events.ndjson')).filter((line) => line.includes('"unexpected"')),
    has: (name) => existsSync(file(name)),
  };
}

/** Puts the unit that workerctl prints for an application into its place, and switches it on. */
export async function installUnit(
  host: Host,
  words: readonly string[] = [],
  { printed }: Application = host,
  name = 'workerctl.service',
): Promise<void> {
  const unit = await printed('install', 'systemd', '--after', 'database.service', ...words);
  host.write(`etc/systemd/system/${name}`, unit);
  await host.shell(`systemctl daemon-reload && systemctl enable --now ${name}`);
}

/** Whether logind ends what a login has started at its logout. */
export async function killAtLogout(host: Host, kills: boolean): Promise<void> {
  host.makeDirectory('etc/systemd/logind.conf.d');
  const value = kills ? 'yes' : 'no';
  host.write('etc/systemd/logind.conf.d/kill.conf', `[Login]\nKillUserProcesses=${value}\n`);
  await host.shell('systemctl restart systemd-logind.service');
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
