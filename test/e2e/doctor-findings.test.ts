import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { endProcess, look } from '../rig/kernel.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const idle: WorkerKeys = { command: fixture('idle') };

interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly about: string;
  readonly found: string;
  readonly advice: string | null;
}

/** A rig whose crontab is this text. */
function withCrontab(rig: Rig, text?: string): Rig {
  const call = `${rig.path('bin/workerctl')} bootcheck --config ${rig.path('workerctl.yaml')}`;
  writeFileSync(rig.path('crontab.txt'), text ?? `* * * * * ${call}\n`);
  writeFileSync(rig.path('bin/crontab'), `#!/bin/sh\ncat '${rig.path('crontab.txt')}'\n`, {
    mode: 0o755,
  });
  return rig;
}

const healthy = (worker: WorkerKeys = idle, top: WorkerKeys = {}): Rig =>
  withCrontab(createRig({ mail: worker }, top));

/** What doctor has found besides what is well, except that no cron runs in here. */
async function found(rig: Rig): Promise<Finding[]> {
  const { stdout } = await rig.workerctl('doctor', '--json');
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return findings.filter(
    ({ level, found: words }) => level !== 'ok' && !words.includes('no process named cron'),
  );
}

const lines = async (rig: Rig): Promise<string[]> =>
  (await found(rig)).map((one) =>
    `${one.level} ${one.about}: ${one.found} -> ${String(one.advice)}`.replaceAll(rig.folder, ''),
  );

const like = (...patterns: readonly RegExp[]): string[] =>
  patterns.map((pattern) => expect.stringMatching(pattern) as string);

describe('instances that do not run', () => {
  test('must be a problem with the reason, if a start has failed', async () => {
    const rig = healthy({ ...idle, count: 2, env_files: ['my.env'] });
    await rig.workerctl('start');
    expect(await lines(rig)).toEqual(
      expect.arrayContaining(
        like(
          /^problem mail\.1, mail\.2: (?:missing|backoff): start failed at \S+: .*my\.env.* -> fix that.*workerctl start mail/,
        ),
      ),
    );
  });

  test('must be a problem with the log in backoff, and a warning if a start is due', async () => {
    const backoff = { initial: '1m' }; // longer than the examination takes
    const rig = healthy({ command: '/bin/false', log: { file: 'mail.log' }, backoff });
    await rig.workerctl('start', '--no-wait');
    await until('its death', async () => {
      await rig.workerctl('bootcheck');
      return (await rig.workerctl('status', '--json')).stdout.includes('"backoff"');
    });
    expect(await lines(rig)).toEqual(
      like(/^problem mail\.1: backoff: .*status 1.* -> see its log, \/mail\.log; .*start mail\.1/),
    );
    rig.configure({ mail: { ...idle, count: 2 } });
    await rig.workerctl('start', 'mail.1');
    expect(await lines(rig)).toEqual(
      like(/^warning mail\.2: missing: .* -> workerctl start mail\.2/),
    );
  });

  test('must not be reported before anything was started, or if they are stopped on purpose', async () => {
    const rig = healthy();
    expect(await lines(rig)).toEqual([]);
    await rig.start();
    await rig.workerctl('stop');
    expect(await lines(rig)).toEqual([]);
  });
});

test('an aborted restart, outdated instances and a paused restart must have a remedy', async () => {
  const rig = healthy(
    { ...idle, count: 2, ready: { after: '0.1s' } },
    { release: { file: 'REV' } },
  );
  writeFileSync(rig.path('REV'), 'one\n');
  await rig.start();
  writeFileSync(rig.path('REV'), 'two\n');
  expect(await lines(rig)).toEqual(
    like(/^warning mail\.1, mail\.2: 2 instances .*one.*two -> workerctl restart --outdated/),
  );
  await rig.workerctl('restart', '--no-wait');
  await rig.workerctl('rollout', 'pause');
  const paused = await lines(rig);
  expect(paused.filter((line) => line.startsWith('warning restart'))).toEqual(
    like(/paused by .* -> workerctl rollout continue \S+$/),
  );
  await rig.workerctl('rollout', 'cancel');
  rig.configure(
    { mail: { command: '/bin/false', count: 2, ready: { after: '5s' } } },
    { release: { file: 'REV' } },
  );
  expect((await rig.workerctl('restart')).exitCode).toBe(1);
  expect(await lines(rig)).toEqual(
    expect.arrayContaining(like(/^problem restart .*aborted.* -> .*workerctl restart/)),
  );
});

test('instances of an aborted restart that keep the same release must not get a remedy that does nothing', async () => {
  const rig = healthy({ ...idle, ready: { after: '0.1s' } });
  await rig.start();
  rig.configure({ mail: { ...idle, env_files: ['gone.env'] } });
  expect((await rig.workerctl('restart')).exitCode).toBe(1);
  rig.configure({ mail: { ...idle, ready: { after: '0.1s' } } });
  expect(await lines(rig)).toEqual(like(/^problem restart .*aborted.* -> .*workerctl restart/));
});

test('a living worker whose shim is gone must be a warning', async () => {
  const rig = healthy();
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  const shim = look(pid)?.parent ?? 0;
  await endProcess(shim);
  expect(await lines(rig)).toEqual(
    like(
      new RegExp(`^warning mail\\.1: pid ${pid} .* shim, pid ${shim}, is gone -> .*restart mail`),
    ),
  );
});

test.each([
  ['mail.1.lock', 'commands'],
  ['pass.lock', 'commands'],
  ['events.ndjson', 'journal'],
  ['watch.lock', 'watch'],
])('a folder in place of %s must be a problem with a line that moves it', async (name) => {
  const rig = healthy();
  mkdirSync(`${rig.stateDir}/${name}`, { recursive: true });
  const all = await found(rig);
  const [one, ...others] = all.filter(({ about }) => about.endsWith(name));
  expect(others).toEqual([]);
  expect(one).toMatchObject({
    level: 'problem',
    found: expect.stringContaining('directory') as string,
  });
  await rig.shell(one?.advice ?? 'false');
  expect((await found(rig)).filter(({ about }) => about.endsWith(name))).toEqual([]);
});

test('messages that were dropped in the last day must be a warning with their number, older ones none', async () => {
  const rig = healthy();
  const path = `${rig.stateDir}/ledger/dropped-messages.json`;
  const drop = (at: number): void => {
    writeFileSync(path, JSON.stringify({ schema: 2, count: 3, at: new Date(at).toISOString() }));
  };
  await rig.start();
  drop(Date.now() - 3_600_000);
  const dropped = /^warning sd_notify: messages of workers were dropped: 3, last .* -> send from/;
  expect(await lines(rig)).toEqual(expect.arrayContaining(like(dropped)));
  drop(Date.now() - 25 * 3_600_000);
  expect((await lines(rig)).filter((line) => line.includes('dropped'))).toEqual([]);
});

test.each(['pass.lock', 'events.ndjson', 'watch.lock'])(
  'a link or a FIFO in place of %s must be a problem with a line that moves it',
  async (name) => {
    const rig = healthy();
    const path = `${rig.stateDir}/${name}`;
    mkdirSync(rig.stateDir, { recursive: true });
    const makers = [
      [
        'a link',
        () => {
          symlinkSync('/dev/zero', path);
        },
      ],
      [
        'a FIFO',
        () => {
          execFileSync('mkfifo', [path]);
        },
      ],
    ] as const;
    for (const [words, make] of makers) {
      rmSync(path, { force: true });
      make();
      const one = (await found(rig)).find(({ about }) => about.endsWith(name));
      expect(one).toMatchObject({ level: 'problem', found: `expected a file, found ${words}` });
      await rig.shell(one?.advice ?? 'false');
      expect((await found(rig)).filter(({ about }) => about.endsWith(name))).toEqual([]);
    }
  },
);

describe('a state directory inside of a release', () => {
  /** releases/20261128 with a config, and current, which leads there. */
  function deployed(stateDir?: string): Rig {
    const rig = withCrontab(createRig());
    mkdirSync(rig.path('releases/20261128'), { recursive: true });
    symlinkSync('releases/20261128', rig.path('current'));
    rig.configure(
      { mail: { ...idle, directory: 'current' } },
      stateDir === undefined ? {} : { state_dir: stateDir },
    );
    return rig;
  }
  const inRelease = /inside of a release, \/releases\/20261128 -> set state_dir/;

  test.each(['current/.workerctl', 'releases/20261128/tmp/workerctl', 'current/tmp/pids'])(
    'must be a problem: %s',
    async (stateDir) => {
      expect(await lines(deployed(stateDir))).toEqual(expect.arrayContaining(like(inRelease)));
    },
  );

  test('must be none outside of it, also by a link', async () => {
    const rig = deployed('current/.workerctl');
    mkdirSync(rig.path('shared'));
    symlinkSync(rig.path('shared'), rig.path('releases/20261128/.workerctl'));
    expect((await lines(rig)).join('\n')).not.toContain('inside of a release');
    expect((await lines(deployed('shared'))).join('\n')).not.toContain('inside of a release');
  });
});

test('a pin to a directory that is gone must be a problem', async () => {
  const rig = withCrontab(createRig());
  const keys = { ...idle, directory: 'current', restart: { on_failure: 'rollback' } };
  mkdirSync(rig.path('releases/1'), { recursive: true });
  mkdirSync(rig.path('releases/2'));
  symlinkSync('releases/1', rig.path('current'));
  rig.configure({ mail: { ...keys, ready: { after: '0.1s' } } });
  await rig.start();
  rmSync(rig.path('current'));
  symlinkSync('releases/2', rig.path('current'));
  writeFileSync(rig.path('releases/2/broken'), '');
  rig.configure({ mail: { ...keys, ready: { file: 'never', timeout: '300ms' } } });
  await rig.workerctl('restart');
  await until('the pin', async () => {
    await rig.workerctl('bootcheck');
    return /"pins":\[\{/.test((await rig.workerctl('status', '--json')).stdout.replace(/\s/g, ''));
  });
  renameSync(rig.path('releases/1'), rig.path('releases/gone'));
  expect(await lines(rig)).toEqual(
    expect.arrayContaining(
      like(/^problem pin of mail: \/releases\/1, since .*, is gone -> workerctl restart mail/),
    ),
  );
});

test.runIf(isRoot)('the wrong user must get that, and nothing else', async () => {
  const rig = healthy();
  await rig.start();
  chownSync(rig.stateDir, 65534, 65534);
  const { exitCode } = await rig.workerctl('doctor');
  expect(exitCode).toBe(1);
  expect(await lines(rig)).toEqual(
    like(
      /^problem state directory \/\.workerctl: belongs to nobody, you are root -> sudo -u nobody workerctl doctor --config \/workerctl\.yaml$/,
    ),
  );
  chownSync(rig.stateDir, 0, 0);
});

describe('crontab lines as people have them', () => {
  const here = (rig: Rig, line: string): Promise<string[]> =>
    lines(withCrontab(rig, `* * * * * ${line.replaceAll('@', rig.folder)}\n`));

  test.each([
    `bash -lc 'cd @ && workerctl bootcheck'`,
    `(cd @ && @/bin/workerctl bootcheck)`,
    `cd @ && @/bin/workerctl bootcheck >/dev/null 2>&1`,
    `/usr/bin/env -C @ @/bin/workerctl bootcheck`,
    `/bin/bash -l -c 'cd @ && exec bin/workerctl bootcheck' >> /dev/null 2>&1`,
    `{ cd @; bin/workerctl bootcheck; }`,
    `. ~/.profile; cd @ && workerctl bootcheck`,
  ])('must be understood: %s', async (line) => {
    expect(await here(createRig({ mail: idle }), line)).toEqual([]);
  });

  test('a line that ends as on Windows must be a problem with the line that mends it', async () => {
    const rig = createRig({ mail: idle });
    expect(await here(rig, '@/bin/workerctl bootcheck -c @/workerctl.yaml\r')).toEqual(
      like(/^problem cron \(crontab -l\): .*Windows.* -> crontab -l \| tr -d '\\r' \| crontab -$/),
    );
  });

  test('a path with a blank and a percent sign must be quoted in what is to be copied', async () => {
    const rig = createRig({ mail: idle });
    mkdirSync(rig.path('my 50% app'));
    renameSync(rig.path('workerctl.yaml'), rig.path('my 50% app/workerctl.yaml'));
    withCrontab(rig, '');
    const { stdout } = await rig.shell(`cd 'my 50% app' && workerctl doctor --json`);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const [one] = findings.filter(({ about }) => about === 'cron');
    expect(one?.advice).toBe(
      `workerctl install cron --write --config '${rig.path('my 50% app/workerctl.yaml')}'`,
    );
    const { stdout: text } = await rig.shell(
      `cd 'my 50% app' && workerctl install cron --config workerctl.yaml`,
    );
    withCrontab(rig, text);
    const again = await rig.shell(`cd 'my 50% app' && workerctl doctor --json`);
    expect(again.stdout).not.toMatch(/no visible line/);
  });
});
