import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor } from '../rig/instance.ts';
import { fixture, heard, isRoot } from '../rig/programs.ts';
import { createRig, expectQuiet, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

/** Says `line 0`, `line 1` and so on, ten times a second. */
const says = (before = ''): WorkerKeys => ({
  command: [
    'sh',
    '-c',
    `${before}echo $$ >>"$RIG/$WORKERCTL_INSTANCE.boots"; i=0; while :; do echo "line $i"; i=$((i + 1)); sleep 0.1; done`,
  ],
});

const logOf = (rig: Rig, name = 'mail.1'): string => rig.path(`log/${name}.log`);

/** What doctor has found about logs. */
async function found(rig: Rig): Promise<string[]> {
  const { stdout } = await rig.workerctl('doctor', '--json');
  const { findings } = JSON.parse(stdout) as {
    findings: {
      check: string;
      level: string;
      about: string;
      found: string;
      advice: string | null;
    }[];
  };
  return findings
    .filter(({ check }) => check === 'logs')
    .map(({ level, about, found: words, advice }) =>
      `${level} ${about}: ${words} -> ${String(advice)}`.replaceAll(rig.folder, ''),
    );
}

const problemIn = async (rig: Rig): Promise<string | null> =>
  (await statusOf(rig)).instances[0]?.log_problem?.replaceAll(rig.folder, '') ?? null;

async function started(keys: WorkerKeys = says()): Promise<{ rig: Rig; pid: number }> {
  const rig = createRig({ mail: keys });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  await until('its first line', () => readOr(logOf(rig), '').includes('line 0'));
  return { rig, pid };
}

interface Way {
  readonly title: string;
  readonly lose: (rig: Rig) => void;
  readonly words: (pid: number) => string;
  readonly level: 'problem' | 'warning';
}

const ways: readonly Way[] = [
  {
    title: 'deleted',
    lose: (rig) => {
      unlinkSync(logOf(rig));
    },
    words: (pid) => `log /log/mail.1.log was deleted; pid ${pid} still writes to it`,
    level: 'problem',
  },
  {
    title: 'deleted with its directory',
    lose: (rig) => {
      rmSync(rig.path('log'), { recursive: true });
    },
    words: (pid) => `log /log/mail.1.log was deleted; pid ${pid} still writes to it`,
    level: 'problem',
  },
  {
    title: 'replaced by another file',
    lose: (rig) => {
      writeFileSync(`${logOf(rig)}.tmp`, 'edited\n');
      renameSync(`${logOf(rig)}.tmp`, logOf(rig));
    },
    words: (pid) =>
      `log /log/mail.1.log was replaced; pid ${pid} still writes to the old, deleted file`,
    level: 'problem',
  },
  {
    title: 'renamed',
    lose: (rig) => {
      renameSync(logOf(rig), `${logOf(rig)}.1`);
    },
    words: (pid) => `log /log/mail.1.log was moved; pid ${pid} still writes to /log/mail.1.log.1`,
    level: 'warning',
  },
  {
    title: 'renamed and created by logrotate',
    lose: (rig) => {
      renameSync(logOf(rig), `${logOf(rig)}-20260115`);
      writeFileSync(logOf(rig), '');
    },
    words: (pid) =>
      `log /log/mail.1.log is another file now; pid ${pid} still writes to /log/mail.1.log-20260115`,
    level: 'warning',
  },
];

describe.each(ways)('a log that is $title under its process', ({ lose, words, level }) => {
  test('must be reported with the remedy, which works', async () => {
    const { rig, pid } = await started();
    expect(await problemIn(rig)).toBeNull();
    expect(await found(rig)).toEqual([expect.stringMatching(/^ok logs: 1 /)]);
    lose(rig);
    expect(await problemIn(rig)).toBe(words(pid));
    const { stdout: table } = await rig.workerctl('status');
    expect(table.replaceAll(rig.folder, '')).toContain(
      `${words(pid)} (workerctl restart mail.1 opens a new one)`,
    );
    expect(await found(rig)).toEqual([
      `${level} mail.1: ${words(pid)} -> workerctl restart mail.1`,
    ]);
    await expectQuiet(rig, 'nothing is wrong with the process');
    expect(await rig.workerctl('restart', 'mail.1')).toMatchObject({ exitCode: 0 });
    expect(await problemIn(rig)).toBeNull();
    expect(await found(rig)).toEqual([expect.stringMatching(/^ok logs: 1 /)]);
    await until('its first line', () => readOr(logOf(rig), '').includes('line 0'));
  });

  test('must be shown by logs all the same, and followed to the next process', async () => {
    const { rig, pid } = await started();
    lose(rig);
    await until('a line that only the old file has', () =>
      readFileSync(`/proc/${pid}/fd/1`, 'utf8').includes('line 5'),
    );
    const { exitCode, stdout, stderr } = await rig.workerctl('logs');
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining(['mail.1 | line 0', 'mail.1 | line 5']),
    );
    expect(stderr.replaceAll(rig.folder, '')).toBe(
      `workerctl: mail.1: ${words(pid)}, which is shown here; workerctl restart mail.1 opens a new one`,
    );
    const following = rig.workerctl('logs', '-f', '-n', '0');
    const seen = heard(following);
    await until('a new line of the lost log', () => /line \d/.test(seen()));
    await rig.workerctl('restart', 'mail');
    await successor(rig.instance('mail.1'), pid);
    await until('the lines of the new process', () => seen().includes('line 0\n'));
    following.kill('SIGINT');
    await following;
    const numbers = [...seen().matchAll(/line (\d+)\n/g)].map(([, number]) => Number(number));
    const jumps = numbers.filter((number, i) => i > 0 && number !== (numbers[i - 1] ?? 0) + 1);
    expect(jumps, 'each line once, of both processes').toEqual([0]);
  });

  test('must be followed on if that happens meanwhile, and be reported once', async () => {
    const { rig, pid } = await started();
    const following = rig.workerctl('logs', '-f', '-n', '0');
    const seen = heard(following);
    await until('a line', () => /line \d/.test(seen()));
    lose(rig);
    let said = '';
    following.stderr.on('data', (text: Buffer) => (said += text.toString()));
    await until('the report', () => said.includes('opens a new one'));
    const before = seen();
    await until('further lines', () => seen().length > before.length + 50);
    following.kill('SIGINT');
    await following;
    expect(said.replaceAll(rig.folder, '').trim().split('\n')).toEqual([
      `workerctl: mail.1: ${words(pid)}, which is shown here; workerctl restart mail.1 opens a new one`,
    ]);
    const numbers = [...seen().matchAll(/line (\d+)\n/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  });
});

test('a log that is a link must count as replaced if the link leads elsewhere', async () => {
  const rig = createRig({ mail: { ...says(), log: { file: 'current/%n.log' } } });
  for (const name of ['a', 'b']) mkdirSync(rig.path(name));
  symlinkSync('a', rig.path('current'));
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  expect(await problemIn(rig)).toBeNull();
  unlinkSync(rig.path('current'));
  symlinkSync('b', rig.path('current'));
  const words = `log /current/mail.1.log was moved; pid ${pid} still writes to /a/mail.1.log`;
  expect(await problemIn(rig)).toBe(words);
  expect(await found(rig)).toEqual([`warning mail.1: ${words} -> workerctl restart mail.1`]);
  expect((await rig.workerctl('logs', '-n', '1000')).stdout).toContain('line 0');
});

describe('a program that has directed its output elsewhere', () => {
  test('must not count as one that has lost its log', async () => {
    const { rig } = await started(says('echo line 0; exec >>own.log 2>&1; '));
    unlinkSync(logOf(rig));
    await until('its own log', () => existsSync(rig.path('own.log')));
    expect(await problemIn(rig)).toBeNull();
    expect(await found(rig)).toEqual([]);
  });

  test('must count if its standard error is still the log', async () => {
    const { rig, pid } = await started(says('echo line 0; exec >>own.log; '));
    await until('its own log', () => existsSync(rig.path('own.log')));
    unlinkSync(logOf(rig));
    expect(await problemIn(rig)).toBe(
      `log /log/mail.1.log was deleted; pid ${pid} still writes to it`,
    );
  });

  test('must have lost nothing if it has opened the new file', async () => {
    const reopens = `trap 'exec >>"$RIG/log/mail.1.log" 2>&1' USR1; `;
    const { rig, pid } = await started(says(reopens));
    renameSync(logOf(rig), `${logOf(rig)}.1`);
    process.kill(pid, 'SIGUSR1');
    await until('the new log', () => readOr(logOf(rig), '').includes('line'));
    expect(await problemIn(rig)).toBeNull();
  });
});

test('a daemon that keeps its output must be seen to have lost its log', async () => {
  const command = [fixture('forks-away'), 'tmp/%n.pid', 'late'];
  const rig = createRig({ mail: { command, daemonizes: true, pidfile: 'tmp/%n.pid' } });
  mkdirSync(rig.path('tmp'));
  expect(await rig.workerctl('start')).toMatchObject({ exitCode: 0 });
  const pid = Number(readOr(rig.path('tmp/mail.1.pid'), '0'));
  expect(await problemIn(rig)).toBeNull();
  unlinkSync(logOf(rig));
  expect(await problemIn(rig)).toBe(
    `log /log/mail.1.log was deleted; pid ${pid} still writes to it`,
  );
});

test('a retiring process that has lost its log must be shown beside its replacement', async () => {
  const rig = createRig({
    mail: { command: fixture('drains-after-job'), restart: { overlap: true } },
  });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  await rig.instance('mail.1').giveJob();
  appendFileSync(logOf(rig), 'said by the old one\n');
  unlinkSync(logOf(rig));
  expect(await rig.workerctl('restart', '--no-wait', 'mail')).toMatchObject({ exitCode: 0 });
  await until('its replacement', async () => (await statusOf(rig)).instances.length === 2);
  const old = (await statusOf(rig)).instances.find((one) => one.pid === pid);
  expect(old?.log_problem).toContain(`pid ${pid} still writes to the old, deleted file`);
  expect(old?.detail, 'it drains: no restart is needed').not.toContain('opens a new one');
  expect(await found(rig)).toEqual([expect.stringContaining('nothing: it ends as soon as')]);
  expect((await rig.workerctl('logs', '-n', '100')).stdout).toContain('said by the old one');
  rig.instance('mail.1').finishJob();
});

const limit = { log: { max_size: '64KB', keep: 1000 } };

/** The numbers in all older files of a log, which are one text, except for the last: it may go on in the log. */
function rotated(rig: Rig): string[] {
  let text = '';
  for (let number = 1; existsSync(`${logOf(rig)}.${number}`); number += 1)
    text = readFileSync(`${logOf(rig)}.${number}`, 'utf8') + text;
  return text.split('\n').slice(0, -1);
}

test.each(ways.filter(({ title }) => title !== 'renamed'))(
  'max_size must limit a log that is $title',
  async ({ lose }) => {
    const rig = createRig({ mail: { command: fixture('counts'), ...limit } });
    await rig.start();
    const pid = await booted(rig.instance('mail.1'));
    lose(rig);
    const file = `/proc/${pid}/fd/1`;
    for (let round = 1; round <= 3; round += 1) {
      await until('the file to be too long', () => statSync(file).size > 64 * 1024);
      const { size } = statSync(file);
      expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
      expect(existsSync(`${logOf(rig)}.${round}`)).toBe(true);
      expect(readFileSync(file, 'utf8').startsWith('0\n'), `cut from ${size}`).toBe(false);
    }
    const lines = rotated(rig);
    if (existsSync(rig.path('.workerctl/rotate.told'))) return;
    expect(lines).toEqual(lines.map((_, index) => String(index)));
  },
  60_000,
);

test('watch must rotate a deleted log', async () => {
  const rig = createRig({ mail: { command: fixture('counts'), ...limit } });
  await rig.start();
  await until('a log that is too long', () => statSync(logOf(rig)).size > 64_000);
  unlinkSync(logOf(rig));
  const watch = await watching(rig);
  await watch.reports('log_rotated', { instance: 'mail.1', log_file: logOf(rig) });
  expect(statSync(`${logOf(rig)}.1`).size).toBeGreaterThan(60_000);
});

test.runIf(isRoot)('another user must be told what can be seen', async () => {
  const { rig, pid } = await started();
  expect((await rig.shell('chmod -R a+rX . .workerctl')).exitCode).toBe(0);
  chownSync(rig.path('workerctl.yaml'), 0, 0);
  unlinkSync(logOf(rig));
  const look = 'setpriv --reuid 65534 --regid 65534 --clear-groups workerctl';
  const { all } = await rig.shell(`${look} status; ${look} logs`);
  const words = `log /log/mail.1.log was deleted; pid ${pid} probably still writes to the old file`;
  expect(all.replaceAll(rig.folder, '')).toContain(words);
  expect(all).toContain('does not exist');
});

test('logs of more than 100 instances are not looked at by status, unless a target names fewer', async () => {
  const rig = createRig({
    mail: { command: fixture('idle') },
    img: { command: fixture('idle'), count: 100 },
  });
  await rig.start('mail');
  unlinkSync(logOf(rig));
  expect(await problemIn(rig)).toBeNull();
  expect((await statusOf(rig, 'mail.1')).instances[0]?.log_problem).toContain('was deleted');
});
