// Each snippet of docs/heartbeat, under workerctl and its watchdog.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readOr } from '../rig/files.ts';
import { timePasses, until } from '../rig/wait.ts';
import { isMissing } from './frameworks/needs.ts';
import { createRig, type Rig } from './rig.ts';

const snippets = fileURLToPath(new URL('../../docs/heartbeat', import.meta.url));

interface Language {
  readonly snippet: string;
  /** A shell command that succeeds if this host has the language. */
  readonly probe: string;
  /** A program that uses the snippet: it works until there is a `finish`, and idles until it is killed. */
  readonly program: Readonly<Record<string, string>>;
  /** What makes it ready to run, in a shell. */
  readonly build?: string;
  readonly command: string;
}

const languages: Readonly<Record<string, Language>> = {
  sh: {
    snippet: 'beat.sh',
    probe: 'sh -c true',
    program: {
      'job.sh': `. ./beat.sh
beat_busy 'job 212'
until [ -e finish ]; do beat; sleep 0.2; done
beat_idle
while :; do beat; sleep 0.2; done
`,
    },
    command: 'sh job.sh',
  },
  node: {
    snippet: 'beat.mjs',
    probe: 'node --version',
    program: {
      'job.mjs': `import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { busy, start } from './beat.mjs';
start(200);
await busy('job 212', async () => {
  while (!existsSync('finish')) await sleep(50);
});
setInterval(() => undefined, 1000);
`,
    },
    command: 'node job.mjs',
  },
  ruby: {
    snippet: 'beat.rb',
    probe: 'ruby --version',
    program: {
      'job.rb': `require './beat'
Heartbeat.start(every: 0.2)
Heartbeat.busy('job 212') { sleep 0.05 until File.exist?('finish') }
sleep
`,
    },
    command: 'ruby job.rb',
  },
  python: {
    snippet: 'beat.py',
    probe: 'python3 --version',
    program: {
      'job.py': `import os
import time
import beat
beat.start(every=0.2)
with beat.busy("job 212"):
    while not os.path.exists("finish"):
        time.sleep(0.05)
while True:
    time.sleep(1)
`,
    },
    command: 'python3 job.py',
  },
  php: {
    snippet: 'beat.php',
    probe: 'php --version',
    program: {
      'job.php': `<?php
require 'beat.php';
Heartbeat::busy('job 212', function () {
    while (!file_exists('finish')) { Heartbeat::beat(); usleep(200000); clearstatcache(); }
});
while (true) { Heartbeat::beat(); usleep(200000); }
`,
    },
    command: 'php job.php',
  },
  go: {
    snippet: 'beat.go',
    probe: 'go version',
    program: {
      'go.mod': 'module job\n\ngo 1.18\n',
      'main.go': `package main

import (
	"os"
	"time"

	"job/heartbeat"
)

func main() {
	heartbeat.Start(200 * time.Millisecond)
	heartbeat.Busy("job 212", func() {
		for {
			if _, err := os.Stat("finish"); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	select {}
}
`,
    },
    build:
      'mkdir heartbeat && mv beat.go heartbeat/ && HOME=$PWD GOFLAGS=-modcacherw go build -o job .',
    command: './job',
  },
};

/** Seconds of silence after which a worker is killed: some beats of 0.2 s, on a busy host too. */
const timeoutMs = 3_000;

let rig: Rig;

beforeEach(() => {
  rig = createRig();
});

afterEach(async () => {
  await rig.end();
});

interface Shown {
  readonly instances: readonly {
    readonly pid: number | null;
    readonly activity: { readonly state: string; readonly job: string | null } | null;
  }[];
}

async function shown(): Promise<Shown['instances'][number] | undefined> {
  const { stdout } = await rig.workerctl('status', '--json');
  return (JSON.parse(stdout) as Shown).instances[0];
}

test.each(
  Object.entries(languages).filter(([name, { probe }]) => !isMissing(name, { [name]: probe })),
)(
  'a worker in %s must be shown busy and idle, and not be killed',
  { timeout: 120_000 },
  async (_, { snippet, program, build, command }) => {
    cpSync(join(snippets, snippet), join(rig.folder, snippet));
    for (const [file, text] of Object.entries(program)) writeFileSync(join(rig.folder, file), text);
    if (build !== undefined) {
      const { exitCode, all } = await rig.run('sh', ['-c', build]);
      expect(exitCode, all).toBe(0);
    }
    const worker = { command, env: rig.env, heartbeat: { timeout: `${timeoutMs}ms` } };
    writeFileSync(
      join(rig.folder, 'workerctl.yaml'),
      stringify({ defaults: { ready: { after: '100ms' } }, workers: { job: worker } }),
    );
    const started = await rig.workerctl('start');
    expect(started.exitCode, started.all).toBe(0);
    const log = join(rig.folder, 'watch.log');
    const watching = rig.run('sh', [
      '-c',
      `exec "$0" "$@" >${log}`,
      process.execPath,
      launcher,
      'watch',
    ]);
    await until('watch', () => readOr(log, '').includes('workerctl watch: pid'), 20_000);

    await until('its job', async () => (await shown())?.activity?.state === 'busy', 20_000);
    const working = await shown();
    expect(working?.activity).toMatchObject({ state: 'busy', job: 'job 212' });
    await timePasses(timeoutMs + 1_500); // its limit
    writeFileSync(join(rig.folder, 'finish'), '');
    await until('its idleness', async () => (await shown())?.activity?.state === 'idle', 20_000);
    expect(await shown()).toMatchObject({ pid: working?.pid, activity: { state: 'idle' } });
    expect(readOr(log, '')).not.toMatch(/Watchdog|Child/);

    // The same program, silenced: otherwise nothing would have been watched.
    process.kill(working?.pid ?? 0, 'SIGSTOP');
    await until('the watchdog', () => readOr(log, '').includes('Watchdog killing worker'), 20_000);
    watching.kill('SIGKILL');
    await watching;
  },
);

const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));
