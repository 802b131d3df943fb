import { ageOf, ranFor, type Observation, type Presence } from '../model/observation.ts';
import { isBehindItsCommand, type Launching, type ProcessRecord } from '../model/record.ts';
import { durationOf, type Duration, type Moment } from '../basics/time.ts';
import type { Readiness } from '../model/config.ts';
import { extended } from './extension.ts';

/** How close a living process is to being ready. */
export type Readying =
  | { readonly kind: 'ready' }
  /** `changesIn`: how long until it is ready, or late, if nothing else happens. */
  | { readonly kind: 'starting'; readonly changesIn: Duration }
  /** It has shown nothing for its whole timeout, or the command that was to start it has failed. */
  | { readonly kind: 'late'; readonly timeout: Duration };

/** Whether a living process is ready yet. */
export function readyingOf(
  {
    process,
    record,
    hasShownReady,
    readyAge = durationOf(0),
    extension,
  }: Extract<Presence, { kind: 'alive' }>,
  readiness: Readiness,
  observation: Observation,
): Readying {
  const age = ageOf(process, observation);
  if (record.launchExit !== undefined) return { kind: 'late', timeout: durationOf(0) };
  if (record.launch !== undefined) return launchingOf(record, record.launch, age);
  const { stay = durationOf(0) } = readiness;
  if (readiness.kind === 'after') return readyAt(durationOf(readiness.after + stay), age);
  if (hasShownReady) return stay === 0 ? isNow : readyAt(durationOf(readyAge + stay), age);
  const began = observation.sinceBoot - age;
  const end = extended(durationOf(began + readiness.timeout), extension);
  const timeout = durationOf(end - began);
  if (age >= timeout) return { kind: 'late', timeout };
  return { kind: 'starting', changesIn: durationOf(timeout - age) };
}

const isNow: Readying = { kind: 'ready' };

const readyAt = (wanted: Duration, age: Duration): Readying =>
  age >= wanted ? isNow : { kind: 'starting', changesIn: durationOf(wanted - age) };

/** Only another look shows that the pidfile was written. */
const nextLook = durationOf(500);

/** After the command has exited, the shim itself reports a pidfile that is late; it counts whole seconds. */
const shimGrace = durationOf(1000);

function launchingOf(record: ProcessRecord, { timeout }: Launching, age: Duration): Readying {
  const left = timeout + (isBehindItsCommand(record) ? shimGrace : 0) - age;
  if (left <= 0) return { kind: 'late', timeout };
  return { kind: 'starting', changesIn: durationOf(Math.min(left, nextLook)) };
}

/** Whether a dead process was ready before it died. If its death was not reported, it may have lived until it was found. */
export function wasReady(
  dead: Extract<Presence, { kind: 'dead' }>,
  readiness: Readiness,
  now: Moment,
): boolean {
  const { record, hasShownReady, readyAge = durationOf(0) } = dead;
  if (record.launch !== undefined || record.launchExit !== undefined) return false;
  const { stay = durationOf(0) } = readiness;
  const livedFor = ranFor(dead, now);
  if (readiness.kind === 'after') return livedFor >= readiness.after + stay;
  return hasShownReady && (stay === 0 || livedFor >= readyAge + stay);
}
