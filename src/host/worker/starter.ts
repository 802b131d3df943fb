import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import { signalName } from '../../core/model/signal-names.ts';
import { describeErrno } from '../files/errno.ts';
import { testable } from '../files/fault-point.ts';
import { findProgram } from '../process/find-program.ts';
import { childProcess, eachLine, helperEnvironment, letUsEndBefore } from '../process/spawn.ts';

/** A program, as a child gets it. */
export interface Program {
  readonly file: string;
  /** With its name as the first one. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Its working directory, as an open file. */
  readonly directory: number;
  /** What it has open, from 0 on; undefined: 0 reads /dev/null, others are not open. */
  readonly files: readonly (number | undefined)[];
}

/** `problem`: it could not be started at all. */
export type ChildEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'not_run'; readonly problem: string };

/** A program that was started, or is about to be. */
export interface StartedProgram {
  /** Undefined as long as it is not known. */
  readonly pid: () => number | undefined;
  /** How it has ended; undefined while it runs. */
  readonly end: () => ChildEnd | undefined;
}

/** Starts programs, each in a session of its own. */
export interface Starter {
  readonly programs: readonly StartedProgram[];
  /** From now on it is not known any more how they end. */
  readonly forget: () => void;
}

/** The numbers of setsid(2), fcntl(2) and close(2): Perl has no names for them without modules that take 5 ms to load. */
const callNumbers: Readonly<
  Partial<Record<NodeJS.Architecture, readonly [number, number, number]>>
> = {
  x64: [112, 72, 3],
  arm64: [157, 25, 57],
};

/** Where the files that are handed on begin: a program has fewer of its own. */
const firstFile = 10;

/** The length of a request is written with this many digits. */
const lengthDigits = 8;

/**
 * For each program a length, then: its directory, its files, the number of its words, its words, and its environment. Each
 * line that is printed is `started INDEX PID`, `failed INDEX ERRNO`, or `ended PID STATUS`. F_DUPFD is 0, F_SETFD 2,
 * F_DUPFD_CLOEXEC 1030, FD_CLOEXEC and WNOHANG are 1 on Linux.
 */
const script = `$| = 1;
my ($setsid, $fcntl, $close, $last) = @ARGV;
syscall($fcntl, $_ + 0, 2, 1) for ${firstFile} .. $last;
open(my $out, ">&=", syscall($fcntl, 1, 1030, $last + 1)) or exit 1;
open(my $file, "<", "/dev/null") or exit 1;
my $null = syscall($fcntl, fileno($file), 1030, $last + 1);
close($file);
select($out); $| = 1;
$SIG{CHLD} = sub { while ((my $pid = waitpid(-1, 1)) > 0) { print {$out} "ended $pid $?\\n" } };
for (my $i = 0; read(STDIN, my $length, ${lengthDigits}) == ${lengthDigits}; $i++) {
  read(STDIN, my $text, $length) == $length or exit 1;
  my ($directory, $files, $words, $file, @rest) = split(/\\0/, $text, -1);
  my @files = split(/,/, $files);
  my $pid = fork;
  if (!defined $pid) { print {$out} "failed $i ", $! + 0, "\\n" }
  elsif ($pid == 0) {
    syscall($setsid);
    %ENV = map { split(/=/, $_, 2) } splice(@rest, $words);
    if (chdir("/proc/self/fd/$directory")) {
      my $to = 0;
      for my $from (@files) {
        $from = $null if $from < 0 && $to == 0;
        syscall($close, $to);
        syscall($fcntl, $from + 0, 0, $to) if $from >= 0;
        $to++;
      }
      exec { $file } @rest;
    }
    print {$out} "failed $i ", $! + 0, "\\n";
    kill(9, $$);
  }
  else { print {$out} "started $i $pid\\n" }
  for my $file (@files) { syscall($close, $file + 0) if $file >= ${firstFile} }
}`;

/** From this many programs on, another process starts them sooner than we do. */
const many = testable('MANY_STARTS', 4);

/** Starts programs. The caller closes their files once this has returned. */
export const startPrograms = (programs: readonly Program[]): Starter =>
  (programs.length < many ? undefined : startMany(programs)) ?? {
    programs: programs.map(startOne),
    forget: () => undefined,
  };

export function startOne({ file, words: [name, ...words], ...program }: Program): StartedProgram {
  let end: ChildEnd | undefined;
  const failed = (error: unknown): void => {
    end ??= { kind: 'not_run', problem: describeErrno(error) };
  };
  let child: ChildProcess | undefined;
  try {
    child = childProcess().spawn(file, words, {
      argv0: name,
      cwd: `/proc/self/fd/${program.directory}`,
      env: program.environment,
      detached: true,
      stdio: program.files.map((fd) => fd ?? 'ignore'),
    });
  } catch (error) {
    failed(error);
  }
  child
    ?.once('exit', (status, signal) => {
      end ??=
        signal === null ? { kind: 'exited', status: status ?? 0 } : { kind: 'signalled', signal };
    })
    .once('error', failed)
    .unref();
  return { pid: () => child?.pid, end: () => end };
}

/**
 * Starts many programs by a small process, which takes a tenth of the time that we need for each: a fork copies our page
 * tables, and waits until the child has become its program. Undefined where that is not possible: without perl, or on a
 * processor whose numbers of system calls are not known here. If we die, it ends; what it has started goes on.
 */
export function startMany(programs: readonly Program[]): Starter | undefined {
  const perl = findProgram('perl', process.env);
  const numbers = callNumbers[process.arch];
  if (perl === undefined || numbers === undefined) return undefined;
  const given = new Map<number, number>();
  for (const { directory, files } of programs)
    for (const fd of [directory, ...files])
      if (fd !== undefined && !given.has(fd)) given.set(fd, firstFile + given.size);
  const fillers = Array.from({ length: firstFile - 3 }, () => 'ignore' as const);
  const child = spawned(
    perl,
    ['-e', script, ...numbers.map(String), String(firstFile + given.size - 1)],
    {
      stdio: ['pipe', 'pipe', 'ignore', ...fillers, ...given.keys()],
      detached: true, // out of reach of Ctrl-C, as long as we act
      env: helperEnvironment,
    },
  );
  if (child === undefined) return undefined;
  const followed = follow(child, programs.length);
  const stdin = child.stdin as Socket;
  stdin.on('error', () => undefined); // it has died, and so ended
  stdin.write(programs.map((program) => requestFor(program, given)).join(''));
  letUsEndBefore(child);
  return { programs: followed, forget: () => stdin.end() };
}

/** Undefined if the host lacks memory, processes or file descriptors for it. */
function spawned(
  file: string,
  words: readonly string[],
  options: SpawnOptions,
): ChildProcess | undefined {
  try {
    const child = childProcess().spawn(file, words, options);
    if (child.pid !== undefined) return child;
    child.on('error', () => undefined);
    return undefined;
  } catch {
    return undefined;
  }
}

function requestFor(
  { file, words, environment, directory, files }: Program,
  given: ReadonlyMap<number, number>,
): string {
  const numbers = files.map((fd) => (fd === undefined ? undefined : given.get(fd)) ?? -1);
  const text = [
    String(given.get(directory)),
    numbers.join(),
    String(words.length),
    file,
    ...words,
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
  ].join('\0');
  return String(Buffer.byteLength(text)).padStart(lengthDigits, '0') + text;
}

/** Keeps what the starter says of each program. */
function follow(child: ChildProcess, count: number): StartedProgram[] {
  const pids = new Map<number, number>();
  const ends = new Map<number, ChildEnd>();
  const problems = new Map<number, string>();
  let whyNot: string | undefined;
  eachLine(child.stdout as Socket, (line) => {
    const [, what, number, rest] = /^(\w+) (\d+) (\d+)$/.exec(line) ?? [];
    if (what === 'started') pids.set(Number(number), Number(rest));
    if (what === 'failed') problems.set(Number(number), problemIn(Number(rest)));
    if (what === 'ended') ends.set(Number(number), endIn(Number(rest)));
  });
  child
    .on('error', (error) => {
      whyNot ??= describeErrno(error);
    })
    .on('close', () => {
      whyNot ??= 'the process that starts it has died';
    });
  return Array.from({ length: count }, (_, index): StartedProgram => {
    const pid = (): number | undefined => pids.get(index);
    return {
      pid,
      end: () => {
        const problem = problems.get(index);
        if (problem !== undefined) return { kind: 'not_run', problem };
        const known = pid();
        if (known !== undefined) return ends.get(known);
        return whyNot === undefined ? undefined : { kind: 'not_run', problem: whyNot };
      },
    };
  });
}

/** As Node names it: `E2BIG: argument list too long`. */
const problemIn = (errno: number): string =>
  getSystemErrorMap().get(-errno)?.join(': ') ?? `errno ${errno}`;

const endIn = (status: number): ChildEnd =>
  (status & 127) === 0
    ? { kind: 'exited', status: status >> 8 }
    : { kind: 'signalled', signal: signalName(status & 127) };
