// What those see who have just installed it: workerctl alone, version, the manual page.
import { existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/table.ts';
import { optionName } from '../../src/cli/options.ts';
import { fixture } from '../rig/programs.ts';
import { createRig } from '../rig/rig.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const packaged = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  version: string;
  man: string;
  files: string[];
};

test('workerctl alone must say what to do where there is no config', async () => {
  const rig = createRig();
  const { stdout, stderr, exitCode } = await rig.workerctl();
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  expect(stdout).toContain(`No config found: expected workerctl.yaml in ${rig.folder} or`);
  for (const next of ['demo', 'init', '--help']) expect(stdout).toContain(`  workerctl ${next} `);
  for (const line of stdout.split('\n').slice(3)) expect(line.length).toBeLessThanOrEqual(80);
});

test.each([
  ['with a config', {}],
  ['with a config that is named and missing', { WORKERCTL_CONFIG: 'no-such-file' }],
])('workerctl alone must list the commands %s', async (_, env) => {
  const rig = createRig('WORKERCTL_CONFIG' in env ? {} : { mail: { command: fixture('idle') } });
  const { stdout, exitCode } = await rig.workerctlWith(env);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ {2}status +Show what/m);
  expect(stdout).not.toContain('o config found');
});

test('version must name workerctl, Node and the commit, as far as it is known', async () => {
  const rig = createRig();
  const { stdout } = await rig.workerctl('version', '--json');
  expect(JSON.parse(stdout)).toEqual({
    schema: 2,
    version: packaged.version,
    commit: existsSync(`${root}/dist/commit`)
      ? readFileSync(`${root}/dist/commit`, 'utf8').trim()
      : null,
    node: process.versions.node,
    path: process.execPath,
  });
  const { stdout: text } = await rig.workerctl('version');
  expect(text.split('\n').map((line) => line.split(' ')[0])).toEqual([
    ...['workerctl', 'commit', 'node'],
  ]);
  expect((await rig.workerctl('--version')).stdout).toBe(packaged.version);
});

const page = `${root}/${packaged.man}`;
const hasMan = spawnSync('man', ['--version']).status === 0;

/** What man(1) makes of the page, in lines so long that none is broken; and what it complains of. */
function shown(): { text: string; complaints: string } {
  const { stdout, stderr } = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', page], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      LC_ALL: 'C.UTF-8',
      MANROFFSEQ: '',
      MANWIDTH: '2000',
      PAGER: 'cat',
    },
  });
  return { text: stdout.replaceAll(/.\p{Cc}(?<!\n)/gu, ''), complaints: stderr };
}

test('the package must have the manual page', () => {
  expect(packaged.files.some((folder) => packaged.man.startsWith(`${folder}/`))).toBe(true);
  expect(readFileSync(page, 'utf8')).toMatch(/^\.TH WORKERCTL 1 "" "workerctl \d/);
});

describe.runIf(hasMan)('the manual page', () => {
  test('must be one that man(1) has nothing to complain of', () => {
    expect(shown().complaints).toBe('');
  });

  test('must have every command with its options and examples, as they are typed', async () => {
    const { text } = shown();
    const words = text.replace(/\s+/g, ' ');
    for (const [name, load] of Object.entries(commands)) {
      const { options, examples, isInternal, summary } = await load();
      if (isInternal === true) continue;
      expect(words).toContain(` workerctl ${name} `);
      expect(words).toContain(summary.replace(/\s+/g, ' '));
      for (const key of Object.keys(options))
        expect(text).toMatch(new RegExp(`--(?:no-)?${optionName(key)}\\b`));
      for (const [line] of examples) expect(text).toContain(`  ${line}`);
    }
  });
});
