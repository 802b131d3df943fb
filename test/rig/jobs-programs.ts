// Programs with five jobs at a time that count them by docs/heartbeat, one per language; concurrent-jobs.ts says what they do.

export interface JobsProgram {
  readonly snippet: string;
  readonly files: Readonly<Record<string, string>>;
  /** What makes it ready to run, in a shell. */
  readonly build?: string;
  readonly command: string;
}

const programFiles = {
  node: `import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { busy, start } from './beat.mjs';
const [, , mode, only] = process.argv;
const lane = async (own) => {
  for (let n = 0; !existsSync('stop'); n += 1) {
    const id = existsSync('hold') ? 'hold-' + own : own + '-' + n + '-' + process.pid;
    await busy(id, async () => {
      writeFileSync('running/' + id, '');
      do await sleep(5 + Math.random() * 40);
      while (id.startsWith('hold-') && existsSync('hold'));
      rmSync('running/' + id);
    });
    if (!id.startsWith('hold-')) writeFileSync('over/' + id, '');
    await sleep(Math.random() * 30);
  }
};
const lanes = [1, 2, 3, 4, 5];
if (only !== undefined) await lane(only);
else {
  start(500);
  if (mode === 'processes') for (const own of lanes) fork('job.mjs', [mode, own]);
  else lanes.forEach(lane);
  setInterval(() => undefined, 1000);
}
`,
  sh: `. ./beat.sh
lane() {
  read -r self rest </proc/self/stat
  n=0
  until [ -e stop ]; do
    n=$((n + 1))
    id=$1-$n-$self
    [ ! -e hold ] || id=hold-$1
    beat_busy "$id"
    : >"running/$id"
    sleep "0.0$(((n * 7 + $1 * 3) % 10))"
    case $id in hold-*) while [ -e hold ]; do sleep 0.05; done ;; esac
    rm "running/$id"
    beat_idle
    case $id in hold-*) ;; *) : >"over/$id" ;; esac
    sleep "0.0$(((n + $1) % 4))"
  done
}
beat_idle
for own in 1 2 3 4 5; do lane $own & done
while :; do beat; sleep 0.5; done
`,
  python: `import os
import random
import sys
import threading
import time
import beat
def lane(own):
    n = 0
    while not os.path.exists("stop"):
        n += 1
        id = f"hold-{own}" if os.path.exists("hold") else f"{own}-{n}-{os.getpid()}"
        with beat.busy(id):
            open("running/" + id, "w").close()
            time.sleep(random.uniform(0.005, 0.045))
            while id.startswith("hold-") and os.path.exists("hold"):
                time.sleep(0.05)
            os.unlink("running/" + id)
        if not id.startswith("hold-"):
            open("over/" + id, "w").close()
        time.sleep(random.uniform(0, 0.03))
beat.start(every=0.5)
for own in range(1, 6):
    if sys.argv[1] == "threads":
        threading.Thread(target=lane, args=(own,)).start()
    elif os.fork() == 0:
        lane(own)
        os._exit(0)
while True:
    time.sleep(1)
`,
  ruby: `require './beat'
def lane(own)
  n = 0
  until File.exist?('stop')
    n += 1
    id = File.exist?('hold') ? "hold-#{own}" : "#{own}-#{n}-#{Process.pid}"
    Heartbeat.busy(id) do
      File.write("running/#{id}", '')
      sleep rand(0.005..0.045)
      sleep 0.05 while id.start_with?('hold-') && File.exist?('hold')
      File.unlink("running/#{id}")
    end
    File.write("over/#{id}", '') unless id.start_with?('hold-')
    sleep rand(0.0..0.03)
  end
end
Thread.report_on_exception = true
Heartbeat.start(every: 0.5)
(1..5).each { |own| ARGV[0] == 'threads' ? Thread.new { lane(own) } : fork { lane(own) } }
sleep
`,
  php: `<?php
require 'beat.php';
function lane($own) {
    for ($n = 0; !file_exists('stop'); $n++) {
        $id = file_exists('hold') ? "hold-$own" : "$own-$n-" . getmypid();
        Heartbeat::busy($id, function () use ($id) {
            touch("running/$id");
            do { usleep(random_int(5000, 45000)); clearstatcache(); } while (str_starts_with($id, 'hold-') && file_exists('hold'));
            unlink("running/$id");
        });
        if (!str_starts_with($id, 'hold-')) touch("over/$id");
        usleep(random_int(0, 30000));
        clearstatcache();
    }
}
Heartbeat::start();
for ($own = 1; $own <= 5; $own++) {
    if (pcntl_fork() === 0) { lane($own); exit(0); }
}
while (true) { Heartbeat::beat(); usleep(500000); }
`,
  go: `package main

import (
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"job/heartbeat"
)

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func lane(own int) {
	for n := 0; !isThere("stop"); n++ {
		id := fmt.Sprintf("%d-%d-%d", own, n, os.Getpid())
		if isThere("hold") {
			id = fmt.Sprintf("hold-%d", own)
		}
		holds := strings.HasPrefix(id, "hold-")
		heartbeat.Busy(id, func() {
			os.WriteFile("running/"+id, nil, 0o644)
			time.Sleep(time.Duration(5+rand.Intn(40)) * time.Millisecond)
			for holds && isThere("hold") {
				time.Sleep(50 * time.Millisecond)
			}
			os.Remove("running/" + id)
		})
		if !holds {
			os.WriteFile("over/"+id, nil, 0o644)
		}
		time.Sleep(time.Duration(rand.Intn(30)) * time.Millisecond)
	}
}

func main() {
	heartbeat.Start(500 * time.Millisecond)
	for own := 1; own <= 5; own++ {
		go lane(own)
	}
	select {}
}
`,
};

/** By language and whether the lanes are threads (or what a language has in place of them) or processes. */
export const jobsPrograms: Readonly<Record<string, JobsProgram>> = {
  'node, promises': {
    snippet: 'beat.mjs',
    files: { 'job.mjs': programFiles.node },
    command: 'node job.mjs promises',
  },
  'node, processes': {
    snippet: 'beat.mjs',
    files: { 'job.mjs': programFiles.node },
    command: 'node job.mjs processes',
  },
  'sh, subshells': {
    snippet: 'beat.sh',
    files: { 'job.sh': programFiles.sh },
    command: 'sh job.sh',
  },
  'python, threads': {
    snippet: 'beat.py',
    files: { 'job.py': programFiles.python },
    command: 'python3 job.py threads',
  },
  'python, processes': {
    snippet: 'beat.py',
    files: { 'job.py': programFiles.python },
    command: 'python3 job.py processes',
  },
  'ruby, threads': {
    snippet: 'beat.rb',
    files: { 'job.rb': programFiles.ruby },
    command: 'ruby job.rb threads',
  },
  'ruby, processes': {
    snippet: 'beat.rb',
    files: { 'job.rb': programFiles.ruby },
    command: 'ruby job.rb processes',
  },
  'php, processes': {
    snippet: 'beat.php',
    files: { 'job.php': programFiles.php },
    command: 'php job.php',
  },
  'go, goroutines': {
    snippet: 'beat.go',
    files: { 'go.mod': 'module job\n\ngo 1.18\n', 'main.go': programFiles.go },
    build:
      'mkdir heartbeat && mv beat.go heartbeat/ && HOME=$PWD GOFLAGS=-modcacherw go build -o job .',
    command: './job',
  },
};
