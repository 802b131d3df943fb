// Writes V8's code cache of the bundles in a directory, after having run the commands that must start fast, so that
// their functions are in it compiled. No worker is started: this process represents a running one.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vm = require('node:vm');

// Where they are, and where they will be: stack traces name the place that they were compiled for.
const [made, dist] = process.argv.slice(2);
const parts = new Map();

/** As the launcher does it. */
function load(name) {
  const known = parts.get(name);
  if (known !== undefined) return known.part.exports;
  const file = path.join(made, name);
  const source = fs.readFileSync(file, 'latin1');
  const script = new vm.Script(source, { filename: path.join(dist, name) });
  const part = { exports: {} };
  parts.set(name, { part, script, file, source });
  script.runInThisContext()(part.exports, ask, part, file, made);
  return part.exports;
}

const ask = (name) => (name.startsWith('./') ? load(name) : require(name));

/** What a bundle and its cache begin with. */
const idLength = 24;

function writeCache({ script, file, source }) {
  const id = Buffer.from(source.slice(0, idLength), 'latin1');
  fs.writeFileSync(`${file}.cache`, Buffer.concat([id, script.createCachedData()]));
}

const runId = '0123456789abcdef';

/** A directory with a config and the files of one instance that lives, says what it does, and was never started. */
function scene(folder, pid) {
  const state = path.join(folder, 'state');
  const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
  fs.mkdirSync(path.join(state, 'heartbeats'), { recursive: true });
  const common = 'command: ["true"], directory: ., ready: {after: 0s}';
  write(
    'warm.yaml',
    `state_dir: state\nworkers:\n  warm: {${common}, count: 1}\n  none: {${common}, count: 0}\n`,
  );
  write(
    'missing.yaml',
    `state_dir: none\nworkers: {warm: {${common}, count: 2, heartbeat: {timeout: 1h}}}\n`,
  );
  const record = {
    pid,
    ...identity(pid),
    shim_pid: 0,
    instance: 'warm.1',
    run_id: runId,
    started_at: new Date(Date.now() - 10_000).toISOString(),
    release: path.basename(folder),
    command_digest: '0'.repeat(12),
    stop_signal: 'SIGTERM',
    log: { path: '/dev/null', offset: 0 },
  };
  write('state/warm.1.json', `${JSON.stringify(record)}\n`);
  write('state/warm.1.pid', `${pid}\n`);
  write(`state/heartbeats/warm.1.${runId}`, 'busy warm\n');
  write('state/state.json', '{"schema":2,"generation":1,"checksum":"734dfac6"}\n'); // see sealed-file.ts
}

/** Start time and boot id, as a record has them. */
function identity(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return { start_time: Number(stat.slice(stat.lastIndexOf(')')).split(' ')[20]), boot_id: boot };
}

(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'workerctl-build-'));
  const process = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  try {
    scene(folder, process.pid);
    /** A run that fails leaves the functions uncompiled that a good one needs. */
    const run = async (config, ...words) => {
      const code = await load('./cli.cjs').main(
        [...words, '--config', path.join(folder, config)],
        folder,
      );
      if (code !== 0) throw new Error(`workerctl ${words.join(' ')} ended with ${code}`);
    };
    await run('warm.yaml', 'bootcheck'); // keeps what the config means, and the two others take it
    await run('warm.yaml', 'status');
    await run('warm.yaml', 'bootcheck');
    // Now: a function that these two do not need only delays their start.
    const written = new Set(parts.keys());
    for (const part of parts.values()) writeCache(part);
    await run('missing.yaml', 'restart', '--dry-run'); // the rest, and yargs
    await load('./cli.cjs').main(['complete', '--', 's'], folder); // what Tab waits for
    for (const [name, part] of parts) if (!written.has(name)) writeCache(part);
  } finally {
    process.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  }
})();
