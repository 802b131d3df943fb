// What a restart does to a running job of delayed_job, as Debian packages it: by workerctl, and by delayed_job's
// own script. Three worker processes share a database.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'vitest';
import {
  createApplication,
  type Application,
  type Row,
  type Said,
} from './delayed-job/application.ts';
import { readOr } from '../rig/files.ts';
import { isAlive, signal } from '../rig/kernel.ts';
import { until } from '../rig/wait.ts';
import { createRig, seconds, type Rig } from './rig.ts';

/** Longer than the 20 s after which delayed_job's own restart kills; the same for both. */
const longSeconds = 30;

interface Status {
  readonly instances: readonly { readonly instance: string; readonly state: string }[];
}

type Pids = ReadonlyMap<string, number>;

/** What was observed, in words, and when. */
type Sight = readonly [atMs: number, text: string];

describe.concurrent('under workerctl', () => {
  const instances = ['delayed_job.1', 'delayed_job.2', 'delayed_job.3'];
  const stateDir = '.workerctl';

  test('restart --graceful must let the running job end, and replace the idle workers long before', async (context) => {
    const { expect } = context;
    const { rig, application } = await startWorkers(context);
    const before = readPids(rig, stateDir, instances);
    const { busy, idle, begin } = await enqueueLongJob(application, before, longSeconds);

    const askedAt = Date.now();
    const restart = rig.workerctl('restart', '--graceful');
    const returned = await successors(rig, application, before, idle);
    await application.enqueue('queued', 0.1);
    const queued = await noteOf(application, 'end', 'queued');

    // All this while the first job is still running, untouched.
    expect(await statesOf(rig)).toMatchObject({ [busy]: 'draining' });
    expect(isAlive(begin.pid)).toBe(true);
    const row = await onlyRow(application);
    expect(row).toMatchObject({ attempts: 0, last_error: null, failed_at: null });
    expect(row.locked_by).toMatch(new RegExp(` pid:${begin.pid}$`));
    expect(application.note('end', 'long')).toBeUndefined();
    expect(returned.map(({ pid }) => pid)).toContain(queued.pid);

    const { exitCode, all } = await restart;
    const restartedAt = Date.now();
    expect(exitCode, all).toBe(0);
    const end = await noteOf(application, 'end', 'long');
    const [third] = await successors(rig, application, before, [busy]);
    expect(third?.atMs).toBeGreaterThan(end.atMs);
    expect(journalOf(application, 'long')).toEqual([`begin ${begin.pid}`, `end ${begin.pid}`]);
    expect(await application.rows()).toEqual([]);
    expect(isAlive(begin.pid)).toBe(false);
    expect(asksOf(application, begin.pid)).toHaveLength(1);
    expect(all).toMatch(
      new RegExp(
        `${busy}: pid ${begin.pid} exited as asked after \\S+ \\(job \\d+\\): status 0$`,
        'm',
      ),
    );
    const steps = all.match(/\S+: (?:asked pid|ready(?= on release |;))/g);
    expect(steps).toHaveLength(4);
    expect(idle.map((name) => `${name}: asked pid`)).toContain(steps?.[0]);
    expect(steps?.[1]).toBe(steps?.[0]?.replace(': asked pid', ': ready'));
    expect(new Set(Object.values(await statesOf(rig)))).toEqual(new Set(['ready']));

    printSights(
      `workerctl restart --graceful, one of three workers is in a job of ${longSeconds} s`,
      askedAt,
      [
        ...returned.map(asReturn),
        [queued.atMs, `a second job is done, by the new pid ${queued.pid}`],
        [end.atMs, `the long job has ended, in pid ${end.pid}, which began it; its row is gone`],
        ...(third ? [asReturn(third)] : []),
        [restartedAt, `the command ends with exit code ${exitCode}`],
      ],
    );
  });

  test('a worker that still drains must not be started a second time; the next bootcheck starts it', async (context) => {
    const { expect } = context;
    const { rig, application } = await startWorkers(context);
    const before = readPids(rig, stateDir, instances);
    const { busy, begin } = await enqueueLongJob(application, before, 8);
    const record = readJson(rig, `${busy}.json`);

    const askedAt = Date.now();
    expect(await rig.workerctl('restart', '--no-wait', busy)).toMatchObject({ exitCode: 0 });
    expect(await statesOf(rig)).toMatchObject({ [busy]: 'draining' });
    const start = await rig.workerctl('start', busy);
    const refusedAt = Date.now();
    expect(start.exitCode, start.all).toBe(1);
    const refusal = new RegExp(`${busy}: still draining: pid ${begin.pid}.*`).exec(start.all)?.[0];
    expect(refusal, start.all).toBeDefined();
    expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0 });
    expect(readPids(rig, stateDir, instances)).toEqual(before);
    expect(application.note('end', 'long')).toBeUndefined();

    const end = await noteOf(application, 'end', 'long');
    const exit = await until(
      `pid ${begin.pid} leaves`,
      () => readJson(rig, `${busy}.exit`),
      30_000,
    );
    expect(exit).toEqual({ run_id: record?.['run_id'], exit_status: 0 });
    expect(asksOf(application, begin.pid)).toHaveLength(1);
    const check = await rig.workerctl('bootcheck');
    expect(check.exitCode, check.all).toBe(0);
    const returned = await successors(rig, application, before, [busy]);
    expect(journalOf(application, 'long')).toEqual([`begin ${begin.pid}`, `end ${begin.pid}`]);
    expect(await application.rows()).toEqual([]);

    printSights(`workerctl restart --no-wait ${busy}, which is in a job of 8 s`, askedAt, [
      [refusedAt, `start is refused with exit code ${start.exitCode}: ${refusal ?? ''}`],
      [end.atMs, `the job has ended, in pid ${end.pid}, which began it`],
      ...returned.map((said): Sight => [said.atMs, `bootcheck: ${asReturn(said)[1]}`]),
    ]);
  });

  async function startWorkers(context: TestContext) {
    const { rig, application } = await createWorld(context);
    const words = [...application.command, 'run', '--identifier=%i'];
    const worker = {
      command: words,
      count: instances.length,
      env: rig.env,
      log: { file: 'log/%n.log' },
      stop: { signal: 'TERM' },
      ready: { after: '2s' },
      restart: { finisher: false },
    };
    const config = { state_dir: stateDir, log_dir: 'log', workers: { delayed_job: worker } };
    writeFileSync(join(rig.folder, 'workerctl.yaml'), JSON.stringify(config)); // YAML as well
    const { exitCode, all } = await rig.workerctl('start');
    context.expect(exitCode, all).toBe(0);
    await allBooted(rig, application, stateDir, instances);
    context.expect(new Set(Object.values(await statesOf(rig)))).toEqual(new Set(['ready']));
    return { rig, application };
  }

  function successors(rig: Rig, application: Application, before: Pids, names: readonly string[]) {
    return replacements(rig, application, stateDir, before, names);
  }

  async function statesOf(rig: Rig): Promise<Record<string, string>> {
    const { stdout } = await rig.workerctl('status', '--json');
    const status = JSON.parse(stdout) as Status;
    return Object.fromEntries(status.instances.map(({ instance, state }) => [instance, state]));
  }

  function readJson(rig: Rig, file: string): Record<string, unknown> | undefined {
    const text = readOr(join(rig.folder, stateDir, file), undefined);
    return text === undefined || text === ''
      ? undefined
      : (JSON.parse(text) as Record<string, unknown>);
  }
});

describe.concurrent('under its own script', () => {
  const instances = ['delayed_job.0', 'delayed_job.1', 'delayed_job.2'];
  const pidDir = 'tmp/pids';

  test('restart kills the running job after 20 s and leaves its row locked, and the idle workers wait for that', async (context) => {
    const { expect } = context;
    const { rig, application } = await createWorld(context);
    const [ruby, script] = application.command;
    const delayedJob = (...args: readonly string[]) => rig.run(ruby, [script, ...args]);
    const started = await delayedJob('-n', '3', 'start');
    expect(started.exitCode, started.all).toBe(0);
    const before = await allBooted(rig, application, pidDir, instances);

    // The first of the three gets the job: the script goes through them in this order.
    const [busy = '', ...idle] = instances;
    const idlePids = idle.map((name) => before.get(name) ?? 0);
    for (const pid of idlePids) signal(pid, 'SIGSTOP');
    const { begin } = await enqueueLongJob(application, before, longSeconds);
    for (const pid of idlePids) signal(pid, 'SIGCONT');
    expect(begin.pid).toBe(before.get(busy));

    const askedAt = Date.now();
    const restart = delayedJob('-n', '3', 'restart');
    await until(
      `pid ${begin.pid} is asked to leave`,
      () => asksOf(application, begin.pid).length > 0,
      30_000,
    );
    const start = await delayedJob('--identifier=0', 'start');
    expect(start.all).toContain('there is already one or more instance(s) of the program running');
    expect(start.exitCode).toBe(0);
    await until(`pid ${begin.pid} is killed`, () => !isAlive(begin.pid), 60_000);
    const killedAt = Date.now();
    expect(killedAt - askedAt).toBeGreaterThan(20_000);
    expect(idlePids.flatMap((pid) => asksOf(application, pid))).toEqual([]);

    const { exitCode, all } = await restart;
    const restartedAt = Date.now();
    expect(exitCode, all).toBe(0);
    expect(actsOf(all)).toEqual([
      `TERM ${busy}`,
      `KILL ${busy}`,
      `stopped ${busy}`,
      ...idle.flatMap((name) => [`TERM ${name}`, `stopped ${name}`]),
    ]);
    const returned = await replacements(rig, application, pidDir, before, instances);
    expect(journalOf(application, 'long')).toEqual([`begin ${begin.pid}`]);
    const row = await onlyRow(application);
    expect(row).toMatchObject({ attempts: 0, last_error: null, failed_at: null });
    expect(row.locked_by).toMatch(new RegExp(` pid:${begin.pid}$`));

    printSights(
      `bin/delayed_job restart, the first of three workers is in a job of ${longSeconds} s`,
      askedAt,
      [
        [killedAt, `pid ${begin.pid} is killed in its job, which never ends`],
        ...returned.map(asReturn),
        [restartedAt, `the command ends with exit code ${exitCode}`],
        [Date.now(), `the job's row is locked by a dead process: ${row.locked_by ?? ''}; no error`],
      ],
    );
  });

  /** What the script says it does, a word and an instance each. */
  function actsOf(output: string): string[] {
    const line = /^(\S+): (?:trying to stop .* sending (\w+) |process .* (stopped))/gm;
    return [...output.matchAll(line)].map(
      ([, instance, sent, stopped]) => `${sent ?? stopped ?? ''} ${instance ?? ''}`,
    );
  }
});

describe.concurrent('started by its own script, under workerctl', () => {
  const instances = ['delayed_job.1', 'delayed_job.2'];
  const pidDir = 'tmp/pids';

  test('start, drain and restart must go through its own pidfile, and do a running job exactly once', async (context) => {
    const { expect } = context;
    const { rig, application } = await createDaemons(context);
    const started = await rig.workerctl('start');
    expect(started.exitCode, started.all).toBe(0);
    const before = await allBooted(rig, application, pidDir, instances);
    for (const [name, pid] of before) {
      expect(started.all).toContain(`${name}: started pid ${pid} (named by its pidfile)`);
      expect(readOr(join(rig.folder, '.workerctl', `${name}.json`), '')).toContain(`"pid":${pid},`);
    }
    const { begin, busy } = await enqueueLongJob(application, before, longSeconds);
    const restart = rig.workerctl('restart', '--graceful');
    await until('it is asked', () => asksOf(application, begin.pid).length > 0, 60_000);
    expect(application.note('end', 'long')).toBeUndefined();
    expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
    const { exitCode, all } = await restart;
    expect(exitCode, all).toBe(0);
    expect(journalOf(application, 'long')).toEqual([`begin ${begin.pid}`, `end ${begin.pid}`]);
    expect(asksOf(application, begin.pid)).toHaveLength(1);
    expect(await application.rows()).toEqual([]);
    await replacements(rig, application, pidDir, before, instances);
    expect(all).toContain(
      `${busy}: pid ${begin.pid} ended (job 1): status unknown: it had no shim`,
    );

    // State directory and all: its pidfiles are enough.
    const after = readPids(rig, pidDir, instances);
    rmSync(join(rig.folder, '.workerctl'), { recursive: true });
    const check = await rig.workerctl('bootcheck');
    for (const [name, pid] of after) expect(check.all).toContain(`${name}: adopted pid ${pid}: `);
    expect(readPids(rig, pidDir, instances)).toEqual(after);

    const stopped = await rig.workerctl('stop');
    expect(stopped.exitCode, stopped.all).toBe(0);
    for (const pid of after.values()) expect(isAlive(pid)).toBe(false);
  });

  test('a process that its own script has started must be adopted in its job, which it does once, and be replaced', async (context) => {
    const { expect } = context;
    const { rig, application } = await createDaemons(context);
    const [ruby, script] = application.command;
    for (const name of instances) {
      const id = name.slice('delayed_job.'.length);
      const own = await rig.run(ruby, [script, `--identifier=${id}`, 'start']);
      expect(own.exitCode, own.all).toBe(0);
    }
    const before = await allBooted(rig, application, pidDir, instances);
    const { begin } = await enqueueLongJob(application, before, longSeconds);
    for (const name of instances) {
      const adopted = await rig.workerctl('adopt', name, `${pidDir}/${name}.pid`);
      expect(adopted.exitCode, adopted.all).toBe(0);
      expect(adopted.all).not.toContain('does not look like');
    }
    expect((await rig.workerctl('bootcheck')).all).toBe('');
    const restart = rig.workerctl('restart', '--graceful');
    await until('it is asked', () => asksOf(application, begin.pid).length > 0, 60_000);
    expect(application.note('end', 'long')).toBeUndefined();
    const { exitCode, all } = await restart;
    expect(exitCode, all).toBe(0);
    expect(journalOf(application, 'long')).toEqual([`begin ${begin.pid}`, `end ${begin.pid}`]);
    expect(asksOf(application, begin.pid)).toHaveLength(1);
    expect(all).toContain(`pid ${begin.pid} ended: status unknown: it was adopted`);
    await replacements(rig, application, pidDir, before, instances);
    expect(await application.rows()).toEqual([]);
  });

  async function createDaemons(context: TestContext) {
    const { rig, application } = await createWorld(context);
    const worker = {
      command: [...application.command, '--identifier=%i', 'start'],
      daemonizes: true,
      pidfile: `${pidDir}/%n.pid`,
      count: instances.length,
      env: rig.env,
      ready: { after: '2s' },
    };
    const config = { state_dir: '.workerctl', log_dir: 'log', workers: { delayed_job: worker } };
    writeFileSync(join(rig.folder, 'workerctl.yaml'), JSON.stringify(config)); // YAML as well
    return { rig, application };
  }
});

async function createWorld({ onTestFinished }: TestContext) {
  const rig = createRig();
  onTestFinished(rig.end);
  return { rig, application: await createApplication(rig) };
}

/** The job has begun; one of the processes is doing it. */
async function enqueueLongJob(application: Application, pids: Pids, lengthSeconds: number) {
  await application.enqueue('long', lengthSeconds);
  const begin = await noteOf(application, 'begin', 'long');
  const busy = [...pids.keys()].find((name) => pids.get(name) === begin.pid);
  if (busy === undefined) throw new Error(`pid ${begin.pid}, which runs the job, is no worker`);
  return { begin, busy, idle: [...pids.keys()].filter((name) => name !== busy) };
}

function noteOf(application: Application, what: 'begin' | 'end', job: string) {
  return until(`the ${what} of the job ${job}`, () => application.note(what, job), 60_000);
}

/** A job's row is deleted a moment after the job has noted its end. */
function onlyRow(application: Application): Promise<Row> {
  const only = async () => {
    const rows = await application.rows();
    return rows.length === 1 && rows[0];
  };
  return until('one job in the database', only, 30_000);
}

function journalOf(application: Application, job: string): string[] {
  return application
    .notes()
    .filter((note) => note.job === job)
    .map(({ what, pid }) => `${what} ${pid}`);
}

/** What a process has said to each TERM. */
function asksOf(application: Application, pid: number): readonly Said[] {
  return application.said().filter((said) => said.pid === pid && said.text === 'Exiting...');
}

async function allBooted(
  rig: Rig,
  application: Application,
  pidDir: string,
  instances: readonly string[],
): Promise<Pids> {
  await replacements(rig, application, pidDir, new Map(), instances);
  return readPids(rig, pidDir, instances);
}

/** What the new process of each instance has said when it began to look for jobs. */
function replacements(
  rig: Rig,
  application: Application,
  pidDir: string,
  before: Pids,
  instances: readonly string[],
): Promise<readonly Said[]> {
  const booted = () => {
    const pids = [...readPids(rig, pidDir, instances)];
    const fresh = pids.filter(([name, pid]) => pid !== before.get(name) && isAlive(pid));
    const said = fresh.flatMap(([, pid]) => application.hasBooted(pid) ?? []);
    return said.length === instances.length && said;
  };
  return until(`new processes of ${instances.join(', ')} look for jobs`, booted, 60_000);
}

function readPids(rig: Rig, pidDir: string, instances: readonly string[]): Pids {
  return new Map(
    instances.flatMap((name): [string, number][] => {
      const pid = Number(readOr(join(rig.folder, pidDir, `${name}.pid`), ''));
      return pid > 0 ? [[name, pid]] : [];
    }),
  );
}

function asReturn({ instance, pid, atMs }: Said): Sight {
  return [atMs, `${instance} is back, as pid ${pid}`];
}

function printSights(title: string, fromMs: number, sights: readonly Sight[]): void {
  const inOrder = [...sights].sort(([one], [other]) => one - other);
  const lines = inOrder.map(([atMs, text]) => `${seconds(atMs - fromMs).padStart(8)}  ${text}`);
  console.log([`${title}:`, ...lines].join('\n'));
}
