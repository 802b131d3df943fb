import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import {
  byName,
  flag,
  integer,
  listOf,
  moment,
  nullable,
  object,
  oneOf,
  oneOfKind,
  optional,
  seconds,
  text,
  type Form,
} from '../../core/basics/json-form.ts';
import type { Batch } from '../../core/model/config.ts';
import {
  noDesired,
  rolloutEnds,
  type Abort,
  type Deadline,
  type Desired,
  type EndedRollout,
  type Pin,
  type Replaced,
  type Request,
  type Rollout,
  type RolloutOptions,
  type TimedRequest,
  type Want,
} from '../../core/model/desired.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { once } from '../files/once.ts';
import { fileText, readForm } from './schema.ts';

const identity = object<ProcessIdentity>({
  pid: ['pid', integer],
  startTime: ['start_time', integer],
  bootId: ['boot_id', text],
});

/** Built only if there is a file: most instances are neither stopped nor held. */
const form = once((): Form<Omit<Desired, 'isEnding'>> => {
  const requested = { at: ['at', moment], by: ['by', text] } as const;
  const timed = object<TimedRequest>({ ...requested, until: ['until', optional(moment)] });
  const batch = oneOfKind<Batch>({
    count: object({ count: ['count', integer] }),
    percent: object({ percent: ['percent', integer] }),
  });
  const options = object<RolloutOptions>({
    canary: ['canary', optional(flag)],
    batch: ['batch', optional(batch)],
    overlap: ['overlap', optional(flag)],
    killAfter: ['kill_after_seconds', optional(seconds)],
  });
  const replaced = object<Replaced>({
    pid: ['pid', integer],
    startTime: ['start_time', integer],
    bootId: ['boot_id', text],
    runId: ['run_id', optional(text)],
    successor: ['successor', optional(identity)],
  });
  const rollout = object<Rollout>({
    ...requested,
    id: ['id', text],
    options: ['options', options],
    replaces: ['replaces', byName(nullable(replaced))],
    releases: [
      'releases',
      byName(
        object<Rollout['releases'][string]>({
          from: ['from', optional(text)],
          to: ['to', optional(text)],
        }),
      ),
    ],
    proven: ['proven', listOf(text)],
    aborted: [
      'aborted',
      optional(
        object<Abort>({
          at: ['at', moment],
          instance: ['instance', text],
          problem: ['problem', text],
        }),
      ),
    ],
    paused: ['paused', optional(timed)],
    cancelled: ['cancelled', optional(object<Request>(requested))],
  });
  const ended = object<EndedRollout>({
    ...requested,
    id: ['id', text],
    how: ['how', oneOf(...rolloutEnds)],
    problem: ['problem', optional(text)],
  });
  const pin = object<Pin>({
    ...requested,
    directory: ['directory', text],
    release: ['release', optional(text)],
    commandDigest: ['command_digest', text],
  });
  return object<Omit<Desired, 'isEnding'>>({
    stopped: ['stopped', byName(object<Request>(requested))],
    held: ['held', byName(timed)],
    quiet: ['quiet', byName(timed)],
    counts: [
      'counts',
      byName(object<Want>({ ...requested, identifiers: ['identifiers', listOf(text)] })),
    ],
    deadlines: [
      'deadlines',
      byName(
        object<Deadline>({ process: ['process', identity], at: ['since_boot_seconds', seconds] }),
      ),
    ],
    rollouts: ['rollouts', listOf(rollout)],
    ended: ['ended', listOf(ended)],
    pins: ['pins', byName(pin)],
  });
});

export const desiredPath = (stateDir: string): string => join(stateDir, 'state.json');

/**
 * What is desired beyond the config; nothing if there is no such file.
 * @throws WorkerctlError `state` if the file is damaged: what was stopped on purpose is recorded nowhere else
 */
export function readDesired(stateDir: string): Desired {
  const path = desiredPath(stateDir);
  const file = readForm(path, form);
  switch (file.kind) {
    case 'absent':
      return noDesired;
    case 'broken':
      throw new WorkerctlError('state', `${path} is damaged (${file.problem})`, {
        hint: 'move it away to continue; lost with it: stops, holds, quiets, counts, restarts, pins and --kill-after deadlines',
      });
    case 'read':
      return file.value;
  }
}

/**
 * Writes the desired state. After a crash of the host it is the old text or the new one, and with `isDurable` the new
 * one.
 * @throws WorkerctlError `state` if it cannot be written; the old text is then unchanged
 */
export function writeDesired(
  stateDir: string,
  desired: Desired,
  { isDurable }: { readonly isDurable: boolean },
): void {
  const path = desiredPath(stateDir);
  try {
    writeFileAtomically(path, fileText(form(), desired), {
      outlives: isDurable ? 'durable' : 'whole',
    });
  } catch (error) {
    throw new WorkerctlError(
      'state',
      `${path}: cannot be written: ${describeErrno(error)}; nothing was done`,
      { cause: error },
    );
  }
  faultPoint();
}
