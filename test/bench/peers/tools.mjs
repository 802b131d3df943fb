// The tools that are compared, each with the configuration that its documentation gives for a number of like workers.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bash } from '../bash-clock.mjs';

const launcher = fileURLToPath(new URL('../../../bin/workerctl', import.meta.url));

/** What starts a worker in a folder of services, as runit, s6 and daemontools have it. */
const runScript = (folder) => `#!/bin/sh\nexec 2>&1\ncd ${folder}\nexec ${bash} --norc worker.sh\n`;

/** A folder of services with this many of them. */
function services(folder, count) {
  const scan = join(folder, 'service');
  for (let id = 1; id <= count; id += 1) {
    const service = join(scan, `w${id}`);
    mkdirSync(service, { recursive: true });
    writeFileSync(join(service, 'run'), runScript(folder), { mode: 0o755 });
  }
  return scan;
}

const each = (folder) =>
  readdirSync(join(folder, 'service')).map((name) => join(folder, 'service', name));

const firstLine = (program, ...words) => {
  const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  return `${stdout}${stderr}`.trim().split('\n')[0];
};

const packageVersion = (name) =>
  `${name} ${spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' }).stdout}`;

/**
 * `setUp` writes the configuration; `begin` is run once and stays, or ends when it has started the workers; `restart`,
 * `status` and `stop` are what people type.
 */
export const tools = [
  {
    name: 'workerctl',
    isThere: () => existsSync(launcher),
    version: () => firstLine(process.execPath, launcher, 'version').replace(/\s+/g, ' '),
    setUp: (folder, count) => {
      const worker = {
        command: [bash, '--norc', 'worker.sh'],
        count,
        backoff: { reset: '0s', min_run: '0s' },
      };
      writeFileSync(join(folder, 'workerctl.yaml'), JSON.stringify({ workers: { w: worker } }));
    },
    // A watch alone starts them a few at a time, as after a boot.
    begin: () => [
      '/bin/sh',
      '-c',
      '"$0" "$1" start --no-wait >start.out && exec "$0" "$1" watch',
      process.execPath,
      launcher,
    ],
    restart: () => [process.execPath, launcher, 'restart', '--graceful', '--no-canary'],
    status: () => [process.execPath, launcher, 'status'],
  },
  {
    name: 'supervisor',
    isThere: () => existsSync('/usr/bin/supervisord'),
    version: () => packageVersion('supervisor'),
    setUp: (folder, count) => {
      const socket = join(folder, 'supervisor.sock');
      writeFileSync(
        join(folder, 'supervisord.conf'),
        `[supervisord]
nodaemon=true
logfile=${folder}/supervisord.log
pidfile=${folder}/supervisord.pid
[unix_http_server]
file=${socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${socket}
[program:w]
command=${bash} --norc worker.sh
directory=${folder}
numprocs=${count}
process_name=w%(process_num)d
autorestart=true
`,
      );
    },
    begin: (folder) => ['supervisord', '-c', join(folder, 'supervisord.conf')],
    restart: (folder) => [
      'supervisorctl',
      '-c',
      join(folder, 'supervisord.conf'),
      'restart',
      'all',
    ],
    status: (folder) => ['supervisorctl', '-c', join(folder, 'supervisord.conf'), 'status'],
  },
  {
    name: 'pm2',
    isThere: (home) => existsSync(pm2In(home)),
    version: (home) =>
      `pm2 ${execFileSync(process.execPath, ['-p', 'require(process.argv[1]).version', join(home, 'node_modules/pm2/package.json')], { encoding: 'utf8' }).trim()}`,
    setUp: (folder, count) => {
      const app = {
        name: 'w',
        script: bash,
        args: '--norc worker.sh',
        interpreter: 'none',
        cwd: folder,
      };
      const apps = [{ ...app, exec_mode: 'fork', instances: count, autorestart: true }];
      writeFileSync(
        join(folder, 'ecosystem.config.js'),
        `module.exports = ${JSON.stringify({ apps })};\n`,
      );
    },
    begin: (folder, home) => [
      process.execPath,
      pm2In(home),
      'start',
      join(folder, 'ecosystem.config.js'),
    ],
    restart: (folder, home) => [process.execPath, pm2In(home), 'restart', 'all'],
    status: (folder, home) => [process.execPath, pm2In(home), 'list'],
  },
  {
    name: 'runit',
    isThere: () => existsSync('/usr/bin/runsvdir'),
    version: () => packageVersion('runit'),
    setUp: services,
    begin: (folder) => ['runsvdir', join(folder, 'service')],
    restart: (folder) => ['sv', 'restart', ...each(folder)],
    status: (folder) => ['sv', 'status', ...each(folder)],
  },
  {
    name: 's6',
    isThere: () => existsSync('/usr/bin/s6-svscan'),
    version: () => packageVersion('s6'),
    setUp: services,
    begin: (folder) => ['s6-svscan', join(folder, 'service')],
    restart: (folder) => inShell('s6-svc -r', folder),
    status: (folder) => inShell('s6-svstat', folder),
  },
  {
    name: 'daemontools',
    isThere: () => existsSync('/usr/bin/svscan'),
    version: () => packageVersion('daemontools'),
    setUp: services,
    begin: (folder) => ['svscan', join(folder, 'service')],
    restart: (folder) => ['svc', '-t', ...each(folder)],
    status: (folder) => ['svstat', ...each(folder)],
  },
];

/** For a command that takes one service only. */
const inShell = (command, folder) => [
  '/bin/sh',
  '-c',
  `for each in ${folder}/service/*; do ${command} "$each"; done`,
];

const pm2In = (home) => join(home, 'node_modules/pm2/bin/pm2');
