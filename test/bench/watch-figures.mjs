// What a resident watch costs when nothing happens and when its trigger is flooded, and how soon it restarts a worker
// that dies. CPU is the kernel's own count for the process, over a wall time that is measured too.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bash, bashStartMs } from './bash-clock.mjs';
import { createFleet, environment, readOr, spawnProgram } from './rig.mjs';
import { median, quantile } from './statistics.mjs';

/** 100 workers with signs of life, a flood of bytes, and deaths. */
export async function watchFigures({ rounds, seconds }) {
  const fleet = createFleet(beating);
  try {
    return [
      ...(await idleFigures(fleet, seconds)),
      ...(await floodFigures(fleet)),
      ...(await deathFigures(rounds)),
    ];
  } finally {
    fleet.remove();
  }
}

/** Nothing touches their heartbeat files, and their limit is far away: the watch checks each of them once a second. */
const beating = {
  idle: { command: ['/bin/sleep', '1000000'], count: 100, heartbeat: { timeout: '1h' } },
};

async function watching(fleet) {
  const [program, ...words] = fleet.argv('watch');
  const child = spawnProgram(program, words, { cwd: fleet.folder });
  child.stdout.resume();
  await until(() => existsSync(join(fleet.stateDir, 'control.sock')), 'watch to begin');
  let last = -1;
  await until(async () => {
    await sleep(500);
    const looks = await looksOf(fleet);
    const isQuiet = looks > 0 && looks === last;
    last = looks;
    return isQuiet;
  }, 'watch to be quiet');
  return child;
}

const end = (child) =>
  new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGTERM');
  });

/** V8 collects what the start has left some 8 s after it, once; a watch runs for weeks. */
const collectionMs = 10_000;

async function idleFigures(fleet, seconds) {
  fleet.run('start', '--no-wait');
  const watch = await watching(fleet);
  await sleep(collectionMs);
  const bare = spawnProgram(process.execPath, ['-e', 'setInterval(() => {}, 1e9)']);
  const used = await cpuOver(watch.pid, async () => sleep(seconds * 1000));
  const rss = { watch: rssOf(watch.pid), bare: rssOf(bare.pid) };
  bare.kill('SIGKILL');
  await end(watch);
  const mib = (kib) => `${(kib / 1024).toFixed(1)} MiB`;
  return [
    {
      name: 'watch, 100 workers with heartbeat, nothing happens: CPU',
      figure: rounded(used.percent, 3),
      unit: '%',
      limit: 0.2,
      note: `${used.cpuMs.toFixed(1)} ms in ${(used.wallMs / 1000).toFixed(1)} s`,
    },
    {
      name: 'watch, 100 workers with heartbeat: memory beside `node -e 0` kept alive',
      figure: rss.watch / rss.bare,
      unit: 'x',
      limit: 1.4,
      note: `RSS ${mib(rss.watch)} and ${mib(rss.bare)}`,
    },
  ];
}

const floodSeconds = 5;
const floodRate = 50_000;

/** Bytes one by one, as many programs would write them; how many there were is printed at the end. */
const flooder = `
const { openSync, writeSync, constants } = require('node:fs');
const fd = openSync(process.argv[1], constants.O_WRONLY | constants.O_NONBLOCK);
const byte = Buffer.from('x');
const startedAt = performance.now();
let tried = 0;
const step = () => {
  const passed = performance.now() - startedAt;
  const due = Math.min(passed, ${floodSeconds * 1000}) * ${floodRate / 1000};
  for (; tried < due; tried += 1) try { writeSync(fd, byte); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
  if (passed < ${floodSeconds * 1000}) setTimeout(step, 1); else console.log(tried);
};
step();
`;

/** The naive loop: anything that is read makes it look at each worker's files. */
const naive = `
const { createReadStream, openSync, readdirSync, readFileSync, constants } = require('node:fs');
const { join } = require('node:path');
const folder = process.argv[1];
const fd = openSync(join(folder, 'naive'), constants.O_RDWR | constants.O_NONBLOCK);
let looks = 0;
new (require('node:net').Socket)({ fd, readable: true, writable: false }).on('data', () => {
  looks += 1;
  for (const name of readdirSync(folder)) if (name.endsWith('.pid'))
    try { readFileSync('/proc/' + Number(readFileSync(join(folder, name), 'utf8')) + '/stat'); } catch {}
});
process.on('SIGTERM', () => { console.log(looks); process.exit(0); });
console.log('up');
`;

async function floodFigures(fleet) {
  const watch = await watching(fleet);
  const before = await looksOf(fleet);
  let written = 0;
  const used = await cpuOver(watch.pid, async () => {
    written = await flood(join(fleet.stateDir, 'trigger'));
  });
  const looks = (await looksOf(fleet)) - before;
  await end(watch);
  const other = await naiveFlood(fleet);
  const perSecond = looks / (used.wallMs / 1000);
  return [
    {
      name: `watch, ${floodRate} bytes a second for ${floodSeconds} s: looks a second`,
      figure: rounded(perSecond, 1),
      unit: '',
      limit: 25,
      note: `${looks} looks at ${written} bytes; the loop that looks at each read: ${other.looks}`,
    },
    {
      name: `watch, ${floodRate} bytes a second for ${floodSeconds} s: CPU`,
      figure: rounded(used.percent, 1),
      unit: '%',
      limit: 15,
      note: `100 workers; the loop that looks at each read: ${other.percent.toFixed(1)} %`,
    },
  ];
}

async function naiveFlood({ stateDir }) {
  const fifo = join(stateDir, 'naive');
  await exitOf(spawn('mkfifo', [fifo], { env: environment, stdio: 'ignore' }));
  const child = spawnProgram(process.execPath, ['-e', naive, stateDir]);
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  await until(() => printed.includes('up'), 'the naive loop');
  const used = await cpuOver(child.pid, () => flood(fifo));
  await end(child);
  await until(() => /up\n\d+\n/.test(printed), 'its count');
  return { percent: used.percent, looks: Number(printed.trim().split('\n').at(-1)) };
}

async function flood(fifo) {
  const child = spawnProgram(process.execPath, ['-e', flooder, fifo]);
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  await new Promise((resolve) => {
    child.once('close', resolve);
  });
  if (printed === '') throw new Error('the flood has failed');
  return Number(printed);
}

/** Notes its pid and when it began by bash's own clock, and stays. */
const timedProgram = 'echo "$$ $EPOCHREALTIME" >>acts; exec /bin/sleep 1000000\n';

/** From the KILL of a worker to the exec of the next one. */
async function deathFigures(rounds) {
  const fleet = createFleet({
    timed: {
      command: [bash, '--norc', 'timed.sh'],
      ready: { after: '10ms' },
      backoff: { reset: '0s', min_run: '0s' },
    },
  });
  writeFileSync(join(fleet.folder, 'timed.sh'), timedProgram);
  const acts = () =>
    readOr(join(fleet.folder, 'acts'))
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ').map(Number));
  fleet.run('start');
  const watch = await watching(fleet);
  const gaps = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = acts();
    await sleep(150); // it is ready, and the watch is idle
    const at = (performance.timeOrigin + performance.now()) / 1000;
    process.kill(before.at(-1)[0], 'SIGKILL');
    await until(() => acts().length > before.length, 'the next worker');
    gaps.push((acts().at(-1)[1] - at) * 1000);
  }
  await end(watch);
  fleet.remove();
  const own = bashStartMs();
  return [
    {
      name: 'watch: from the death of a worker to the exec of the next one',
      figure: median(gaps) - own,
      unit: 'ms',
      limit: 20,
      note: `p90 ${quantile(gaps, 0.9).toFixed(1)}, most ${Math.max(...gaps).toFixed(1)} ms, ${gaps.length} deaths, to the first act; bash's own ${own.toFixed(1)} ms are subtracted`,
    },
  ];
}

async function cpuOver(pid, work) {
  const cpu = cpuMsOf(pid);
  const startedAt = performance.now();
  await work();
  const cpuMs = cpuMsOf(pid) - cpu;
  const wallMs = performance.now() - startedAt;
  return { cpuMs, wallMs, percent: (cpuMs / wallMs) * 100 };
}

/** Of all its threads, in nanoseconds and not in ticks. */
const cpuMsOf = (pid) =>
  readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readOr(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]) / 1e6)
    .reduce((sum, each) => sum + each, 0);

const rssOf = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readOr(`/proc/${pid}/status`))[1]);

const rounded = (value, digits) => Number(value.toFixed(digits));

const exitOf = (child) =>
  new Promise((resolve) => {
    child.once('exit', resolve);
  });

function looksOf({ stateDir }) {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(join(stateDir, 'control.sock'), () => socket.write('!stats\n'));
    socket.once('error', reject);
    socket.on('data', (chunk) => {
      reply += chunk;
      if (!/^\.\r?$/m.test(reply)) return;
      socket.destroy();
      resolve(Number(/^passes (\d+)/m.exec(reply)?.[1] ?? 0));
    });
  });
}

async function until(condition, words) {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${words}`);
    await sleep(2);
  }
}
