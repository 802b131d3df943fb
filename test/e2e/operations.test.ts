// A command that is given an id is run once, apart from its caller, however often it is sent.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { endProcess, environmentOf, look, openFiles, readLinkOr } from '../rig/kernel.ts';
import { operationFile, operations, runnerOf, runnersOf } from '../rig/operations.ts';
import { eventsIn, errorIn, resultIn } from '../rig/output.ts';
import { heard, isRoot } from '../rig/programs.ts';
import { bootcheck, createRig, holdPassLock, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** Running instances without a job. */
async function running(keys: WorkerKeys = {}): Promise<{ rig: Rig; mail: InstanceHandle }> {
  const rig = createRig({ mail: { ...tells, ...keys } });
  await rig.start();
  return { rig, mail: rig.instance('mail.1') };
}

/** One instance that is busy with a job: a restart has to wait for it. */
async function busy(keys: WorkerKeys = {}) {
  const { rig, mail } = await running(keys);
  const old = await giveJob(rig, mail, 'a long job');
  return { rig, mail, old };
}

const boots = (rig: Rig, name = 'mail.1'): number => rig.instance(name).boots().length;

describe('an operation', () => {
  test('must be run once, and the same request must show it again, as text and as JSON', async () => {
    const { rig } = await running({ count: 2 });
    const first = await rig.workerctl('restart', '--op', 'deploy-42');
    expect(first.exitCode, first.all).toBe(0);
    expect(first.stdout).toMatch(/^2 of 2 .*none killed$/m);
    const again = await rig.workerctl('restart', '--op=deploy-42');
    expect(again).toMatchObject({ exitCode: 0, stdout: first.stdout });
    const asJson = await rig.workerctl('--json', 'restart', '--op', 'deploy-42');
    expect(asJson.exitCode).toBe(0);
    expect(resultIn(asJson.stdout)).toMatchObject({ command: 'restart', outcome: 'done' });
    expect(eventsIn(asJson.stdout).filter(({ kind }) => kind === 'draining')).toHaveLength(2);
    const attached = await rig.workerctl('op', 'attach', 'deploy-42', '--json');
    expect(attached).toMatchObject({ exitCode: 0, stdout: asJson.stdout });
    expect([boots(rig), boots(rig, 'mail.2')]).toEqual([2, 2]);
  });

  test('must be the same however its command line is written, and with a config found or named', async () => {
    const { rig } = await running();
    const sent: string[] = [];
    for (const words of [
      ['restart', '--op', 'a', '--batch', '1', '--no-canary', 'mail'],
      ['restart', 'mail', '--no-canary', '--batch=1', '--op=a'],
      ['restart', '-c', rig.path('workerctl.yaml'), '--batch=1', '--no-canary', '--op=a', 'mail'],
    ]) {
      const { exitCode, stdout, all } = await rig.workerctl(...words);
      expect(exitCode, all).toBe(0);
      sent.push(stdout);
    }
    expect(new Set(sent).size).toBe(1);
    expect(boots(rig)).toBe(2);
  });

  test.each([
    ['another command', ['stop', '--op=a']],
    ['other targets', ['restart', '--op=a', 'mail.1']],
    ['another option', ['restart', '--op=a', '--now']],
    ['another state', ['restart', '--op=a', '--state=ready']],
  ])('of %s must be refused with 64, and nothing be done', async (_, words) => {
    const { rig, mail } = await running();
    await rig.workerctl('restart', '--op=a');
    const { exitCode, stdout } = await rig.workerctl(...words, '--json');
    expect({ exitCode, ...errorIn(stdout) }).toMatchObject({ exitCode: 64, code: 'conflict' });
    expect(boots(rig)).toBe(2);
    expect(mail.terms()).toHaveLength(1);
    expect((await operations(rig)).map(({ id }) => id)).toEqual(['a']);
  });

  test('that many ask for at the same moment must be run once', async () => {
    const { rig } = await running({ count: 2 });
    const all = await Promise.all(
      Array.from({ length: 6 }, () => rig.workerctl('restart', '--op=a', '--json')),
    );
    expect(all.map(({ exitCode }) => exitCode)).toEqual(all.map(() => 0));
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect([boots(rig), boots(rig, 'mail.2')]).toEqual([2, 2]);
    expect(rig.journal('rollout_finished')).toHaveLength(1);
    await until('the surplus processes to end', () => runnersOf(rig, 'a').length === 0);
    const files = readdirSync(operationFile(rig, 'a'));
    expect(files.sort()).toEqual(['ended.json', 'operation.json', 'output', 'runner.json']);
  });

  test('must end with the exit code that it would have had', async () => {
    const { rig, old } = await busy();
    const timedOut = await rig.act('restart', '--op=a', '--wait', '200ms');
    expect({ exitCode: timedOut.exitCode, ...timedOut.result() }).toMatchObject({
      exitCode: 124,
      outcome: 'timed_out',
    });
    expect((await rig.workerctl('op', 'attach', 'a')).exitCode).toBe(124);
    rig.configure({ mail: { ...tells, count: 2 } }); // a bootcheck without anything to do takes no lock
    const release = await holdPassLock(rig);
    for (const words of [
      ['bootcheck', '--op=b'],
      ['op', 'attach', 'b'],
    ]) {
      const locked = await rig.workerctl(...words, '--json');
      expect({ exitCode: locked.exitCode, ...errorIn(locked.stdout) }).toMatchObject({
        exitCode: 75,
        code: 'locked',
      });
      expect(locked.stderr).toContain('holds the lock');
    }
    await release();
    const failed = await rig.act('rollout', 'continue', '00', '--op=c');
    expect({ exitCode: failed.exitCode, ...failed.error() }).toMatchObject({ exitCode: 1 });
    finishJob(rig, old);
  });

  test('of bootcheck must start what is missing, say so, and write its metrics beside its caller', async () => {
    const { rig, mail } = await running();
    await endProcess(mail.boots()[0] ?? 0);
    const { exitCode, all } = await rig.workerctl('bootcheck', '--op=a', '-v', '--metrics=m.prom');
    expect(exitCode, all).toBe(0);
    expect(all).toContain('mail.1: started');
    expect(readFileSync(rig.path('m.prom'), 'utf8')).toContain('workerctl_');
    await until('two boots', () => boots(rig) === 2);
    const idle = await rig.workerctl('bootcheck', '--op=b', '-v');
    expect(idle).toMatchObject({ exitCode: 0, stdout: 'nothing to do' });
  });
});

describe('its process', () => {
  test('must have a session of its own, nothing of its caller, and what workers take over', async () => {
    const { rig, old } = await busy({ pass_env: ['COLOUR'] });
    const env = { BUILD_ID: 'ci', COLOUR: 'blue' };
    const { exitCode } = await rig.workerctlWith(env, 'restart', '--op=a', '--detach');
    expect(exitCode).toBe(0);
    const pid = await runnerOf(rig, 'a');
    expect(look(pid)?.session).toBe(pid);
    const { BUILD_ID, COLOUR } = environmentOf(pid);
    expect({ BUILD_ID, COLOUR }).toEqual({ BUILD_ID: undefined, COLOUR: 'blue' });
    expect(readLinkOr(`/proc/${pid}/cwd`)).toBe('/');
    const files = openFiles(pid);
    expect([0, 1, 2].map((fd) => files.get(fd))).toEqual(['/dev/null', '/dev/null', '/dev/null']);
    finishJob(rig, old);
    expect((await rig.workerctl('op', 'attach', 'a')).exitCode).toBe(0);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'must go on after %s of the command that shows it, which shows all when it is run again',
    async (name) => {
      const { rig, mail, old } = await busy();
      const attached = rig.workerctl('restart', '--op=a', '--json');
      const said = heard(attached);
      await until('it to be shown', () => said().includes('"draining"'));
      attached.kill(name);
      const { exitCode, stdout, stderr } = await attached;
      if (name !== 'SIGKILL') {
        expect(exitCode).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[name]);
        expect(resultIn(stdout)).toMatchObject({ outcome: 'detached', operation: 'a' });
        expect(stderr).toContain('workerctl op attach a');
      }
      const again = rig.workerctl('restart', '--op=a');
      const saidAgain = heard(again);
      await until('it to be shown again', () => saidAgain().includes('asked pid'));
      finishJob(rig, old);
      expect((await again).exitCode).toBe(0);
      expect(boots(rig)).toBe(2);
      expect(mail.terms()).toEqual([old]);
    },
  );

  test('must go on if the reader of its output has gone, and the command end', async () => {
    const { rig, old } = await busy();
    const piped = rig.shell(
      '{ workerctl restart --op=a --json; echo $? >code; } | grep -m1 draining',
    );
    const said = heard(piped);
    await until('the first line', () => said().includes('draining'));
    finishJob(rig, old);
    await piped;
    expect(readFileSync(rig.path('code'), 'utf8')).toBe('141\n');
    expect((await rig.workerctl('op', 'attach', 'a')).exitCode).toBe(0);
    expect(boots(rig)).toBe(2);
  });

  test('that was killed between its result and the note of it must still have that result', async () => {
    const { rig } = await running();
    const first = await rig.workerctl('restart', '--op=a', '--json');
    expect(first.exitCode, first.all).toBe(0);
    rmSync(operationFile(rig, 'a', 'ended.json'));
    for (const words of [
      ['restart', '--op=a', '--json'],
      ['op', 'attach', 'a', '--json'],
    ])
      expect(await rig.workerctl(...words)).toMatchObject({ exitCode: 0, stdout: first.stdout });
    expect((await operations(rig))[0]).toMatchObject({ state: 'ended', exit_code: 0 });
    // Without the end of its last line nothing is known.
    const output = operationFile(rig, 'a', 'output');
    const kept = readFileSync(output, 'utf8').trimEnd();
    writeFileSync(output, kept.slice(0, kept.lastIndexOf('exit_code')));
    expect((await rig.workerctl('op', 'attach', 'a')).exitCode).toBe(4);
    expect((await operations(rig))[0]).toMatchObject({ state: 'lost', exit_code: null });
    expect(boots(rig)).toBe(2);
  });

  test('that was killed must leave an unknown result, and its operation never be run again', async () => {
    const { rig, mail, old } = await busy();
    const attached = rig.workerctl('restart', '--op=a', '--json');
    await termed(mail, old);
    await endProcess(await runnerOf(rig, 'a'));
    const { exitCode, stdout, stderr } = await attached;
    expect({ exitCode, ...resultIn(stdout) }).toMatchObject({
      exitCode: 4,
      outcome: 'unknown',
      operation: 'a',
    });
    expect(stderr).toContain('ended without a result');
    for (const words of [
      ['restart', '--op=a'],
      ['restart', '--op=a', '--detach'],
      ['op', 'attach', 'a'],
    ]) {
      const again = await rig.act(...words);
      expect({ exitCode: again.exitCode, ...again.result() }).toMatchObject({
        exitCode: 4,
        outcome: 'unknown',
        exit_code: 4,
      });
    }
    expect((await operations(rig))[0]).toMatchObject({ state: 'lost', exit_code: null });
    finishJob(rig, old);
    await mail.left(old);
    await bootcheck(rig);
    await until('the restart to be completed', () => boots(rig) === 2);
    expect(mail.terms()).toEqual([old]);
  });

  test('that is asked to end must record that, and leave the rest to bootcheck', async () => {
    const { rig, mail, old } = await busy();
    const attached = rig.act('restart', '--op=a');
    await termed(mail, old);
    process.kill(await runnerOf(rig, 'a'), 'SIGTERM');
    const { exitCode, result } = await attached;
    expect({ exitCode, ...result() }).toMatchObject({ exitCode: 143, outcome: 'interrupted' });
    finishJob(rig, old);
  });
});

describe('--detach', () => {
  test('must return at once, then say what it does, then how it ended, and never run it again', async () => {
    const { rig, mail, old } = await busy();
    const begun = await rig.act('restart', '--detach', '--op=a');
    expect({ exitCode: begun.exitCode, ...begun.result() }).toMatchObject({
      exitCode: 0,
      outcome: 'detached',
      operation: 'a',
    });
    await termed(mail, old);
    const meanwhile = await rig.workerctl('restart', '--detach', '--op=a');
    expect(meanwhile.exitCode).toBe(0);
    expect(meanwhile.stdout).toMatch(/^operation a has been running for .* \(pid \d+\)/);
    expect(await operations(rig)).toMatchObject([{ id: 'a', state: 'running' }]);
    finishJob(rig, old);
    expect((await rig.workerctl('op', 'attach', 'a')).exitCode).toBe(0);
    const after = await rig.act('restart', '--detach', '--op=a');
    expect({ exitCode: after.exitCode, ...after.result() }).toMatchObject({
      exitCode: 0,
      outcome: 'done',
    });
    const text = await rig.workerctl('restart', '--detach', '--op=a');
    expect(text.stdout).toMatch(/^operation a ended at \S+ with exit code 0$/);
    expect(boots(rig)).toBe(2);
  });

  test('without an id must make one, say it, and make another one the next time', async () => {
    const { rig } = await running();
    const ids: string[] = [];
    for (const number of [2, 3]) {
      const id = String((await rig.act('restart', '--detach')).result()['operation']);
      expect((await rig.workerctl('op', 'attach', id)).exitCode).toBe(0);
      expect(boots(rig)).toBe(number);
      ids.push(id);
    }
    expect((await operations(rig)).map(({ id }) => id)).toEqual(ids);
  });
});

describe('what is wrong with a request', () => {
  test.each([
    ['an id that is no name', ['restart', '--op', '../x'], 2],
    ['an id that is too long', ['restart', '--op', 'x'.repeat(65)], 2],
    ['an empty id', ['restart', '--op='], 2],
    ['a dry run', ['restart', '--op=a', '--dry-run'], 2],
    ['an unknown target', ['restart', '--op=a', 'nail'], 2],
    ['a wrong value', ['restart', '--op=a', '--wait=soon'], 2],
    ['rollout without a verb', ['rollout', '--op=a'], 2],
    ['a missing config', ['restart', '--op=a', '-c', 'none.yaml'], 78],
    ['a command that does not wait', ['hold', '--op=a'], 2],
  ])('must be said at once, and not be kept: %s', async (_, words, expected) => {
    const rig = createRig({ mail: tells });
    const { exitCode, error } = await rig.act(...words);
    expect(exitCode, JSON.stringify(error())).toBe(expected);
    expect(existsSync(`${rig.stateDir}/operations`)).toBe(false);
  });

  test('must be said of a broken config', async () => {
    const rig = createRig({ mail: tells });
    rig.writeConfig('workers: {mail: {}}');
    expect((await rig.act('restart', '--op=a')).exitCode).toBe(78);
    expect(existsSync(rig.stateDir)).toBe(false);
  });

  test('must not keep a known operation from being shown, such as a target that is gone', async () => {
    const { rig } = await running();
    const { stdout } = await rig.workerctl('stop', 'mail.1', '--op=a');
    rig.configure({ web: tells });
    for (const name of readdirSync(rig.stateDir).filter((one) => one.startsWith('mail.')))
      rmSync(`${rig.stateDir}/${name}`);
    const again = await rig.workerctl('stop', 'mail.1', '--op=a');
    expect(again).toMatchObject({ exitCode: 0, stdout });
  });

  test('must be an error of its own for an unknown id', async () => {
    const { rig } = await running();
    const { exitCode, error } = await rig.act('op', 'attach', 'nothing');
    expect({ exitCode, ...error() }).toMatchObject({ exitCode: 66, code: 'absent' });
  });
});

describe('files of an operation', () => {
  /** A request that is on disk, but was not begun: the command was killed just then. */
  async function askedOnly() {
    const { rig, mail } = await running();
    await rig.workerctl('restart', '--op=a');
    for (const name of ['runner.json', 'ended.json', 'output'])
      rmSync(operationFile(rig, 'a', name));
    return { rig, mail };
  }

  test('that was never begun must not be begun by attach, but by the same request', async () => {
    const { rig } = await askedOnly();
    const { exitCode, error } = await rig.act('op', 'attach', 'a');
    expect({ exitCode, ...error() }).toMatchObject({ exitCode: 66, code: 'absent' });
    expect(boots(rig)).toBe(2);
    expect((await rig.workerctl('restart', '--op=a')).exitCode).toBe(0);
    expect(boots(rig)).toBe(3);
  });

  test.each(['', 'no JSON', '{"schema":2}', '{"schema":99}'])(
    'that are damaged must not let it be run again: %j',
    async (text) => {
      const { rig } = await running();
      await rig.workerctl('restart', '--op=a');
      writeFileSync(operationFile(rig, 'a', 'ended.json'), text);
      expect((await rig.act('restart', '--op=a')).exitCode).toBe(0); // the output ends with its result
      writeFileSync(operationFile(rig, 'a', 'output'), text);
      expect((await rig.act('restart', '--op=a')).exitCode).toBe(4);
      writeFileSync(operationFile(rig, 'a', 'runner.json'), text);
      expect((await rig.act('restart', '--op=a')).exitCode).toBe(4);
      writeFileSync(operationFile(rig, 'a', 'operation.json'), text);
      expect((await rig.act('restart', '--op=a')).exitCode).toBe(73);
      expect((await rig.act('op', 'attach', 'a')).exitCode).toBe(73);
      expect((await rig.workerctl('op', 'list')).exitCode).toBe(0);
      expect(boots(rig)).toBe(2);
    },
  );

  test('must say so if only a part of the output is there, and still give the result', async () => {
    const { rig } = await running();
    await rig.workerctl('restart', '--op=a');
    writeFileSync(operationFile(rig, 'a', 'output'), '{"to":"json","text":"{\\"sch\nno JSON\n');
    const { exitCode, result } = await rig.act('op', 'attach', 'a');
    expect({ exitCode, ...result() }).toMatchObject({ exitCode: 0, outcome: 'done' });
  });

  test('must be removed by a later command after 7 days, and not while it runs', async () => {
    const { rig, mail, old } = await busy();
    await rig.workerctl('stop', 'mail', '--no-wait', '--op=over');
    await rig.workerctl('start', 'mail', '--op=over2', '--detach');
    const attached = rig.workerctl('stop', '--op=runs');
    await termed(mail, old);
    await runnerOf(rig, 'runs');
    mkdirSync(operationFile(rig, 'empty'));
    const age = (days: number): void => {
      const at = new Date(Date.now() - days * 24 * 3_600_000);
      for (const id of ['over', 'over2', 'runs', 'empty'])
        utimesSync(operationFile(rig, id), at, at);
    };
    age(6.9);
    await rig.workerctl('hold', 'mail');
    expect(readdirSync(`${rig.stateDir}/operations`)).toHaveLength(4);
    age(7.1);
    await rig.workerctl('bootcheck');
    expect((await rig.workerctl('hold', 'mail', '--dry-run')).exitCode).toBe(0);
    expect(readdirSync(`${rig.stateDir}/operations`)).toHaveLength(4);
    await rig.workerctl('unhold', 'mail');
    expect(readdirSync(`${rig.stateDir}/operations`)).toEqual(['runs']);
    finishJob(rig, old);
    expect((await attached).exitCode).toBe(0);
  });
});

describe.runIf(isRoot)('of another user', () => {
  test('it must be refused and not kept; looking must leave no trace', async () => {
    const { rig } = await running();
    await rig.workerctl('restart', '--op=a');
    const as = (line: string) =>
      rig.shell(`chmod 755 . && exec setpriv --reuid 65534 --regid 65534 --clear-groups ${line}`);
    const refused = await as('workerctl restart --op=b --json');
    expect(refused.exitCode, refused.all).toBe(73);
    expect((await as('workerctl op attach a')).exitCode).toBe(0);
    const list = await as('workerctl op list');
    expect(list.stdout).toMatch(/^a +exit 0 /m);
    expect(readdirSync(`${rig.stateDir}/operations`)).toEqual(['a']);
  });
});
