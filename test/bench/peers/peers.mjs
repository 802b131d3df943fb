// npm run bench -- --peers: the same workers under other tools, in one run. Each tool runs in a PID namespace whose first
// process reaps orphans, as a host's does. Writes docs/benchmarks.md. Needs root, and the tools, of which it takes those
// that are installed: Debian's supervisor, runit, s6 and daemontools; pm2 comes from npm.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanUp, environment, nodeMs } from '../rig.mjs';
import { machine } from '../report.mjs';
import { tools } from './tools.mjs';
import { described, tried } from './trial.mjs';

const count = 100;
const page = fileURLToPath(new URL('../../../docs/benchmarks.md', import.meta.url));
const self = fileURLToPath(import.meta.url);

/** Reaps orphans for as long as the trial runs, and ends with it: the kernel then kills all that is left. */
const first =
  'node "$@" & trial=$!; while kill -0 $trial 2>/dev/null; do wait $trial; status=$?; done; exit $status';

const [, , name, root, home] = process.argv;
process.once('exit', cleanUp);
if (name === undefined) comparison();
else {
  const tool = tools.find((one) => one.name === name);
  const figures = await tried(tool, { root, home, count });
  writeFileSync(join(root, `${name}.json`), JSON.stringify(figures));
}

function comparison() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-peers-')));
  const pm2 = join(folder, 'npm');
  const npm = ['install', '--prefix', pm2, '--no-audit', '--no-fund', '--loglevel', 'error', 'pm2'];
  spawnSync('npm', npm, { stdio: 'inherit' });
  const host = machine();
  const base = nodeMs();
  const rows = [];
  for (const tool of tools) {
    if (!tool.isThere(pm2)) {
      process.stderr.write(`not installed, and left out: ${tool.name}\n`);
      continue;
    }
    process.stderr.write(`measuring: ${tool.name}\n`);
    const words = ['--pid', '--fork', '--mount-proc', '--kill-child', '/bin/sh', '-c', first, 'sh'];
    const env = { ...environment, PATH: process.env.PATH };
    const { status } = spawnSync('unshare', [...words, self, tool.name, folder, pm2], {
      env,
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error(`${tool.name}: exit ${status}`);
    const figures = JSON.parse(readFileSync(join(folder, `${tool.name}.json`), 'utf8'));
    rows.push({ ...figures, name: tool.name, version: tool.version(pm2) });
  }
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(page, pageOf(rows, host, (base + nodeMs()) / 2));
  process.stdout.write(readFileSync(page, 'utf8'));
}

function pageOf(rows, host, base) {
  const ms = (value) =>
    (value < 100 ? value.toFixed(0) : (value / 1000).toFixed(2)) + (value < 100 ? ' ms' : ' s');
  const columns = [
    ['', ({ name }) => name],
    [
      'busy worker at a deploy',
      ({ isDone, jobMs }) =>
        isDone ? `finishes its job (${ms(jobMs)})` : `**killed** after ${ms(jobMs)}`,
    ],
    [`the other ${count - 1} wait`, ({ idleWaited }) => ms(idleWaited)],
    [`restart of ${count} idle`, ({ restart }) => ms(restart)],
    [`start of ${count}`, ({ start }) => ms(start)],
    ['death to exec', ({ death, worst }) => `${ms(death)} (most ${ms(worst)})`],
    ['status', ({ status }) => ms(status)],
    ['idle CPU', ({ idle }) => `${idle.toFixed(2)} %`],
    ['memory', ({ memory }) => `${memory.toFixed(0)} MiB`],
  ];
  const table = [
    columns.map(([title]) => title),
    columns.map(() => '---'),
    ...rows.map((row) => columns.map(([, cell]) => cell(row))),
  ];
  return `# Beside other tools

Made by \`npm run bench -- --peers\`, in one run, on ${host.cores} cores (${host.cpu}), Linux ${host.kernel}, Node.js ${host.node}, where \`node -e 0\` takes ${base.toFixed(0)} ms; load before it: ${host.load_before}. Do not edit this page.

${table.map((row) => `| ${row.join(' | ')} |`).join('\n')}

Versions: ${rows.map(({ version }) => version).join('; ')}.

- ${count} workers that idle, each with the configuration that the tool's documentation gives, and its defaults. Times are from the command to the first act of the last new worker, by one clock. workerctl: \`start\`, then \`watch\`; at a boot of the host \`watch\` alone starts them a few at a time.
- Busy worker at a deploy: one of the ${count} has a job of which ${described.jobSeconds} s are left when the restart begins; it finishes the job if it is let, then exits. The other ${count - 1} wait until the last of them is replaced.
- Death to exec: SIGKILL to a worker that has run for more than a second, ${described.deaths} times, median; bash's own start is subtracted.
- Status: the command that shows all ${count}, ${described.looks} times, median.
- Idle CPU over ${described.idleSeconds} s and memory (PSS) of everything but the workers. workerctl with \`watch\`, which is optional: without it there is only a shim per worker, and cron's \`bootcheck\`.
`;
}
