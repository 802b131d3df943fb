import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterEach, beforeEach } from 'vitest';
import { endProcessesOf, removeFolder } from './folder.ts';
import { until } from './wait.ts';
import { isAlive } from './kernel.ts';

const sources = fileURLToPath(new URL('../../src/host', import.meta.url));
const scripts = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(sh|pl|py)$/.test(file))
  .map((file) => join(sources, file));

/** A child process with what it has printed so far. */
export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly heard: () => string;
  /** Writes a line to its standard input. */
  readonly send: (line: string) => void;
  /** Resolves when it has printed this. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: () => Promise<void>;
}

/** A directory of its own for each test, and the processes that know its path; all gone afterwards. */
export interface Scratch {
  readonly folder: () => string;
  readonly path: (name: string) => string;
  readonly write: (name: string, text: string) => string;
  /** Runs a program; the directory is its working directory and in its environment. */
  readonly run: (command: readonly string[], options?: RunOptions) => Child;
  /** Runs a shell script. */
  readonly shell: (script: string, ...words: string[]) => Child;
  /** Builds a program from TypeScript that may import `./…` from src/host; returns the command that runs it. */
  readonly program: (text: string) => string[];
}

export interface RunOptions {
  readonly stdio?: StdioOptions;
  readonly env?: NodeJS.ProcessEnv;
  readonly detached?: boolean;
}

export function useScratch(): Scratch {
  let folder = '';
  let programs = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'workerctl-os-'));
  });

  afterEach(async () => {
    await endProcessesOf(folder);
    await removeFolder(folder);
  });

  const path = (name: string): string => join(folder, name);

  const run = (command: readonly string[], options: RunOptions = {}): Child => {
    const [file = '', ...words] = command;
    return childOf(
      spawn(file, words, {
        cwd: folder,
        stdio: options.stdio ?? 'pipe',
        env: { PATH: process.env['PATH'], SCRATCH: folder, ...options.env },
        detached: options.detached ?? false,
      }),
    );
  };

  return {
    folder: () => folder,
    path,
    write: (name, text) => {
      writeFileSync(path(name), text);
      return path(name);
    },
    run,
    shell: (script, ...words) => run(['/bin/sh', '-c', script, 'sh', ...words]),
    program: (text) => {
      programs += 1;
      // The scripts that our modules run are beside the bundle, as in a build.
      for (const script of scripts) copyFileSync(script, path(basename(script)));
      const outfile = path(`program-${programs}.cjs`);
      buildSync({
        stdin: { contents: text, resolveDir: sources, loader: 'ts' },
        outfile,
        bundle: true,
        platform: 'node',
        format: 'cjs',
        target: 'node20',
      });
      return [process.execPath, outfile];
    },
  };
}

function childOf(child: ChildProcess): Child {
  let heard = '';
  const hear = (chunk: Buffer): void => {
    heard += chunk.toString();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  child.stdin?.on('error', () => undefined);
  let hasEnded = false;
  child.once('close', () => (hasEnded = true));
  const { pid } = child;
  if (pid === undefined) throw new Error('a program could not be started');
  return {
    pid,
    process: child,
    heard: () => heard,
    send: (line) => {
      child.stdin?.write(`${line}\n`);
    },
    says: async (text) => {
      await until(`"${text}" of pid ${pid}`, () => {
        if (hasEnded && !heard.includes(text)) throw new Error(`it ended, and said: ${heard}`);
        return heard.includes(text);
      });
    },
    ended: async () => {
      await until(`the end of pid ${pid}`, () => hasEnded && !isAlive(pid));
    },
  };
}
