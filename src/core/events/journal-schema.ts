import { journalMembers, type Form, type JournalKind } from './event.ts';
import { snakeCase } from './journal.ts';

/** The kinds that the journal has, and what each of them says, for docs/journal.md and the JSON Schema. */
export const kindTexts: Readonly<Record<JournalKind, string>> = {
  adopted: 'A worker that no record claimed was found running, and is one of ours again.',
  repaired: 'Its pidfile was missing or wrong, and was written anew.',
  forgotten: 'Its pidfile was stale, and was removed.',
  asked: 'It was asked to finish its job and leave.',
  quieted: 'It was asked to take no new job.',
  resumed: 'It was asked to take jobs again.',
  moved: 'It leaves beside its replacement, which starts now.',
  killed: 'Its whole session was killed: a limit was over, or it gave no sign of life.',
  dumped: 'It gave no sign of life, and was told to write down what it is doing.',
  ask_failed: 'It could not be asked to finish, or to take no new job.',
  started: 'A new process of it was started.',
  launching:
    'The command runs of a program that forks away; `started` follows when its pidfile names it.',
  ready: 'It has shown that it is ready, while a command waited for that.',
  proven: 'It is the first of its worker that runs the new code and is ready: the others follow.',
  aborted: 'Its replacement failed: the restart has ended, the others run on.',
  taken_over: 'A later restart goes on in the place of this one.',
  start_failed: 'It could not be started, or died before it was ready.',
  held: 'Somebody wants it to be left alone.',
  unheld: 'Somebody wants it to be watched again.',
  wanted: 'Somebody wants so many of the worker; `instance` is the worker.',
  died: 'Its process died. Told once, by whichever pass or watch sees it first; twice where that was killed while it told.',
  leftovers: 'Its dead process has left others behind in its session.',
  rotated: 'Its log was put into an older file.',
  backoff: 'It stays down for a while, or for longer than before, since its processes die young.',
  lost: 'What its dead process was at is lost: at once where it had said that it was busy, else after `lost_grace`.',
  unresponsive: 'It gives no sign of life and is about to be killed.',
  rolled_out:
    'A restart of the worker is over; with a `reason`, it was aborted. `instance` is the worker.',
  hooked: 'A hook was run.',
  short: 'A resident watch starts what is missing; `instance` is the worker.',
  config_refused: 'A resident watch could not read the config again: the old one stays in force.',
  config_read: 'A resident watch has read the config again.',
  warning:
    'A file could not be understood, or something could not be done; `instance` is `watch` or `journal` where that is no matter of an instance.',
};

/** What each member says, by its name in the journal. */
const memberTexts: Readonly<Record<string, string>> = {
  pid: 'The process.',
  cause: 'Why, in words.',
  reason: 'Why, in words.',
  problem: 'What was expected and what was found, in words.',
  job: 'What it was busy with, as far as that was known.',
  release: 'The name of its code.',
  signal_name: 'The signal, such as `SIGTERM`.',
  limit_seconds: 'After so long it is killed. Missing: there is no limit.',
  drained_seconds: 'How long ago it had been asked.',
  stops_when_idle: 'Whether it is asked to leave as soon as it is idle.',
  is_watchdog: 'Whether it was killed since it gave no sign of life.',
  left: 'Those that it has left: the pid of each, and what it runs.',
  fate: "`left` (alone), `killed`, `not_killed` (it is another user's), or `awaited`: nothing is started while they live.",
  delay_seconds: 'How long it stays down from its death on.',
  why: 'How the last one died, in words.',
  bytes: 'How many.',
  run_id: 'Names this one start of it: the same in all lines of one process that have it.',
  verdict: '`asked` (somebody had asked for it: `cause`), `recycled`, or `lost`.',
  uptime_seconds: 'How long it had been running.',
  rss: 'The memory that it had when it was last looked at, in bytes.',
  instances: 'How many it was of.',
  hook: 'Which: `lost`, `backoff`, `unresponsive` or `rollout`.',
  took_seconds: 'How long that took.',
  output: 'The last lines that it printed.',
  out_of_memory:
    '`certain` where the log of the kernel says that it was killed for want of memory, `likely` where only its count of such kills has risen.',
  processes: 'How many there were in its session.',
  untouched: 'How many run on as before.',
  by_other: 'Whose restart that is, as user@host.',
  since: 'When that one began.',
  until: 'When that ends by itself. Missing: it does not.',
  count: 'How many.',
  most: '`max_count` of the config, where more were asked for.',
  has: 'How many there are.',
  counts: 'How many are wanted.',
  log_file: 'Its log.',
  logger: 'The logger that its output went to, where it has one.',
  log: 'The last lines that it wrote there itself.',
  status: 'Its exit status.',
  signal: 'The number of the signal that it died of.',
  core_dumped: 'Whether it has left a core file.',
  status_unknown: 'Why it is not known how it died.',
};

/** What each line has. */
const allLines = {
  at: { type: 'string', format: 'date-time', description: 'When, in UTC with milliseconds.' },
  kind: { type: 'string', description: 'What has happened.' },
  instance: {
    type: 'string',
    description: 'Of whom: an instance, a worker, `watch` or `journal`.',
  },
  retiring: { const: true, description: 'It was the old process, beside its replacement.' },
  text: { type: 'string', description: 'The same in words, for people.' },
  by: { type: 'string', description: 'Who ran the command, as user@host.' },
  command: { type: 'string', description: 'The command that has done or seen it.' },
} as const;

interface Member {
  readonly name: string;
  readonly schema: object;
  readonly isRequired: boolean;
}

const number = { type: 'number' };
const text = { type: 'string' };
const flag = { type: 'boolean' };

const process = {
  type: 'object',
  properties: { pid: { type: 'integer' }, name: text },
  required: ['pid', 'name'],
};

/** The members that one of an event becomes. */
function membersOf(own: string, form: string): Member[] {
  const name = snakeCase(own);
  const isRequired = !form.endsWith('?');
  switch (form.replace('?', '') as Form) {
    case 'number':
      return [{ name, schema: { type: 'integer' }, isRequired }];
    case 'text':
      return [{ name, schema: text, isRequired }];
    case 'lines':
      return [{ name, schema: { type: 'array', items: text }, isRequired }];
    case 'flag':
      return [{ name, schema: flag, isRequired }];
    case 'seconds':
      return [{ name: `${name}_seconds`, schema: { ...number, minimum: 0 }, isRequired }];
    case 'moment':
      return [{ name, schema: { ...text, format: 'date-time' }, isRequired }];
    case 'signal':
      return [{ name: 'signal_name', schema: text, isRequired }];
    case 'other':
      return [{ name: 'by_other', schema: text, isRequired }];
    case 'processes':
      return [{ name: 'left', schema: { type: 'array', items: process }, isRequired }];
    case 'death':
      return death;
  }
}

/** One of status, signal and status_unknown is there. */
const death: Member[] = [
  { name: 'status', schema: { type: 'integer' }, isRequired: false },
  { name: 'signal', schema: { type: 'integer' }, isRequired: false },
  { name: 'signal_name', schema: text, isRequired: false },
  { name: 'core_dumped', schema: flag, isRequired: false },
  { name: 'out_of_memory', schema: text, isRequired: false },
  { name: 'status_unknown', schema: text, isRequired: false },
];

/** One member of a kind, as the documentation tells it. */
export interface DescribedMember extends Member {
  readonly description: string;
}

/** What the lines of a kind have beyond what each line has. */
export const describedMembers = (kind: JournalKind): DescribedMember[] =>
  Object.entries(journalMembers[kind])
    .flatMap(([own, form]) => membersOf(own, form as string))
    .map((member) => ({ ...member, description: memberTexts[member.name] ?? '' }));

/** The JSON Schema of a line: docs/events.schema.json. Kinds and members that it does not name are allowed. */
export const journalJsonSchema = (): object => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'A line of events.ndjson',
  description: 'What has happened to a worker that workerctl runs.',
  type: 'object',
  properties: allLines,
  required: ['at', 'kind', 'instance', 'text', 'by', 'command'],
  allOf: Object.entries(kindTexts).map(([kind, description]) => ({
    if: { properties: { kind: { const: kind } } },
    then: { description, ...memberSchemas(kind as JournalKind) },
  })),
});

function memberSchemas(kind: JournalKind): object {
  const members = describedMembers(kind);
  return {
    properties: Object.fromEntries(
      members.map(({ name, schema, description }) => [name, { ...schema, description }]),
    ),
    required: members.filter(({ isRequired }) => isRequired).map(({ name }) => name),
  };
}
