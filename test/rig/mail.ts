import { mkdirSync, readFileSync } from 'node:fs';
import { beforeEach, expect } from 'vitest';
import { writeAged } from './files.ts';
import { booted, type InstanceHandle } from './instance.ts';
import { bootId, endProcess, look } from './kernel.ts';
import { deathOf, type Acted, type DeathJson } from './output.ts';
import { fixture, type Running } from './programs.ts';
import { createRig, type Rig } from './rig.ts';
import { until } from './wait.ts';

/** How a command has ended. */
export interface Ended {
  readonly exitCode?: number | undefined;
  readonly stderr: string;
}

/** The worker `mail`, of which a test damages files and kills processes, and what must be true of it afterwards. */
export interface Mail {
  readonly rig: () => Rig;
  /** Sets another number of instances, before it is started. */
  readonly recount: (count: number) => void;
  readonly act: (...args: readonly string[]) => Promise<Acted>;
  readonly launch: (...args: readonly string[]) => Running;
  readonly one: () => InstanceHandle;
  readonly stateFile: (name: string) => string;
  readonly contentOf: (name: string) => string;
  readonly recordOf: () => Readonly<Record<string, unknown>>;
  /** Writes a file of the state directory. */
  readonly forge: (name: string, text: string) => void;
  /** The living processes of an instance by the kernel alone. */
  readonly pids: (name?: string) => number[];
  /** The pid of each process that was asked to stop, once for each TERM. */
  readonly terms: () => number[];
  /** Starts all, and waits until each worker can be asked to stop. */
  readonly up: (...names: readonly string[]) => Promise<number[]>;
  /** The only process of an instance, as soon as it has its marker: its record exists slightly earlier. */
  readonly arrived: (name?: string) => Promise<number>;
  readonly shimPid: () => number;
  /** Starts a worker and lets it die with its shim, so that all its files stay. */
  readonly leftBehind: () => Promise<number>;
  /** The command must succeed, with one process of the instance that is not `old`. */
  readonly expectFresh: (ended: Ended, old: number) => Promise<void>;
  /** The command must succeed, and this process must still be the instance's. */
  readonly expectKept: (ended: Ended, pid: number) => void;
  /** The command must have reported how this process died. */
  readonly expectDeath: (ended: Acted, pid: number, death: DeathJson) => void;
  /** A bootcheck must have nothing to do and nothing to say. */
  readonly expectQuiet: () => Promise<void>;
}

/** A new rig with the worker `mail` for each test of a file. */
export function useMail(): Mail {
  let rig: Rig;
  const keys = {
    command: fixture('drains-after-job'),
    ready: { after: '0s' },
    backoff: { initial: '1ms', reset: '0s', min_run: '0s' }, // some tests kill their workers again and again
  };
  const names = ['mail.1', 'mail.2', 'mail.3'];
  beforeEach(() => {
    rig = createRig({ mail: keys });
  });

  const stateFile = (name: string): string => `${rig.stateDir}/${name}`;
  const pids = (name = 'mail.1'): number[] => rig.instance(name).processes();
  const terms = (): number[] => names.flatMap((name) => rig.instance(name).terms());
  const recordOf = (): Readonly<Record<string, unknown>> => rig.instance('mail.1').record();
  const shimPid = (): number => Number(recordOf()['shim_pid']);
  const contentOf = (name: string): string => readFileSync(stateFile(name), 'utf8');

  async function up(...wanted: readonly string[]): Promise<number[]> {
    await rig.start();
    const started = wanted.length === 0 ? ['mail.1'] : wanted;
    return Promise.all(started.map((name) => booted(rig.instance(name))));
  }

  async function arrived(name = 'mail.1'): Promise<number> {
    await until(`a process of ${name}`, () => pids(name).length > 0);
    const [pid = 0, ...others] = pids(name);
    expect(others, `other processes of ${name}`).toEqual([]);
    return pid;
  }

  /** Pidfile and record must name the process that runs. */
  function expectNamed(pid: number): void {
    expect(contentOf('mail.1.pid')).toBe(`${pid}\n`);
    const startTime = look(pid)?.startTime;
    expect(recordOf()).toMatchObject({ pid, start_time: startTime, boot_id: bootId() });
  }

  return {
    rig: () => rig,
    recount: (count) => {
      rig.configure({ mail: { ...keys, count } });
    },
    act: (...args) => rig.act(...args),
    launch: (...args) => rig.workerctl(...args),
    one: () => rig.instance('mail.1'),
    stateFile,
    contentOf,
    recordOf,
    forge: (name, text) => {
      mkdirSync(rig.stateDir, { recursive: true });
      writeAged(stateFile(name), text);
    },
    pids,
    terms,
    up,
    arrived,
    shimPid,
    leftBehind: async () => {
      const [pid = 0] = await up();
      await endProcess(shimPid());
      await endProcess(pid);
      return pid;
    },
    expectFresh: async (ended, old) => {
      expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
      const pid = await arrived();
      expect(pid).not.toBe(old);
      expectNamed(pid);
    },
    expectKept: (ended, pid) => {
      expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
      expect(pids()).toEqual([pid]);
      expect(terms()).toEqual([]);
      expectNamed(pid);
    },
    expectDeath: (ended, pid, death) => {
      const [died, ...others] = ended.of('died');
      expect(others).toEqual([]);
      expect(died).toMatchObject({ instance: 'mail.1', pid });
      expect(deathOf(died)).toEqual(death);
    },
    expectQuiet: async () => {
      expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0, all: '' });
    },
  };
}
