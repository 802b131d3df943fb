import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type * as clock from '../../../src/host/process/clock.ts';
import { currentBootId } from '../../../src/host/process/process-table.ts';
import { ledgerFolder } from '../../../src/host/state/ledger-file.ts';
import { createSilenceTracker } from '../../../src/host/state/silence.ts';
import { heartbeatFolder, heartbeatPath, recordPath } from '../../../src/host/state/paths.ts';
import { useScratch } from '../../rig/scratch.ts';
import { until } from '../../rig/wait.ts';

let nowMs = 0;

vi.mock('../../../src/host/process/clock.ts', async (original) => ({
  ...(await original<typeof clock>()),
  monotonicMs: () => nowMs,
}));

const scratch = useScratch();
const [name, runId] = ['mail.1', 'start-7'];
const beatFile = (): string => heartbeatPath(scratch.folder(), name, runId);
const tracker = (): ReturnType<typeof createSilenceTracker> =>
  createSilenceTracker(scratch.folder());

beforeEach(() => {
  nowMs = 1_000_000;
  mkdirSync(heartbeatFolder(scratch.folder()));
  writeFileSync(recordPath(scratch.folder(), name), '{}');
});

afterEach(() => {
  vi.useRealTimers();
});

/** The kernel's time of change has ticks: one of them must be over, or two beats are one. */
const tick = async (): Promise<void> => {
  const startedAt = Date.now();
  await until('the next tick', () => Date.now() > startedAt + 15);
};

test('what was heard before a receiver was lost must not count as a promise to go on', () => {
  const silence = tracker();
  silence.hear(name, runId);
  expect(silence.isUnheard(name, runId)).toBe(false);
  silence.forgetHeard();
  expect(silence.isUnheard(name, runId)).toBe(true);
  silence.hear(name, runId);
  expect(silence.isUnheard(name, runId)).toBe(false);
});

describe('silence', () => {
  test('must begin when it is first looked for, whether there is a file or not', () => {
    const silence = tracker();
    expect(silence.silenceOf(name, runId)).toBe(0);
    nowMs += 700;
    expect(silence.silenceOf(name, runId)).toBe(700);
    writeFileSync(beatFile(), '');
    expect(silence.silenceOf(name, runId)).toBe(0);
    nowMs += 300;
    expect(silence.silenceOf(name, runId)).toBe(300);
  });

  test.each<[string, () => void]>([
    [
      'written to',
      () => {
        writeFileSync(beatFile(), 'idle\n');
      },
    ],
    [
      'touched',
      () => {
        const now = new Date();
        utimesSync(beatFile(), now, now);
      },
    ],
    [
      'touched into the past',
      () => {
        utimesSync(beatFile(), 86_400, 86_400);
      },
    ],
    [
      'touched into the future',
      () => {
        utimesSync(beatFile(), 4e9, 4e9);
      },
    ],
    [
      'given the same time again',
      () => {
        utimesSync(beatFile(), 1e9, 1e9);
      },
    ],
    [
      'made anew',
      () => {
        rmSync(beatFile());
        closeSync(openSync(beatFile(), 'w'));
      },
    ],
    [
      'removed',
      () => {
        rmSync(beatFile());
      },
    ],
  ])('must end when the file is %s', async (_, beat) => {
    const silence = tracker();
    writeFileSync(beatFile(), '');
    utimesSync(beatFile(), 1e9, 1e9);
    silence.silenceOf(name, runId);
    await tick();
    nowMs += 60_000;
    expect(silence.silenceOf(name, runId)).toBe(60_000);
    beat();
    expect(silence.silenceOf(name, runId)).toBe(0);
  });

  test('must not count the time for which the watch itself did not run', () => {
    const silence = createSilenceTracker(scratch.folder(), { tick: 1_000 });
    const look = (): number[] => ['mail.1', 'mail.2'].map((one) => silence.silenceOf(one, runId));
    look();
    nowMs += 1_100;
    expect(look()).toEqual([1_100, 1_100]);
    nowMs += 2_900; // late, as on a busy host
    expect(look()).toEqual([4_000, 4_000]);
    nowMs += 60_000;
    expect(look(), 'one tick of it counts').toEqual([5_000, 5_000]);
    nowMs += 1_000;
    expect(look()).toEqual([6_000, 6_000]);
  });

  test('must be measured from zero for each process', () => {
    const silence = tracker();
    silence.silenceOf(name, runId);
    nowMs += 60_000;
    expect(silence.silenceOf(name, 'start-8')).toBe(0);
  });

  test.each([-10, 10])('must not change when the wall clock jumps by %i years', (years) => {
    const silence = tracker();
    writeFileSync(beatFile(), '');
    silence.silenceOf(name, runId);
    nowMs += 40;
    vi.useFakeTimers({ now: Date.now() + years * 31_536_000_000, toFake: ['Date'] });
    expect(silence.silenceOf(name, runId)).toBe(40);
    silence.save();
    expect(tracker().silenceOf(name, runId)).toBe(40);
  });

  test('must not be measured by a file that cannot be examined', () => {
    const silence = tracker();
    symlinkSync(beatFile(), beatFile());
    silence.silenceOf(name, runId);
    nowMs += 60_000;
    expect(silence.silenceOf(name, runId)).toBe(0);
  });
});

describe('silence.json', () => {
  const path = (): string => `${ledgerFolder(scratch.folder())}/silence.json`;

  beforeEach(() => {
    mkdirSync(ledgerFolder(scratch.folder()));
  });

  /** What another command saw and kept 5 seconds ago. */
  function kept(): void {
    const silence = tracker();
    writeFileSync(beatFile(), '');
    silence.silenceOf(name, runId);
    silence.save();
    nowMs += 5_000;
  }

  test('must carry silence on to the next command', () => {
    kept();
    expect(tracker().silenceOf(name, runId)).toBe(5_000);
  });

  test('must not carry on silence that a beat has ended', async () => {
    kept();
    await tick();
    writeFileSync(beatFile(), 'idle\n');
    expect(tracker().silenceOf(name, runId)).toBe(0);
  });

  test('of another boot must be ignored', () => {
    kept();
    const text = readFileSync(path(), 'utf8');
    expect(text).toContain(currentBootId());
    writeFileSync(path(), text.replace(currentBootId(), 'another'));
    expect(tracker().silenceOf(name, runId)).toBe(0);
  });

  test('of a later moment must be ignored', () => {
    kept();
    nowMs -= 900_000;
    expect(tracker().silenceOf(name, runId)).toBe(0);
  });

  test('that is torn anywhere must be ignored, and be replaced', () => {
    kept();
    const text = readFileSync(path(), 'utf8').trimEnd();
    for (let length = 0; length < text.length; length += 1) {
      writeFileSync(path(), text.slice(0, length));
      const silence = tracker();
      expect(silence.silenceOf(name, runId), text.slice(0, length)).toBe(0);
      if (length % 20 === 0) silence.save();
    }
    tracker().save();
    const silence = tracker();
    silence.silenceOf(name, runId);
    silence.save();
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toHaveProperty('boot_id', currentBootId());
  });

  test.each([
    'null',
    '[]',
    '7',
    '{"schema":2,"boot_id":"?"}',
    '{"schema":2,"boot_id":"?","samples":null}',
    '{"schema":2,"boot_id":"?","samples":{"mail.1":null}}',
    '{"schema":2,"boot_id":"?","samples":{"mail.1":{"run_id":"start-7","beat_at":null,"since_monotonic_seconds":0}}}',
    '{"schema":2,"boot_id":"?","samples":{"mail.1":{"run_id":"start-7","beat_at":"1970-01-01T00:00:00Z","since_monotonic_seconds":"0"}}}',
    '{"schema":1,"boot_id":"?","samples":{"mail.1":{"run_id":"start-7","beat_at":"1970-01-01T00:00:00Z","since_monotonic_seconds":0}}}',
  ])('that holds %s must be ignored', (text) => {
    writeFileSync(path(), text.replace('?', currentBootId()));
    expect(tracker().silenceOf(name, runId)).toBe(0);
  });

  test('must drop instances that have no record', () => {
    const silence = tracker();
    silence.silenceOf(name, runId);
    silence.silenceOf('mail.1~start-6', 'start-6');
    silence.save();
    const { samples } = JSON.parse(readFileSync(path(), 'utf8')) as { samples: object };
    expect(Object.keys(samples)).toEqual([name]);
  });

  test('must be written even if the file of one instance cannot be examined', () => {
    const silence = tracker();
    symlinkSync(beatFile(), beatFile());
    silence.silenceOf(name, runId);
    silence.silenceOf('mail.2', 'start-8');
    writeFileSync(recordPath(scratch.folder(), 'mail.2'), '{}');
    silence.save();
    nowMs += 5_000;
    expect(tracker().silenceOf('mail.2', 'start-8')).toBe(5_000);
  });

  test('must name units, and hold moments as RFC 3339', () => {
    kept();
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({
      schema: 2,
      samples: {
        [name]: {
          run_id: runId,
          beat_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
          since_monotonic_seconds: 1000,
        },
      },
    });
  });

  test('that cannot be written must not be an error', () => {
    mkdirSync(path());
    const silence = tracker();
    silence.silenceOf(name, runId);
    silence.save();
  });
});
