import { death } from '../../core/events/form.ts';
import {
  noLedger,
  type Failure,
  type Ledger,
  type Loss,
  type MemoryRow,
  type Unstarted,
  type Unwitnessed,
} from '../../core/model/ledger.ts';
import type { DrainTimes, RestartCounts } from '../../core/model/history.ts';
import type { HeldJobs } from '../../core/model/activity.ts';
import type { ContinuingProcess } from '../../core/model/leftovers.ts';
import type { StateFile } from '../files/json-file.ts';
import { stageFile, type Staged } from '../files/atomic-file.ts';
import { faultPoint } from '../files/fault-point.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { once } from '../files/once.ts';
import { orCannotWrite, withReserve } from './reserve.ts';
import { fileText, identity, readForm } from './schema.ts';
import * as json from '../../core/basics/json-form.ts';

const form = once((): json.Form<Ledger> => {
  const failure = json.object<Failure>({
    runId: ['run_id', json.text],
    count: ['count', json.integer],
    at: ['at', json.moment],
    isSpared: ['is_spared', json.optional(json.flag)],
    release: ['release', json.optional(json.text)],
  });
  const continuing = json.object<ContinuingProcess>({
    pid: ['pid', json.integer],
    startTime: ['start_time', json.integer],
    name: ['name', json.text],
  });
  const held = json.object<HeldJobs>({
    job: ['job', json.optional(json.text)],
    jobs: ['jobs', json.optional(json.listOf(json.text))],
    jobCount: ['job_count', json.optional(json.integer)],
  });
  const loss = json.object<Loss>({
    instance: ['instance', json.text],
    pid: ['pid', json.integer],
    runId: ['run_id', json.text],
    death: ['death', death],
    at: ['at', json.moment],
    due: ['due', json.moment],
    held: ['held', json.optional(held)],
    continuing: ['continuing', json.optional(json.listOf(continuing))],
  });
  const recycled = json.object<MemoryRow>({
    runId: ['run_id', json.text],
    count: ['count', json.integer],
    limit: ['limit_bytes', json.integer],
    memory: ['memory_bytes', json.integer],
    age: ['age_seconds', json.seconds],
  });
  const unstarted = json.object<Unstarted>({
    at: ['at', json.moment],
    problem: ['problem', json.text],
    count: ['count', json.integer],
    release: ['release', json.optional(json.text)],
  });
  const unwitnessed = json.object<Unwitnessed>({
    process: ['process', identity],
    problem: ['problem', json.text],
    isUnclear: ['is_unclear', json.optional(json.flag)],
  });
  const restarts = json.object<RestartCounts>({
    hour: ['hour', json.integer],
    restarts: ['restarts', json.listOf(json.integer)],
    unexpected: ['unexpected', json.listOf(json.integer)],
  });
  const times = json.object<DrainTimes>({
    drains: ['drains_seconds', json.listOf(json.seconds)],
    jobs: ['jobs_seconds', json.listOf(json.seconds)],
  });
  return json.object<Ledger>({
    failures: ['failures', json.byName(failure)],
    reportedDeaths: ['reported_deaths', json.byName(json.text)],
    unexplained: ['unexplained', json.byName(json.text)],
    losses: ['losses', json.listOf(loss)],
    unstarted: ['unstarted', json.byName(unstarted)],
    recycled: ['recycled', json.byName(recycled)],
    unwitnessed: ['unwitnessed', json.byName(unwitnessed)],
    longDrains: ['long_drains', json.byName(json.text)],
    problems: ['problems', json.byName(json.listOf(json.text))],
    unadopted: ['unadopted', json.byName(json.text)],
    restarts: ['restarts', json.byName(restarts)],
    times: ['times', json.byName(times)],
    startsInTurn: ['starts_in_turn', json.optional(json.flag)],
    asked: ['asked', json.byName(json.moment)],
  });
});

/**
 * What the engine remembers and can do without. It has its own directory, because a rename in it must not change the
 * time of the state directory: by that time the record cache knows that it is up to date.
 */
export const ledgerFolder = (stateDir: string): string => `${stateDir}/ledger`;

export const ledgerPath = (stateDir: string): string => `${ledgerFolder(stateDir)}/deaths.json`;

/** A `problem` does not name the file. */
export const readLedger = (stateDir: string): StateFile<Ledger> =>
  readForm(ledgerPath(stateDir), form);

/** What can be read of the ledger, for a look that decides nothing. */
export function knownLedger(stateDir: string): Ledger {
  const file = readLedger(stateDir);
  return file.kind === 'read' ? file.value : noLedger;
}

/**
 * Writes the ledger, without waiting for the disk.
 * @throws WorkerctlError `state` if it cannot be written; then `otherwise` holds
 */
export function writeLedger(stateDir: string, ledger: Ledger, otherwise?: string): void {
  stageLedger(stateDir, ledger, otherwise).commit();
}

/**
 * The same in two steps: a full disk shows in the first.
 * @throws WorkerctlError `state` if it cannot be written: without it, failing workers would be started again and again
 */
export function stageLedger(
  stateDir: string,
  ledger: Ledger,
  otherwise = 'nothing was started or stopped',
): Staged {
  const path = ledgerPath(stateDir);
  const orState = <T>(act: () => T): T => orCannotWrite(path, otherwise, act);
  const write = (): Staged => {
    makeDirectory(ledgerFolder(stateDir));
    return stageFile(path, fileText(form(), ledger));
  };
  const staged = orState(() => withReserve(stateDir, write));
  const commit = (): void => {
    orState(staged.commit);
    faultPoint();
  };
  return { discard: staged.discard, commit };
}
