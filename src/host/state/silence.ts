import { existsSync } from 'node:fs';
import { moment, object, seconds, text } from '../../core/basics/json-form.ts';
import { durationOf, momentOf, type Duration, type Moment } from '../../core/basics/time.ts';
import { monotonicMs } from '../process/clock.ts';
import { beatsIn, changedAt, hasToNotify, mustNotify, touch } from './heartbeats.ts';
import { heartbeatName, heartbeatPath, recordPath } from './paths.ts';
import { sampleFile } from './samples.ts';

/** Measures for how long processes have given no sign of life. */
export interface SilenceTracker {
  /**
   * For how long this run of an instance has been silent, according to the looks of all commands. `beats` are the
   * heartbeat files that exist, if that is known.
   */
  readonly silenceOf: (name: string, runId: string, beats?: ReadonlySet<string>) => Duration;
  /** The heartbeat files that exist, to measure many instances at once; undefined if they cannot be listed. */
  readonly beats: () => ReadonlySet<string> | undefined;
  /**
   * Whether the process gives its signs of life by sd_notify(3), and this watch has received none yet. Many programs stop
   * sending after one attempt fails, such as while no watch ran, and must not be killed for that.
   */
  readonly isUnheard: (name: string, runId: string) => boolean;
  /** Notes a sign of life that this run has sent by sd_notify(3). */
  readonly hear: (name: string, runId: string) => void;
  /** What was sent may have been lost: nothing that was heard before proves that a process goes on sending. */
  readonly forgetHeard: () => void;
  /** Keeps what was seen for the next command. */
  readonly save: () => void;
}

interface SilenceSample {
  readonly runId: string;
  /** When the heartbeat file was last touched, 1970 if there is none: only a change of it means something. */
  readonly beat: Moment;
  /** When the file was first seen in this state, on the monotonic clock, in whole milliseconds. */
  readonly since: Duration;
}

/** A timer may be this late on a busy host. */
const lateMs = 2_000;

/**
 * Silence is how long the heartbeat file has been seen unchanged, on a clock that neither jumps nor counts the time for
 * which the host was suspended (CLOCK_MONOTONIC, the same for all processes of one boot). So a process is not silent
 * before it was first looked at, and no jump of the wall clock makes it silent. That clock does count the time for which a
 * container was frozen (docker pause). A command that looks every `tick` ms and finds that far more time has passed
 * concludes that nothing ran meanwhile, and does not count that time as silence.
 */
export function createSilenceTracker(
  stateDir: string,
  { tick }: { readonly tick?: number } = {},
): SilenceTracker {
  const sample = object<SilenceSample>({
    runId: ['run_id', text],
    beat: ['beat_at', moment],
    since: ['since_monotonic_seconds', seconds],
  });
  const file = sampleFile(stateDir, 'silence.json', sample);
  const readKnown = (): Map<string, SilenceSample> => {
    const { samples, isOfThisBoot } = file.read();
    return isOfThisBoot ? samples : new Map<string, SilenceSample>();
  };
  let known: Map<string, SilenceSample> | undefined;
  let lookedAt: number | undefined;
  const forgiveFrozen = (samples: Map<string, SilenceSample>, now: Duration): void => {
    const lost = tick === undefined || lookedAt === undefined ? 0 : now - lookedAt - tick;
    lookedAt = now;
    if (lost < lateMs) return;
    for (const [name, sample] of samples)
      samples.set(name, { ...sample, since: durationOf(Math.min(now, sample.since + lost)) });
  };
  const heard = new Set<string>();
  return {
    isUnheard: (name, runId) =>
      !heard.has(runId) && hasToNotify(heartbeatPath(stateDir, name, runId)),
    hear: (name, runId) => {
      const path = heartbeatPath(stateDir, name, runId);
      if (!heard.has(runId)) mustNotify(path);
      heard.add(runId);
      touch(path);
    },
    forgetHeard: () => {
      heard.clear();
    },
    beats: () => beatsIn(stateDir),
    silenceOf: (name, runId, beats) => {
      known ??= readKnown();
      const now = durationOf(Math.floor(monotonicMs()));
      forgiveFrozen(known, now);
      const isThere = beats?.has(heartbeatName(name, runId)) !== false;
      const beat = momentOf(isThere ? changedAt(heartbeatPath(stateDir, name, runId)) : 0);
      const before = known.get(name);
      if (before?.runId === runId && before.beat === beat && before.since <= now)
        return durationOf(now - before.since);
      known.set(name, { runId, beat, since: now });
      return durationOf(0);
    },
    save: () => {
      if (known === undefined) return;
      const isKept = ([name, { beat }]: [string, SilenceSample]): boolean =>
        !Number.isNaN(beat) && existsSync(recordPath(stateDir, name));
      file.write([...known].filter(isKept));
    },
  };
}
