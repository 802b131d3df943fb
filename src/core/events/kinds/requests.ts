import { formatSize } from '../../basics/bytes.ts';
import { integer, moment, oneOf, seconds, text } from '../../basics/json-form.ts';
import { formatDayAndTime, formatDuration } from '../../basics/time.ts';
import { eventKind, fixed, optional, required } from '../event-kind.ts';
import { bytes, lines } from '../form.ts';
import { hookNames, type HookName } from '../../model/config.ts';
import { logFile, problem } from '../members.ts';
import { counted, until } from '../phrases.ts';

/** What people have asked for beyond starts and stops, and what workerctl does around the workers. */
export const requestKinds = {
  held: eventKind({
    summary: 'The instance is held: bootcheck, start and restart leave it alone.',
    members: { until: optional(moment, 'When the hold ends. Missing: it does not end by itself.') },
    sentence: (event) => `held${until(event.until, event.at)}`,
  }),
  unheld: fixed('The hold of the instance was removed.', 'hold removed'),
  count_set: eventKind({
    summary: 'The number of wanted instances was set; `instance` is the worker.',
    members: {
      count: required(integer, 'How many are wanted from now on.'),
      previous: optional(integer, 'How many were wanted before.'),
      maxCount: optional(integer, '`max_count` of the config, if more were asked for.'),
    },
    sentence: ({ count, previous, maxCount }) => {
      const notes = [
        ...(previous === undefined ? [] : [`was ${previous}`]),
        ...(maxCount === undefined ? [] : [`max_count is ${maxCount}`]),
      ];
      return `${count} wanted${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
    },
    mogilefs: ({ count, maxCount }, name) =>
      `Now desiring ${count} children doing '${name}'.${maxCount === undefined ? '' : ` (max_count is ${maxCount})`}`,
  }),
  log_rotated: eventKind({
    summary: 'The content of the log was moved to an older file.',
    members: { logFile, size: required(bytes, 'How much was moved.') },
    sentence: (event) =>
      `rotated ${event.logFile}: ${formatSize(event.size)} moved to ${event.logFile}.1`,
    audience: 'watch',
  }),
  hook_run: eventKind({
    summary: 'A hook was run.',
    members: {
      hook: required(
        oneOf<HookName>(...hookNames),
        `The hook: ${hookNames.map((name) => `\`${name}\``).join(', ')}.`,
      ),
      problem: optional(text, 'How it failed. Missing: it exited with 0.'),
      took: required(seconds, 'How long it ran.'),
      output: required(lines, 'The last lines that it printed.'),
    },
    level: (event) => (event.problem === undefined ? 'info' : 'warning'),
    sentence: (event) => {
      const end = event.problem === undefined ? 'succeeded' : 'failed';
      const why = event.problem === undefined ? '' : `: ${event.problem}`;
      return `hook ${event.hook} ${end} after ${formatDuration(event.took)}${why}`;
    },
    audience: (event) => (event.problem === undefined ? 'journal' : 'everywhere'),
  }),
  notified: eventKind({
    summary:
      'A message about events was delivered (`notify`), or could not be: then it is tried again. `instance` is `notify`.',
    members: {
      eventCount: required(integer, 'How many events it is about.'),
      took: required(seconds, 'How long that took.'),
      problem: optional(text, 'Why it was not delivered. Missing: it was.'),
      attempts: optional(integer, 'How many attempts in a row have failed.'),
      nextAt: optional(moment, 'When it is tried again.'),
    },
    level: (event) => (event.problem === undefined ? 'info' : 'warning'),
    sentence: ({ at, eventCount, problem: why, nextAt }) => {
      const what = counted(eventCount, 'event');
      if (why === undefined) return `delivered a message about ${what}`;
      const next = nextAt === undefined ? '' : `; next attempt at ${formatDayAndTime(nextAt, at)}`;
      return `could not deliver a message about ${what}: ${why}${next}`;
    },
    audience: ({ problem: why, attempts }) =>
      why !== undefined && attempts === 1 ? 'everywhere' : 'journal',
  }),
  config_reloaded: fixed('`watch` has reloaded the config.', 'config reloaded'),
  config_rejected: eventKind({
    summary: '`watch` could not reload the config; the previous one stays in force.',
    members: { problem },
    level: 'error',
    sentence: (event) => `config not reloaded, the previous one stays in force: ${event.problem}`,
  }),
  watch_impaired: eventKind({
    summary:
      '`watch` cannot do its work, or a part of it: a file of the state directory cannot be read or written, for example. It keeps running and tries again, after 1 second at first and after a minute at most. Reported once for each problem.',
    members: { problem },
    level: 'error',
    sentence: (event) =>
      `cannot do all of its work: ${event.problem}; it keeps trying, and the workers keep running`,
  }),
  watch_recovered: eventKind({
    summary: '`watch` does its work again after `watch_impaired`.',
    members: {
      problem: required(text, 'The last problem.'),
      lasted: required(seconds, 'For how long it could not do its work.'),
    },
    sentence: (event) => `works again after ${formatDuration(event.lasted)} (${event.problem})`,
  }),
  warning: eventKind({
    summary:
      'A file could not be understood, or something could not be done; `instance` is `watch`, `finisher`, `hooks`, `config` or `journal` if no instance is concerned.',
    members: { problem },
    level: 'warning',
    sentence: (event) => event.problem,
  }),
};
