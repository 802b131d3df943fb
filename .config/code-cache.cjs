// Writes V8's code cache of the bundle, after having run the two commands that must start fast, so that
// their functions are in it compiled.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vm = require('node:vm');

const bundle = path.join(__dirname, '..', 'dist', 'cli.cjs');
const source = fs.readFileSync(bundle);
const script = new vm.Script(source.toString('latin1'), { filename: bundle });
const main = { exports: {} };
script.runInThisContext()(main.exports, require, main, bundle, path.dirname(bundle));

(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'workerctl-build-'));
  /** A config of a few instances, none of which is ever started. */
  const configOf = (count) => {
    const config = path.join(folder, `${count}.yaml`);
    const worker = `{command: ["true"], count: ${count}, stop: {signal: TERM}}`;
    fs.writeFileSync(config, `state_dir: state\nworkers: {warm: ${worker}}\n`);
    return config;
  };
  try {
    await main.exports.main(['status', '--config', configOf(2)]);
    await main.exports.main(['bootcheck', '--config', configOf(0)]);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  fs.writeFileSync(`${bundle}.cache`, script.createCachedData());
})();
