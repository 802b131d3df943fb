import { spawnSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readActivity, titleActivity } from '../../../src/host/state/activity-file.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { zombieIn } from '../../rig/zombie.ts';
import { endProcess } from '../../rig/kernel.ts';

const scratch = useScratch();

/** A heartbeat file that was written at 1700000000. */
function heartbeat(content: string | Buffer): string {
  const path = scratch.path('heartbeat');
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  return path;
}

const one = (job: { readonly what: string; readonly since?: number }): unknown => ({
  kind: 'busy',
  jobs: [job],
  count: 1,
});
const writtenAt = 1_700_000_000_000;
const read = (content: string | Buffer): unknown => readActivity(heartbeat(content));
const busyWith = (what: string, since = writtenAt): unknown => one({ what, since });
const idle = { kind: 'idle', since: writtenAt };

describe('the first line', () => {
  test.each([
    ['busy job 212\n', busyWith('job 212')],
    ['busy job 212', busyWith('job 212')],
    ['busy', busyWith('')],
    ['busy\n', busyWith('')],
    ['  busy \t job 212 \r\n', busyWith('job 212')],
    ['\ufeffbusy', busyWith('')],
    ['idle', idle],
    [' idle \n', idle],
    ['idle\r\nwhatever\n', idle],
  ])('%j must be understood', (text, activity) => {
    expect(read(text)).toEqual(activity);
  });

  test.each(['', '\n', '\nbusy', 'Busy', 'IDLE', 'busyness', 'busy:1', 'idle job', 'x busy', '{}'])(
    '%j must say nothing',
    (text) => {
      expect(read(text)).toBeUndefined();
    },
  );
});

describe('the second line', () => {
  test.each([
    ['1700000100', 1_700_000_100_000],
    ['1700000100.25\n', 1_700_000_100_250],
    [' 1700000100 \r\nmore\n', 1_700_000_100_000],
  ])('%j must be since when', (text, since) => {
    expect(read(`busy a\n${text}`)).toEqual(busyWith('a', since));
    expect(read(`idle\n${text}`)).toEqual({ kind: 'idle', since });
  });

  test('may come from a clock that is ahead of ours', () => {
    const ahead = Math.round(Date.now() / 1000) + 80_000;
    expect(read(`busy a\n${ahead}`)).toEqual(busyWith('a', ahead * 1000));
  });

  test.each([
    '',
    'yesterday',
    '0',
    '-5',
    '1e9',
    '0x10',
    '1700000100000',
    '9'.repeat(400),
    '1.',
    '.5',
  ])('%j must be ignored', (text) => {
    expect(read(`busy a\n${text}\n`)).toEqual(busyWith('a'));
  });

  test('must be ignored if the file is not read to its end', () => {
    const first = `busy ${'x'.repeat(4096 - 'busy \n1700'.length)}`;
    expect(read(`${first}\n1700000100`)).toEqual(busyWith('x'.repeat(200)));
    expect(read(`${first}\n1700`)).toEqual(busyWith('x'.repeat(200)));
  });
});

describe('a harmful file', () => {
  test('must not reach a terminal', () => {
    expect(read('busy \u001b[2Ja\u0007b\u009bc\u202ed\u007f\u2028e')).toEqual(
      busyWith('[2Ja b c d  e'),
    );
    expect(read('busy\0\0\0')).toEqual(busyWith(''));
  });

  test('must be cut between characters', () => {
    expect(read(`busy ${'x'.repeat(100_000)}`)).toEqual(busyWith('x'.repeat(200)));
    expect(read(`busy ${'🦊'.repeat(300)}`)).toEqual(busyWith('🦊'.repeat(200)));
  });

  test('may be something other than text', () => {
    expect(read(Buffer.from([0x62, 0x75, 0x73, 0x79, 0x20, 0xff, 0xfe]))).toEqual(
      busyWith('\ufffd\ufffd'),
    );
  });

  test('may be missing, a directory or a device', () => {
    mkdirSync(scratch.path('folder'));
    for (const path of [scratch.path('none'), scratch.path('folder'), '/dev/zero', '/dev/null', ''])
      expect(readActivity(path)).toBeUndefined();
  });

  test.each(['without a writer', 'with one'])('may be a FIFO %s', async (kind) => {
    const path = scratch.path('fifo');
    spawnSync('mkfifo', [path]);
    if (kind === 'with one') {
      const writer = scratch.shell('exec 3<>"$1"; echo open; sleep 1000', path);
      await writer.says('open');
    }
    expect(readActivity(path)).toBeUndefined();
  });
});

describe('a title', () => {
  /** A program that overwrites its arguments, as servers do. */
  async function titled(title: string): Promise<Child> {
    const script = '$0 = $ARGV[0]; $| = 1; print "up\\n"; sleep 1000';
    const child = scratch.run(['perl', '-e', script, title]);
    await child.says('up');
    return child;
  }

  test.each([
    ['mail: job 212', /^mail: (job \d+)$/, one({ what: 'job 212' })],
    ['mail: job 212', /job \d+/, one({ what: 'job 212' })],
    ['mail: job 212', /job|(never)/, one({ what: 'job' })],
    ['mail: waits', /job (\d+)/, { kind: 'idle' }],
    ['mail: job  ', /job(.*)/, one({ what: '' })],
    ['a\u001b[2Jb\u202ec', /a.*/, one({ what: 'a [2Jb c' })],
    [`job ${'x'.repeat(9_000)}`, /job (.*)/, one({ what: 'x'.repeat(200) })],
    [`${'x'.repeat(5_000)} job`, /job/, { kind: 'idle' }],
  ])('%.20j must be searched for %s', async (title, pattern, activity) => {
    const { pid } = await titled(title);
    expect(titleActivity(pid, pattern)).toEqual(activity);
  });

  test('must be the arguments, separated by spaces, if there is none', () => {
    const { pid } = scratch.run(['sleep', '1000', '1001']);
    expect(titleActivity(pid, /^sleep (1000 1001)$/)).toEqual(one({ what: '1000 1001' }));
  });

  test('must belong to a living process', async () => {
    const { pid } = scratch.run(['sleep', '1000']);
    await endProcess(pid);
    expect(titleActivity(pid, /./)).toBeUndefined();
    expect(titleActivity(await zombieIn(scratch), /./)).toBeUndefined();
    expect(titleActivity(-1, /./)).toBeUndefined();
  });
});
