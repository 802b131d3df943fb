// Writes V8's code cache of the bundle, after having run the two commands that must start fast, so that
// their functions are in it compiled.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vm = require('node:vm');

const bundle = path.join(__dirname, '..', 'dist', 'cli.cjs');
const source = fs.readFileSync(bundle);
const script = new vm.Script(
  `(function(exports,require,module,__filename,__dirname){${source}\n})`,
  {
    filename: bundle,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  },
);
const main = { exports: {} };
script.runInThisContext()(main.exports, require, main, bundle, path.dirname(bundle));

(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'workerctl-build-'));
  const config = path.join(folder, 'workerctl.yaml');
  fs.writeFileSync(
    config,
    'workers: {warm: {command: [sleep, "1"], count: 2, stop: {signal: TERM}}}\n',
  );
  const { write } = process.stdout;
  process.stdout.write = () => true;
  try {
    await main.exports.main(['status', '--config', config]);
    await main.exports.main(['bootcheck', '--dry-run', '--config', config]);
  } finally {
    process.stdout.write = write;
    fs.rmSync(folder, { recursive: true, force: true });
  }
  fs.writeFileSync(`${bundle}.cache`, script.createCachedData());
})();
