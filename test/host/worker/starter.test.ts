import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  startMany,
  startOne,
  startPrograms,
  type Program,
  type StartedProgram,
} from '../../../src/host/worker/starter.ts';
import type * as programs from '../../../src/host/process/find-program.ts';
import { isAlive, look } from '../../rig/kernel.ts';
import { useScratch } from '../../rig/scratch.ts';
import { until } from '../../rig/wait.ts';

/** In the place of the host's. */
const perl: { path: string | undefined } = { path: undefined };

vi.mock('../../../src/host/process/find-program.ts', async (original) => {
  const real = await original<typeof programs>();
  const findProgram: typeof real.findProgram = (name, env) =>
    (name === 'perl' ? perl.path : undefined) ?? real.findProgram(name, env);
  return { ...real, findProgram };
});

const scratch = useScratch();
const opened: number[] = [];

afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
});

const opening = (name: string, flags: number | string = 'a'): number => {
  const fd = openSync(scratch.path(name), flags);
  opened.push(fd);
  return fd;
};

/** A program in the scratch directory that writes to `NAME.out`. */
function program(name: string, script: string, more: Partial<Program> = {}): Program {
  const directory = openSync(scratch.folder(), 0o10000000 | constants.O_DIRECTORY);
  opened.push(directory);
  return {
    file: '/bin/sh',
    words: ['/bin/sh', '-c', script, 'sh', 'a word', ''],
    environment: { PATH: '/usr/bin:/bin', EMPTY: '', TWO: 'a\nb=c', UMLAUT: 'ä' },
    directory,
    files: [undefined, opening(`${name}.out`), opening(`${name}.err`)],
    ...more,
  };
}

const outputOf = (name: string): string => readFileSync(scratch.path(`${name}.out`), 'utf8');

const ended = (started: StartedProgram | undefined) =>
  until('its end', () => started?.end(), 10_000);

/** Starts it by the small process, which is not chosen for one alone. */
function byHelper(...programs: readonly Program[]): readonly StartedProgram[] {
  const starter = startMany(programs);
  if (starter === undefined) throw new Error('there is no perl');
  onTestFinished(starter.forget);
  return starter.programs;
}

/** Everything that a program can see of how it was started. */
const inspect = `
printf '%s|' "$0" "$@"; echo
pwd; umask
env -0 | sort -z | tr '\\0' '\\n'
grep -E '^(Sig(Blk|Ign|Cgt)|ShdPnd|NoNewPrivs|Cap)' /proc/self/status
for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ ! -e /proc/$$/fd/$fd ] || echo "$fd $(readlink /proc/$$/fd/$fd | sed s/helper/one/) $(sed -n s/flags://p /proc/$$/fdinfo/$fd)"
done
read -r stat </proc/$$/stat; set -- $stat; [ "$1" = "$6" ] && [ "$1" = "$5" ] && echo leads its session`;

describe('a program that is started by a small process', () => {
  test('must be started exactly as by us', async () => {
    const files = (name: string) => [
      undefined,
      opening(`${name}.out`),
      opening(`${name}.err`),
      opening('lock', 'w+'),
      undefined,
      opening(`${name}.fifth`),
    ];
    const [helper] = byHelper(program('helper', inspect, { files: files('helper') }));
    const one = startOne(program('one', inspect, { files: files('one') }));
    expect(await ended(helper)).toEqual({ kind: 'exited', status: 0 });
    expect(await ended(one)).toEqual({ kind: 'exited', status: 0 });
    expect(outputOf('helper')).toBe(outputOf('one'));
    expect(outputOf('helper')).toContain('leads its session');
    expect(outputOf('helper')).toContain('sh|a word||');
    expect(outputOf('helper')).toContain('\nTWO=a\nb=c\n');
    expect(outputOf('helper')).toContain('\nEMPTY=\n');
    expect(outputOf('helper')).toContain('\nUMLAUT=ä\n');
  });

  test('must have the lock that we have taken, and no other program have it', async () => {
    const locks = ['a', 'b'].map((name) => opening(`${name}.lock`, 'w+'));
    const locked = (name: string): boolean =>
      spawnSync('flock', ['-n', scratch.path(`${name}.lock`), 'true']).status !== 0;
    for (const fd of locks)
      spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    const [a, b] = byHelper(
      program('a', 'echo in; exec sleep 600', {
        files: [undefined, opening('a.out'), opening('a.err'), locks[0]],
      }),
      program('b', 'echo in; exec sleep 600', {
        files: [undefined, opening('b.out'), opening('b.err'), locks[1]],
      }),
    );
    for (const fd of opened.splice(0)) closeSync(fd);
    await until('both to run', () => outputOf('a') + outputOf('b') === 'in\nin\n');
    onTestFinished(() => {
      const pid = b?.pid() ?? 0;
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    expect([locked('a'), locked('b')]).toEqual([true, true]);
    process.kill(a?.pid() ?? 0, 'SIGTERM');
    expect(await ended(a)).toEqual({ kind: 'signalled', signal: 'SIGTERM' });
    expect([locked('a'), locked('b')]).toEqual([false, true]);
    expect(b?.end()).toBeUndefined();
  });

  test('must be said to be impossible with the reason, and the others be started', async () => {
    const huge = { PATH: '/bin', HUGE: 'x'.repeat(200_000) };
    const [first, second, third] = byHelper(
      program('first', 'echo 1'),
      program('second', 'echo 2', {
        environment: huge,
        files: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => opening(name)),
      }),
      program('third', 'echo 3; exit 7'),
    );
    expect(await ended(first)).toEqual({ kind: 'exited', status: 0 });
    expect(await ended(second)).toEqual({
      kind: 'not_run',
      problem: 'E2BIG: argument list too long',
    });
    expect(await ended(third)).toEqual({ kind: 'exited', status: 7 });
    expect(outputOf('third')).toBe('3\n');
  });

  test('must go on if nothing asks for its end any more, and the small process be gone', async () => {
    const starter = startMany([program('a', 'echo $PPID; read -r line <go; exec sleep 600')]);
    const parent = await until('its parent', () => Number(outputOf('a')));
    starter?.forget();
    await until('the small process to be gone', () => !isAlive(parent));
    const pid = starter?.programs[0]?.pid() ?? 0;
    expect(look(pid)?.parent).not.toBe(parent);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  test('must be chosen for many, and give each its own', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `p${index}`);
    const { programs, forget } = startPrograms(names.map((name) => program(name, `echo ${name}`)));
    onTestFinished(forget);
    for (const one of programs) expect(await ended(one)).toEqual({ kind: 'exited', status: 0 });
    expect(names.map(outputOf)).toEqual(names.map((name) => `${name}\n`));
    expect(new Set(programs.map(({ pid }) => pid())).size).toBe(30);
  });
});

test('many must be started by us if the small process cannot be', async () => {
  perl.path = scratch.path('none');
  onTestFinished(() => {
    perl.path = undefined;
  });
  const names = Array.from({ length: 5 }, (_, index) => `p${index}`);
  const started = startPrograms(names.map((name) => program(name, `echo ${name}`))).programs;
  for (const one of started) expect(await ended(one)).toEqual({ kind: 'exited', status: 0 });
  expect(names.map(outputOf)).toEqual(names.map((name) => `${name}\n`));
});

test('a program that we cannot start must be said to be impossible', async () => {
  writeFileSync(scratch.path('no'), '');
  const started = startOne(program('a', '', { file: scratch.path('no') }));
  expect(await ended(started)).toMatchObject({ kind: 'not_run' });
});
