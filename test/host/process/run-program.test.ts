import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  problemOf,
  runProgram,
  type Program,
  type ProgramResult,
} from '../../../src/host/process/run-program.ts';
import { useScratch } from '../../rig/scratch.ts';
import { isAlive, look } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();

const run = (command: readonly string[], options: Partial<Program> = {}): Promise<ProgramResult> =>
  runProgram({
    command,
    directory: scratch.folder(),
    environment: { PATH: process.env['PATH'], SCRATCH: scratch.folder() },
    timeout: durationOf(60_000),
    ...options,
  });

const shell = (script: string, options: Partial<Program> = {}): Promise<ProgramResult> =>
  run(['/bin/sh', '-c', script], options);

const pidIn = (name: string): number =>
  existsSync(scratch.path(name)) ? Number(readFileSync(scratch.path(name), 'utf8')) : 0;

describe('how it ended', () => {
  test('must be its exit status', async () => {
    expect((await run(['true'])).end).toEqual({ kind: 'exited', status: 0 });
    const { end } = await shell('exit 3');
    expect(end).toEqual({ kind: 'exited', status: 3 });
    expect(problemOf(end)).toBe('exit status 3');
  });

  test('must be its signal', async () => {
    const { end } = await shell('kill -SEGV $$');
    expect(end).toEqual({ kind: 'signalled', signal: 11 });
    expect(problemOf(end)).toBe('signal 11 (SIGSEGV)');
  });

  test.each(['no-such-program', './no-such-program'])(
    'must name %s, which is missing',
    async (name) => {
      expect((await run([name])).end).toEqual({
        kind: 'not_started',
        code: 'ENOENT',
        problem: `no program ${name}`,
      });
    },
  );

  test('must name a missing directory', async () => {
    const directory = scratch.path('gone');
    expect(problemOf((await run(['true'], { directory })).end)).toBe(`no directory ${directory}`);
  });

  test('must name a script whose interpreter is missing', async () => {
    const script = scratch.write('script', '#!/no/such/interpreter\n');
    spawnSync('chmod', ['+x', script]);
    expect(problemOf((await run(['./script'])).end)).toContain('no interpreter for ./script');
  });

  test('must name a file that is not executable', async () => {
    const file = scratch.write('data', 'x');
    expect((await run([file])).end).toEqual({
      kind: 'not_started',
      code: 'EACCES',
      problem: `EACCES: permission denied: is ${file} executable?`,
    });
  });

  test.each([
    ['no word', []],
    ['an empty program', ['']],
    ['a null byte', ['echo', 'a\0b']],
    ['an argument that is too long for the kernel', ['echo', 'x'.repeat(1_000_000)]],
  ])('must be a reason for %s', async (_, command) => {
    const { end } = await run(command);
    expect(end.kind).toBe('not_started');
    expect(problemOf(end)).toMatch(/\w/);
  });
});

describe('a program that does not end in time', () => {
  const timeout = durationOf(500);

  test('must be killed with its descendants, at the deadline', async () => {
    const { end, took, stdout } = await shell(
      'trap "" TERM; (sleep 1000 & echo $! >grandchild; wait) & echo $! >child; echo said; wait',
      { timeout },
    );
    expect(end).toEqual({ kind: 'timed_out', timeout });
    expect(problemOf(end)).toBe('did not end within 0.5s and was killed');
    expect(stdout).toBe('said\n');
    expect(took).toBeGreaterThanOrEqual(500);
    expect(took).toBeLessThan(5_000);
    for (const name of ['child', 'grandchild']) {
      expect(pidIn(name)).toBeGreaterThan(1);
      await until(`the end of the ${name}`, () => !isAlive(pidIn(name)));
    }
  });

  test('must not be waited for because of a descendant in another session that keeps its outputs', async () => {
    const { end, took } = await shell('setsid sleep 1000 & echo $! >daemon; sleep 1000', {
      timeout,
    });
    expect(end.kind).toBe('timed_out');
    expect(took).toBeLessThan(5_000);
    expect(isAlive(pidIn('daemon'))).toBe(true);
  });

  test('must be killed when the signal aborts, before its timeout', async () => {
    const cancel = new AbortController();
    const result = shell('echo $$ >pid; exec sleep 1000', { signal: cancel.signal });
    await until('its start', () => pidIn('pid') > 0);
    cancel.abort();
    expect((await result).end.kind).toBe('timed_out');
    await until('its end', () => !isAlive(pidIn('pid')));
  });

  test('must be killed if the signal had aborted before', async () => {
    const { end, took } = await run(['sleep', '1000'], { signal: AbortSignal.abort() });
    expect(end.kind).toBe('timed_out');
    expect(took).toBeLessThan(5_000);
  });
});

test('a descendant that keeps the outputs must be neither waited for nor killed', async () => {
  const { end, took, stdout } = await shell('sleep 1000 & echo $! >child; echo said');
  expect(end).toEqual({ kind: 'exited', status: 0 });
  expect(stdout).toBe('said\n');
  expect(took).toBeLessThan(5_000);
  expect(isAlive(pidIn('child'))).toBe(true);
});

describe('its output', () => {
  test('must be captured, each one for itself, and the last lines of both', async () => {
    const { stdout, stderr, lastLines } = await shell('echo out; echo err >&2; echo more');
    expect(stdout).toBe('out\nmore\n');
    expect(stderr).toBe('err\n');
    expect(lastLines).toHaveLength(3);
    expect(lastLines).toEqual(expect.arrayContaining(['out', 'err', 'more']));
  });

  test('must have a last line without a newline', async () => {
    const { stdout, lastLines } = await shell('printf "a\\n\\nb"');
    expect(stdout).toBe('a\n\nb');
    expect(lastLines).toEqual(['a', '', 'b']);
  });

  test('must be nothing if it prints nothing', async () => {
    expect(await run(['true'])).toMatchObject({ stdout: '', stderr: '', lastLines: [] });
  });

  test('must be bounded, and never make the program wait', async () => {
    const script = 'seq 1 1000000; seq 1 1000000 >&2; echo last';
    const { end, stdout, stderr, lastLines } = await shell(script);
    expect(end).toEqual({ kind: 'exited', status: 0 });
    for (const text of [stdout, stderr]) {
      expect(text).toHaveLength(256 * 1024);
      expect(text).toMatch(/^1\n2\n3\n/);
    }
    expect(lastLines).toHaveLength(20);
  });

  test('must not hold more than 16 KiB of long lines', async () => {
    const { lastLines } = await shell('head -c 300000 /dev/zero | tr "\\0" x; echo; echo last');
    expect(lastLines.at(-1)).toBe('last');
    expect(lastLines.join('\n').length).toBeLessThanOrEqual(16 * 1024);
  });
});

describe('what it gets', () => {
  test('must be its arguments as they are, without a shell', async () => {
    expect((await run(['printf', '%s', '$HOME `x` *'])).stdout).toBe('$HOME `x` *');
  });

  test('must be its directory and its environment, and nothing of ours', async () => {
    process.env['RUN_PROGRAM_TEST'] = 'ours';
    try {
      const environment = { A: 'b c', PATH: '/usr/bin:/bin' };
      const { stdout } = await shell('pwd -P; exec env', { environment });
      const [directory, ...variables] = stdout.trim().split('\n');
      expect(directory).toBe(realpathSync(scratch.folder()));
      const ofTheShell = /^(?:PWD|OLDPWD|SHLVL|_)=/;
      expect(variables.filter((line) => !ofTheShell.test(line)).sort()).toEqual([
        'A=b c',
        'PATH=/usr/bin:/bin',
      ]);
    } finally {
      delete process.env['RUN_PROGRAM_TEST'];
    }
  });

  test('must be a session of its own', async () => {
    const { stdout } = await shell('cat /proc/$$/stat; echo $$');
    const [stat = '', pid] = stdout.trim().split('\n');
    expect(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]).toBe(pid);
    expect(look(process.pid)?.session).not.toBe(Number(pid));
  });

  test('must be its input, or none', async () => {
    expect((await run(['cat'], { input: 'line\n' })).stdout).toBe('line\n');
    expect((await run(['cat'])).stdout).toBe('');
    expect((await shell('readlink /proc/$$/fd/0')).stdout).toBe('/dev/null\n');
  });

  test('must be an input that it need not read', async () => {
    const { end } = await run(['true'], { input: 'x'.repeat(1_000_000) });
    expect(end).toEqual({ kind: 'exited', status: 0 });
  });
});

/** Runs a program, and has nothing else to do. */
const source = (options: string): string => `
import { runProgram } from './process/run-program.ts';
const command = ['/bin/sh', '-c', 'echo $$ >pid; ls -l /proc/self/fd >fds; sleep 0.2; echo out; echo done >done'];
runProgram({ command, directory: process.env.SCRATCH, environment: process.env, timeout: 60000, ${options} })
  .then(({ end }) => console.log('ended', JSON.stringify(end)));`;

describe('our own process', () => {
  test('must stay until the program has ended', async () => {
    const child = scratch.run(scratch.program(source('')));
    await child.says('ended {"kind":"exited","status":0}');
    await child.ended();
  });

  test('must not wait for one that may outlive it, whose output cannot fail then', async () => {
    const child = scratch.run(scratch.program(source('mayOutliveUs: true')));
    await child.ended();
    expect(child.heard()).toBe('');
    await until('the end of the program', () => existsSync(scratch.path('done')));
  });

  test('must not pass on a file that its caller has left open', async () => {
    const command = ['exec 200>kept-200; exec "$@"', 'bash', ...scratch.program(source(''))];
    const child = scratch.run(['/bin/bash', '--norc', '-c', ...command]);
    await child.says('ended');
    const files = readFileSync(scratch.path('fds'), 'utf8');
    expect(files).toContain(' 0 -> /dev/null');
    expect(files).not.toContain('kept-200');
  });
});
