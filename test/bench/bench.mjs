// npm run bench: how fast workerctl is, on real processes. It reports and never judges: a busy machine is not a bug. It
// exits with 1 only if something could not be measured.
//
//   node test/bench/bench.mjs [--quick] [--json] [--only WORD] [--bin PATH]
//   node test/bench/bench.mjs --peers        beside other tools, see peers/peers.mjs
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commandFigures, thousandFigures } from './command-figures.mjs';
import { busyFigures, idleFigures } from './fleet-figures.mjs';
import { gapFigures } from './gap-figures.mjs';
import { formatNotes, formatTable, isMet, machine } from './report.mjs';
import { cleanUp, measure, nodeMs } from './rig.mjs';
import { watchFigures } from './watch-figures.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    peers: { type: 'boolean', default: false },
    bin: {
      type: 'string',
      default: fileURLToPath(new URL('../../bin/workerctl', import.meta.url)),
    },
  },
});

if (options.peers) {
  const peers = fileURLToPath(new URL('peers/peers.mjs', import.meta.url));
  process.exit(spawnSync(process.execPath, [peers], { stdio: 'inherit' }).status ?? 1);
}

/** On the machine for which the limits were set. */
const usualNodeMs = 30;

const { quick } = options;
const groups = [
  ['commands', () => commandFigures({ runs: quick ? 10 : 20 })],
  ['thousand', () => thousandFigures({ runs: quick ? 5 : 12 })],
  ['idle', () => idleFigures({ rounds: quick ? 2 : 3 })],
  ['busy', () => busyFigures({ rounds: quick ? 1 : 2 })],
  ['gap', () => gapFigures({ rounds: 1 })],
  ['watch', () => watchFigures({ rounds: quick ? 10 : 20, seconds: 10 })],
];

measure(options.bin);
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
])
  process.once(signal, () => {
    cleanUp();
    process.exit(128 + number);
  });

const startedAt = performance.now();
const host = machine();
const figures = [];
const failures = [];
try {
  for (const [name, take] of groups) {
    if (!name.startsWith(options.only)) continue;
    process.stderr.write(`measuring: ${name}\n`);
    try {
      const before = nodeMs();
      const taken = await take();
      const base = (before + nodeMs()) / 2;
      figures.push(...taken.map((figure) => withBase(figure, base)));
    } catch (error) {
      failures.push({
        group: name,
        problem: error instanceof Error ? error.message : String(error),
      });
    }
  }
} finally {
  cleanUp();
}
process.stdout.write(options.json ? asJson() : asText());
process.exitCode = failures.length === 0 ? 0 : 1;

function asText() {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const failed = failures
    .map(({ group, problem }) => `NOT MEASURED: ${group}: ${problem}\n`)
    .join('');
  return `${host.cores} cores (${host.cpu}), Linux ${host.kernel}, Node ${host.node}, load before ${host.load_before}
x is a multiple of what \`node -e 0\` takes in the same run; all are medians, of runs taken in turn. Limits in seconds and milliseconds are for a machine on which it takes ${usualNodeMs} ms or less; their multiple here is shown beside them.
NODE_EXTRA_CA_CERTS ${caCertificates()}: it makes Node itself start several times slower.

${formatTable(figures)}

${formatNotes(figures)}
${failed}
took ${seconds} s
`;
}

function asJson() {
  const measured = figures.map((each) => ({ ...each, met: isMet(each) ?? null }));
  const removed = process.env.NODE_EXTRA_CA_CERTS !== undefined;
  return `${JSON.stringify({ schema: 1, machine: host, node_extra_ca_certs: removed ? 'removed' : 'not set', figures: measured, failures }, undefined, 2)}\n`;
}

/** Durations say little about workerctl if the present speed of the machine is not known. */
function withBase(figure, base) {
  const times = { s: 1000, ms: 1 }[figure.unit];
  if (times === undefined) return figure;
  return { ...figure, base: { ratio: (figure.figure * times) / base, node_ms: base } };
}

function caCertificates() {
  return process.env.NODE_EXTRA_CA_CERTS === undefined
    ? 'is not set'
    : 'is set here and was removed from the environment of all that is measured';
}
