import { describe, expect, test } from 'vitest';
import { scratchFolder } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const initialised = initialisedIn(scratchFolder());

const sample = `{
  // comments are allowed
  "apps": [
    {
      "name": "mail worker", /* with a space */
      "script": "./dist/mail.js",
      "args": ["--queue", "mail now", "--url", "http://x//y"],
      "node_args": "--max-old-space-size=512 --trace-warnings",
      "instances": 3,
      "exec_mode": "cluster",
      "cwd": "./app",
      "env": { "NODE_ENV": "development", "RATE": 5 },
      "env_production": { "NODE_ENV": "production" },
      "max_memory_restart": "300M",
      "kill_timeout": 5000,
      "cron_restart": "0 0 * * *",
      "out_file": "logs/out.log",
      "error_file": "logs/err.log",
      "watch": false,
      "stop_exit_codes": [0, 3],
      "wait_ready": true,
    },
    { "name": "py", "script": "work.py", "args": "-n 1 \\"a b\\"", "instances": "max", "autorestart": false },
    { "name": "bin", "script": "bin/work", "interpreter": "none", "instances": -1 },
    { "name": "web", "script": "server.js" },
    { "name": "noscript" }
  ],
}`;

describe('the apps of an ecosystem file must be carried over', () => {
  test.each([
    ['JSON with comments', 'ecosystem.config.json', sample],
    ['CRLF', 'pm2.json', sample.replaceAll('\n', '\r\n')],
  ])('%s', async (_, name, text) => {
    const { folder, worker, leftOut } = await initialised({ [name]: text });
    expect(worker['mail-worker']).toMatchObject({
      command: [
        'node',
        '--max-old-space-size=512',
        '--trace-warnings',
        './dist/mail.js',
        '--queue',
        'mail now',
        '--url',
        'http://x//y',
      ],
      configured: ['0', '1', '2'],
      directory: `${folder}/app`,
      env: { NODE_ENV: 'production', RATE: '5', NODE_APP_INSTANCE: '%i' },
      recycle: { memory: 300 * 1024 ** 2 },
      onExit: 'on_failure',
      successCodes: [0, 3],
      logFile: `${folder}/logs/out-%i.log`,
    });
    expect(worker['py']).toMatchObject({
      command: ['python3', 'work.py', '-n', '1', 'a b'],
      onExit: 'never',
      configured: ['1'],
    });
    expect(worker['bin']?.command).toEqual(['bin/work']);
    expect(Object.keys(worker)).toEqual(['mail-worker', 'py', 'bin']);
    for (const [line, words] of [
      [10, 'mail worker: exec_mode was left out: each instance is a process of its own'],
      [
        15,
        'mail worker: kill_timeout was left out: workerctl lets a job end; stop.timeout: 5000ms',
      ],
      [16, 'mail worker: cron_restart was left out'],
      [21, "mail worker: wait_ready was left out: process.send('ready') has no reader"],
      [23, 'py: instances was left out: max means the number of processors'],
      [24, 'bin: instances was left out: -1 means the number of processors'],
      [25, 'web was left out: a web process'],
      [26, 'noscript was left out: it has no script'],
    ] as const)
      expect(leftOut.join('\n')).toContain(`${name}:${line}: ${words}`);
  });

  test('YAML', async () => {
    const { commands } = await initialised({
      'process.yml': 'apps:\n  - script: ./work.rb\n    name: jobs\n    args: [1, two]\n',
    });
    expect(commands).toEqual({ jobs: ['ruby', './work.rb', '1', 'two'] });
  });
});
