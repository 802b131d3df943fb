import { oneOf, seconds, text } from '../../basics/json-form.ts';
import { leftWords, namedProcesses, survivorWords } from '../../model/leftovers.ts';
import { formatDeath, formatEnd, type Death, type Verdict } from '../../model/record.ts';
import { eventKind, optional, required, type Audience } from '../event-kind.ts';
import { bytes, lines, processes } from '../form.ts';
import { death, drained, heldJobs, logError, pid, release, runId } from '../members.ts';
import { during, jobWords, ofError } from '../phrases.ts';

/** The number that MogileFS prints: the signal, or the exit status. */
function numberOf(how: Death): string {
  switch (how.kind) {
    case 'signalled':
      return String(how.signal);
    case 'exited':
      return String(how.status);
    case 'rebooted':
    case 'unlaunched':
    case 'unknown':
      return 'unknown';
  }
}

/** A command has `exited` for a death that was asked for; cron should send no mail about a worker that exits with 0. */
function audienceOf(how: Death, verdict: Verdict): Audience {
  const isClean = how.kind === 'exited' && how.status === 0;
  return verdict === 'unexpected' && !isClean ? 'everywhere' : 'watch';
}

const verdict = required(
  oneOf<Verdict>('requested', 'recycled', 'done', 'unexpected'),
  '`requested` (a stop, a restart, a kill: see `cause`), `recycled`, `done` (a success code, see `on_exit`), or `unexpected`.',
);
const deathCause = optional(text, 'The user, command or rule that asked for it, and why.');

/** How processes ended, and what that means. */
export const deathKinds = {
  died: eventKind({
    summary:
      'The process has ended. Reported once, by the first command or `watch` that sees it; twice if that is killed while it reports.',
    members: {
      pid,
      runId,
      death,
      verdict,
      cause: deathCause,
      uptime: optional(seconds, 'How long it had been running.'),
      drained,
      release,
      ...heldJobs,
      rss: optional(bytes, 'How much memory it had when that was last measured.'),
      log: optional(lines, 'After an unexpected end: the last 40 lines that it wrote to its log.'),
      logError,
    },
    level: ({ verdict: how }) => (how === 'unexpected' ? 'error' : 'info'),
    sentence: (event) =>
      `pid ${event.pid} ${formatEnd(event.death, event.verdict, during(event))}${ofError(event.logError)}`,
    mogilefs: (event, name) =>
      `Child ${event.pid} (${name}) died: ${numberOf(event.death)} (${event.verdict === 'unexpected' ? 'UNEXPECTED' : 'expected'}): ${formatDeath(event.death)}${during(event)}`,
    audience: (event) => audienceOf(event.death, event.verdict),
  }),
  death_explained: eventKind({
    summary:
      'The report of how a process ended has come after its end was reported as unknown (`died`), because its shim was slow.',
    members: { pid, runId, death, verdict, cause: deathCause, drained, ...heldJobs },
    level: ({ verdict: how }) => (how === 'unexpected' ? 'error' : 'info'),
    sentence: (event) =>
      `pid ${event.pid} ${formatEnd(event.death, event.verdict, during(event))} (reported late)`,
    audience: (event) => audienceOf(event.death, event.verdict),
  }),
  job_lost: eventKind({
    summary:
      'The jobs of a dead process are lost, all in one line: reported at once if the process had said that it was busy, otherwise after `lost_grace`.',
    members: { pid, runId, death, ...heldJobs },
    level: 'error',
    sentence: (event) => {
      const words = jobWords(event);
      const were = (event.jobCount ?? 1) > 1 ? 'were' : 'was';
      const lost = words === undefined ? 'a job may have been lost' : `${words} ${were} lost`;
      return `${lost}: pid ${event.pid} ${formatEnd(event.death)}`;
    },
  }),
  survivors: eventKind({
    summary:
      'A process that was asked to stop has exited, but others of its session, which were there before the stop, have not: a wrapper did not pass the signal on. They are no longer controlled. Only with `stop.leftovers: report`.',
    members: {
      pid,
      processes: required(processes, 'The processes that still run, with what each one runs.'),
    },
    sentence: (event) =>
      `${survivorWords(event.pid, event.processes)}; start the worker with exec, or set stop.to: session (workerctl check says more); stop.leftovers: leave accepts them`,
    isFailure: true,
  }),
  leftovers: eventKind({
    summary:
      'The dead process left other processes behind, in its session or in sessions of their own.',
    members: {
      pid,
      processes: required(processes, 'The processes that it left behind, with what each one runs.'),
      fate: required(
        oneOf('running', 'killed', 'kill_denied', 'unwitnessed', 'awaited', 'exited'),
        "`running` (left alone), `killed`, `kill_denied` (another user's), `unwitnessed` (not killed, because only the record says whose they are), `awaited`: nothing is started until they have exited, or `exited`: those that might go on with its job have ended by themselves, so that the job does not count as lost.",
      ),
    },
    level: ({ fate }) => (fate === 'exited' ? 'info' : 'warning'),
    sentence: ({ pid: dead, processes: left, fate }) => {
      switch (fate) {
        case 'running':
          return leftWords(dead, left);
        case 'killed':
          return `killed what pid ${dead} left behind: ${namedProcesses(left)}`;
        case 'kill_denied':
          return `could not kill what pid ${dead} left behind, which belongs to another user: ${namedProcesses(left)}`;
        case 'unwitnessed':
          return `${leftWords(dead, left)}; not killed, because only the record of pid ${dead} says whose they are: if they are its, end them with kill -9 ${left.map(({ pid: one }) => one).join(' ')}`;
        case 'awaited':
          return `${leftWords(dead, left)}; nothing is started until they have exited`;
        case 'exited':
          return `what pid ${dead} left behind has exited: ${namedProcesses(left)}; its job does not count as lost`;
      }
    },
  }),
};
