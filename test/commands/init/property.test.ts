import fc from 'fast-check';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from '../../../src/commands/check.ts';
import { init } from '../../../src/commands/init.ts';
import { scratchFolder, write } from '../../config/scratch.ts';

const root = scratchFolder();

/** Texts that mean something to a shell, to YAML, to one of the formats, or to us. */
const odd = fc.constantFrom(
  ...[
    '%',
    '%i',
    '%%',
    '%(ENV_X)s',
    '%(process_num)02d',
    '$X',
    '${X:-y}',
    '$$',
    '`id`',
    '|',
    '&',
    ';',
    '>',
    '#',
    '*',
    '~',
  ],
  ...[
    "'",
    '"',
    '\\',
    ':',
    '- ',
    '[a',
    '{b: c}',
    '!tag',
    '&a',
    '*a',
    '\t',
    '\r',
    '\n',
    '\u0000',
    '\u0085',
    '\u2028',
    '\ud800',
  ],
  ...[
    'npm run a',
    'cd /tmp && ',
    'exec ',
    'A=b ',
    'sh -c "x',
    'true',
    'null',
    '1e5',
    '.inf',
    '0x1',
    'a.b c',
    'ä',
    '../..',
  ],
);
const text = fc
  .array(fc.oneof(odd, fc.string({ maxLength: 8 })), { maxLength: 6 })
  .map((parts) => parts.join(''));
const line = text.map((one) => one.replace(/[\r\n]/g, ' '));
const pairs = (keys: readonly string[]) =>
  fc.array(fc.tuple(fc.constantFrom(...keys), line), { maxLength: 8 });

const ini = (section: fc.Arbitrary<string>, keys: readonly string[]) =>
  fc
    .array(fc.tuple(section, line, pairs(keys)), { minLength: 1, maxLength: 3 })
    .map((all) =>
      all
        .map(([name, command, given]) =>
          [
            `[${name}]`,
            `${keys[0]}=x ${command}`,
            ...given.map(([key, value]) => `${key}=${value}`),
          ].join('\n'),
        )
        .join('\n'),
    );

const programKeys = [
  'command',
  'numprocs',
  'numprocs_start',
  'process_name',
  'directory',
  'environment',
  'autorestart',
  'exitcodes',
  'stopsignal',
  'startsecs',
  'umask',
  'stdout_logfile',
  'stdout_logfile_maxbytes',
  'stdout_logfile_backups',
  'stopasgroup',
];
const unitKeys = [
  'ExecStart',
  'Environment',
  'EnvironmentFile',
  'WorkingDirectory',
  'PIDFile',
  'Type',
  'Restart',
  'SuccessExitStatus',
  'KillSignal',
  'KillMode',
  'UMask',
  'Nice',
  'LimitNOFILE',
  'OOMScoreAdjust',
  'StandardOutput',
  'PassEnvironment',
];
const value = fc.oneof(
  line,
  fc.array(line, { maxLength: 3 }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.dictionary(line, line, { maxKeys: 3 }),
);
const object = (keys: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 8 });
const appKeys = [
  'name',
  'script',
  'args',
  'interpreter',
  'node_args',
  'cwd',
  'instances',
  'env',
  'env_production',
  'max_memory_restart',
  'out_file',
  'stop_exit_codes',
  'autorestart',
  'instance_var',
  'kill_signal',
];
const serviceKeys = [
  'command',
  'entrypoint',
  'environment',
  'env_file',
  'deploy',
  'scale',
  'restart',
  'stop_signal',
  'image',
  'build',
  'working_dir',
];

/** A project by the names of its files. */
const files: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  [
    'Procfile',
    fc
      .array(fc.tuple(line, line))
      .map((all) => all.map(([name, command]) => `${name}: ${command}`).join('\n')),
  ],
  [
    'supervisord.conf',
    ini(
      fc.oneof(
        line.map((name) => `program:${name}`),
        fc.constant('supervisord'),
      ),
      programKeys,
    ),
  ],
  ['app@.service', ini(fc.constant('Service'), unitKeys)],
  [
    'ecosystem.config.json',
    fc
      .array(object(appKeys), { maxLength: 3 })
      .map((apps) => JSON.stringify({ apps: apps.map((app) => ({ script: 'a.js', ...app })) })),
  ],
  [
    'compose.yaml',
    fc
      .dictionary(line, object(serviceKeys), { maxKeys: 3 })
      .map((services) => JSON.stringify({ services })),
  ],
  [
    'package.json',
    fc
      .dictionary(fc.constantFrom('worker', 'a', 'jobs', 'queue'), line)
      .map((scripts) => JSON.stringify({ scripts })),
  ],
];

const counts = { numRuns: 40 };

test.each(files)('whatever %s holds, what is written must pass check', async (name, content) => {
  await fc.assert(
    fc.asyncProperty(content, text, text, async (written, env, deploy) => {
      const folder = mkdtempSync(join(root, 'project-'));
      write(folder, name, written);
      write(folder, '.env', env);
      write(folder, 'deploy.php', `set('deploy_path', '/${deploy}');`);
      const { path } = await init({ directory: folder, force: false, env: {} });
      const { config } = check({ path });
      expect(config.workers.length).toBeGreaterThan(0);
    }),
    counts,
  );
});

test.each(files)('%s of any text must be read without a failure', async (name) => {
  await fc.assert(
    fc.asyncProperty(text, fc.uint8Array({ maxLength: 40 }), async (written, bytes) => {
      const folder = mkdtempSync(join(root, 'project-'));
      write(folder, name, Buffer.concat([Buffer.from(written), bytes]));
      const { path } = await init({ directory: folder, force: false, from: name, env: {} });
      expect(check({ path }).config.workers.length).toBeGreaterThan(0);
    }),
    counts,
  );
});
