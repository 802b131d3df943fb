import * as json from '../../core/basics/json-form.ts';
import type { Code } from '../../core/model/code.ts';
import type { Batch } from '../../core/model/config.ts';
import * as desired from '../../core/model/desired.ts';
import { once } from '../files/once.ts';
import { identity, identityMembers } from './schema.ts';

type Desired = desired.Desired;

/** The desired state as it is in its files. Built only if there is one: most instances are neither stopped nor held. */
export const desiredForm = once((): json.Form<Omit<Desired, 'isEnding'>> => {
  const { byName, flag, integer, listOf, moment, object, optional, seconds, text } = json;
  const requested = { at: ['at', moment], by: ['by', text] } as const;
  const timed = object<desired.TimedRequest>({ ...requested, until: ['until', optional(moment)] });
  const want = object<desired.Want>({ ...requested, identifiers: ['identifiers', listOf(text)] });
  const batch = json.oneOfKind<Batch>({
    count: object({ count: ['count', integer] }),
    percent: object({ percent: ['percent', integer] }),
  });
  const options = object<desired.RolloutOptions>({
    canary: ['canary', optional(flag)],
    batch: ['batch', optional(batch)],
    overlap: ['overlap', optional(flag)],
    killAfter: ['kill_after_seconds', optional(seconds)],
  });
  const replaced = object<desired.Replaced>({
    ...identityMembers,
    runId: ['run_id', optional(text)],
    successor: ['successor', optional(identity)],
    wasAsked: ['was_asked', optional(flag)],
  });
  const releases = object<desired.Rollout['releases'][string]>({
    from: ['from', optional(text)],
    to: ['to', optional(text)],
  });
  const abort = object<desired.Abort>({
    at: ['at', moment],
    instance: ['instance', text],
    problem: ['problem', text],
  });
  const code = object<Code>({
    release: ['release', optional(text)],
    commandDigest: ['command_digest', text],
  });
  const origin = object<desired.Origin>({
    directory: ['directory', text],
    release: ['release', optional(text)],
    commandDigest: ['command_digest', text],
  });
  const rollout = object<desired.Rollout>({
    ...requested,
    id: ['id', text],
    options: ['options', options],
    replaces: ['replaces', byName(json.nullable(replaced))],
    releases: ['releases', byName(releases)],
    origins: ['origins', optional(byName(origin))],
    proven: ['proven', byName(code)],
    startedByName: ['started_by_name', optional(listOf(text))],
    aborted: ['aborted', optional(abort)],
    paused: ['paused', optional(timed)],
    cancelled: ['cancelled', optional(object<desired.Request>(requested))],
  });
  const ended = object<desired.EndedRollout>({
    ...requested,
    id: ['id', text],
    how: ['how', json.oneOf(...desired.rolloutEnds)],
    problem: ['problem', optional(text)],
  });
  const pin = object<desired.Pin>({
    ...requested,
    directory: ['directory', text],
    release: ['release', optional(text)],
    commandDigest: ['command_digest', text],
  });
  const done = object<desired.Done>({
    at: ['at', moment],
    runId: ['run_id', text],
    release: ['release', optional(text)],
    commandDigest: ['command_digest', text],
    problem: ['problem', optional(text)],
  });
  const deadline = object<desired.Deadline>({
    process: ['process', identity],
    at: ['since_boot_seconds', seconds],
  });
  const adoption = object<desired.Adoption>({ process: ['process', identity] });
  const stopped = object<desired.Stopped>({ ...requested, boot: ['boot_id', optional(text)] });
  return object<Omit<Desired, 'isEnding'>>({
    stopped: ['stopped', byName(stopped)],
    held: ['held', byName(timed)],
    quiet: ['quiet', byName(timed)],
    done: ['done', byName(done)],
    counts: ['counts', byName(want)],
    deadlines: ['deadlines', byName(deadline)],
    adopted: ['adopted', byName(adoption)],
    rollouts: ['rollouts', listOf(rollout)],
    ended: ['ended', listOf(ended)],
    pins: ['pins', byName(pin)],
  });
});
