import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { chosenTargets } from '../cli/chosen-targets.ts';
import { duration, flag, optionName, value, wholeNumber, type Values } from '../cli/options.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { nearest } from '../core/basics/nearest.ts';
import { openFleet, type OpenFleet } from './fleet/open.ts';
import { batch } from './restart/batch.ts';

/** A comma in braces does not separate globs: `web{1,2},db`. */
const globs = (text: string): readonly string[] => text.split(/,(?![^{]*\})/);

const asWritten = (text: string): string => text;

/** Checked here, and passed on as it is written. */
const checkedDuration = (text: string, name: string): string => {
  duration(text, name);
  return text;
};

/** Options that go to each host as they are. */
const passedOn = {
  wait: value('DURATION', 'each host returns after this long with exit code 124', checkedDuration),
  killAfter: value('DURATION', 'restart, stop: as there', checkedDuration),
  now: flag('restart, stop: as there'),
  overlap: flag('restart: as there'),
  outdated: flag('restart: as there'),
  untilBoot: flag('stop: as there'),
  for: value('DURATION', 'hold, rollout pause: as there', checkedDuration),
  follow: flag('events, logs: continue with new lines until Ctrl-C', 'f'),
  lines: value('N', 'events, logs: at most N of each host or log, the latest', asWritten, 'n'),
  since: value('TIME', 'events, logs: nothing older than this', asWritten),
  until: value('TIME', 'events, logs: nothing later than this', asWritten),
  level: value('LEVEL', 'logs: only lines of this level and above', asWritten),
  grep: value('PATTERN', 'logs: only lines that match this regular expression', asWritten),
  kind: value('KIND,...', 'events: only these kinds', asWritten),
  state: value('STATE,...', 'only instances in one of these states', asWritten),
  except: value('TARGET,...', 'not these instances', asWritten),
};

const options = {
  host: value('GLOB,...', 'only these hosts, or the hosts of these groups', globs),
  op: value('ID', 'continue the operation with this id; or the id of a new one', asWritten),
  batch: value('N|N%', 'restart: how many hosts at a time, in place of fleet.yaml', batch),
  canary: value('HOST', 'restart: which host goes first; none: no host does', asWritten),
  maxFailed: value('N', 'restart: how many hosts may fail before no other is begun', wholeNumber),
  ...passedOn,
  timestamps: flag('logs: begin each line with its time, in local time', 't'),
  raw: flag('logs: the bytes of the lines and nothing else'),
};

type Given = Values<typeof options>;
type Name = keyof Given;

const ofTargets = ['except', 'state'] as const;

/** What each command takes besides --host. */
const taken = {
  status: ofTargets,
  restart: [
    ...['op', 'batch', 'canary', 'maxFailed', 'wait', 'killAfter', 'now', 'overlap', 'outdated'],
    ...ofTargets,
  ] as readonly Name[],
  stop: ['op', 'wait', 'killAfter', 'now', 'untilBoot', ...ofTargets],
  start: ['op', 'wait', ...ofTargets],
  bootcheck: ['op'],
  rollout: ['for'],
  hold: ['for', ...ofTargets],
  unhold: ofTargets,
  events: ['follow', 'lines', 'since', 'until', 'kind', 'except'],
  logs: [
    ...['follow', 'lines', 'since', 'until', 'level', 'grep', 'timestamps', 'raw', 'except'],
  ] as readonly Name[],
  doctor: [],
} as const satisfies Readonly<Record<string, readonly Name[]>>;

type Verb = keyof typeof taken;
const verbs = Object.keys(taken) as readonly Verb[];

/** `workerctl fleet`. */
export const command = defineCommand({
  summary: 'Run a command on the hosts of fleet.yaml, over the OpenSSH of this machine.',
  operands: 'COMMAND [ARGUMENT...]',
  description: `
COMMAND is one of ${verbs.join(', ')}.
Each host's own workerctl does the work; ARGUMENTs are its targets. restart goes through the hosts: the canary first, then
a batch at a time, until more have failed than max_failed allows; all other commands reach all hosts at once.

restart, stop, start and bootcheck have an id, which is printed first: run again with --op ID, after a cut connection or a
killed command, they begin nothing twice. The file is --config, $WORKERCTL_FLEET, or fleet.yaml in this directory or above it.`,
  options,
  examples: [
    ['workerctl fleet status'],
    ['workerctl fleet restart mail', 'all instances of mail, host by host'],
    ["workerctl fleet logs -f --host 'web*'"],
  ],
  exitCodes: {
    done: 'on every host',
    failed: 'on a host; or a host has no workerctl',
    notReady: 'on a host fewer instances are ready than wanted',
    unknown: 'of a host: it has not answered',
    ended: 'on a host',
    conflict: '',
    config: '',
    timedOut: 'on a host',
    interrupted: 'what was begun on the hosts goes on there',
  },
  run: async ({ targets: [word, ...targets], global, ...given }) => {
    const verb = verbOf(word);
    refuseOthers(verb, given);
    const open = openFleet(global, await chosenTargets(given.host ?? []));
    try {
      return await run(open, { verb, targets, given }, global);
    } finally {
      open.interrupt.dispose();
    }
  },
});

function verbOf(word: string | undefined): Verb {
  const verb = verbs.find((one) => one === word);
  if (verb !== undefined) return verb;
  const meant = word === undefined ? undefined : nearest(word, verbs);
  const found = word === undefined ? 'nothing' : JSON.stringify(word);
  const advice = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new WorkerctlError('usage', `fleet: expected a command, found ${found}${advice}`, {
    hint: `commands: ${verbs.join(', ')}`,
  });
}

function refuseOthers(verb: Verb, given: Given): void {
  const allowed: readonly string[] = ['host', ...taken[verb]];
  for (const [key, one] of Object.entries(given))
    if (one !== undefined && one !== false && !allowed.includes(key))
      throw new WorkerctlError('usage', `fleet ${verb}: takes no --${optionName(key)}`, {
        hint: 'see workerctl fleet --help',
      });
}

interface Asked {
  readonly verb: Verb;
  readonly targets: readonly string[];
  readonly given: Given;
}

/** The words of a host's own command: the options in the order of the table, then the targets. */
function wordsOf({ verb, targets, given }: Asked): readonly string[] {
  const passed = Object.keys(passedOn).flatMap((key): string[] => {
    const one = given[key as keyof typeof passedOn];
    if (one === undefined || one === false) return [];
    const name = `--${optionName(key)}`;
    return one === true ? [name] : [`${name}=${one}`];
  });
  const isOption = targets.some((target) => target.startsWith('-'));
  return [verb, ...passed, ...(isOption ? ['--'] : []), ...targets];
}

async function run(open: OpenFleet, asked: Asked, global: GlobalOptions): Promise<number> {
  const { verb, targets, given } = asked;
  const words = wordsOf(asked);
  switch (verb) {
    case 'status':
      return (await import('./fleet/status.ts')).fleetStatus(open, words, global);
    case 'restart':
      return (await import('./fleet/restart.ts')).fleetRestart(open, words, given, global);
    case 'stop':
    case 'start':
    case 'bootcheck':
    case 'hold':
    case 'unhold': {
      const { actEverywhere } = await import('./fleet/everywhere.ts');
      const hasId = verb !== 'hold' && verb !== 'unhold';
      return actEverywhere(open, { words, hasId, op: given.op }, global);
    }
    case 'rollout':
      return (await import('./fleet/rollout.ts')).fleetRollout(open, { words, targets }, global);
    case 'events':
    case 'logs': {
      const { fleetLines } = await import('./fleet/lines.ts');
      const { follow: isEndless, raw: isRaw, timestamps: hasTimes } = given;
      return fleetLines(open, { verb, words, isEndless, isRaw, hasTimes }, global);
    }
    case 'doctor':
      return (await import('./fleet/doctor.ts')).fleetDoctor(open, targets, global);
  }
}
