import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { findConfig } from '../../config/find.ts';
import { bootcheckCall, type BootcheckCall } from '../../core/protocols/crontab.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { withoutSecrets } from '../../core/basics/secrets.ts';
import { fine, listed, problem, warning, type Findings } from '../../core/views/finding.ts';
import { durationOf, formatDuration } from '../../core/basics/time.ts';
import {
  isCronRunning,
  ownCrontab,
  readCrontabs,
  type PlacedLine,
} from '../../host/install/crontab.ts';
import { realPathOrSelf } from '../../host/files/real-path.ts';
import { readOrEmpty } from '../../host/files/read-or-empty.ts';
import { currentUser } from '../../host/worker/environment.ts';
import { programAt } from '../../host/process/find-program.ts';
import { interpretersOf } from '../../host/process/interpreters.ts';
import { cronAccountFindings } from './cron-account.ts';
import { orElse, type Examination } from './examination.ts';
import { bootcheckTimers } from './timers.ts';

/** Whether cron runs `bootcheck` for this config, how often, and whether it finds what the line names. */
export async function cronFindings(examination: Examination): Promise<Findings> {
  const { config, ask, watch } = examination;
  const user = currentUser();
  const calls = (await readCrontabs(ask))
    .filter((line) => line.user === undefined || line.user === user.name)
    .flatMap((line) => {
      const call = bootcheckCall(line.command);
      return call === undefined ? [] : [callOf(line, call, user.home)];
    })
    .filter(({ config: named }) => !isThere(named) || isSameFile(named ?? '', config.path));
  const named = calls.filter((call) => isThere(call.config));
  const account = await cronAccountFindings(examination, user.name);
  const findings = listed(calls.map((call) => lineFinding(call, config.path)));
  if (named.length === 0) {
    const timers = await bootcheckTimers(examination);
    const instead = timers.map((timer) => fine(`timer ${timer}`, 'runs bootcheck for this config'));
    return timers.length > 0
      ? [findings, instead]
      : [account, findings, noLine(watch !== undefined, config.path)];
  }
  const working = named.filter((call) => listed(lineFinding(call, config.path)).length === 0);
  if (working.length === 0) return [account, findings];
  const period = listed(periodFinding(working, watch !== undefined));
  const refused = listed(account);
  if (refused.some(({ level }) => level === 'problem'))
    return [refused, findings, period.filter(({ level }) => level !== 'ok')];
  if (isCronRunning() || isHidden()) return [account, period, findings];
  // Without cron no line runs, however often it should.
  return [account, findings, period.filter(({ level }) => level !== 'ok'), noDaemon(working)];
}

/** How cron would run a line. */
interface Call {
  readonly program: string;
  readonly script?: string;
  readonly line: PlacedLine;
  readonly path: string;
  readonly from: string;
  readonly hasOwnPath: boolean;
  /** The config that it would use; undefined when it finds none. */
  readonly config?: string;
}

/** cron's own PATH, if the crontab sets none. Source: crontab(5), Debian. */
const cronPath = '/usr/bin:/bin';

function callOf(line: PlacedLine, call: BootcheckCall, home: string): Call {
  const env = { ...line.env, ...call.env };
  const at = line.env['HOME'] ?? home;
  const expand = (text: string): string => text.replace(/\$\{?HOME\}?|^~(?=\/|$)/, at);
  const from = resolve(at, expand(call.directory ?? '.'));
  const search = { config: call.config && expand(call.config), env, cwd: from };
  const config = orElse(
    () => findConfig(search),
    () => undefined,
  );
  return {
    program: expand(call.program),
    ...(call.script !== undefined && { script: expand(call.script) }),
    line,
    path: env['PATH'] ?? cronPath,
    from,
    hasOwnPath: call.hasOwnPath === true,
    ...(config !== undefined && { config }),
  };
}

const isThere = (path: string | undefined): boolean => path !== undefined && existsSync(path);

const isSameFile = (a: string, b: string): boolean => realPathOrSelf(a) === realPathOrSelf(b);

/** Whether cron would be invisible even if it ran: a hidden /proc hides all processes of other users. */
const isHidden = (): boolean => readOrEmpty('/proc/1/comm') === '';

function noLine(isWatched: boolean, config: string): Findings {
  if (isWatched) return fine('cron', 'no line runs bootcheck for this config; a watch is running');
  return warning(
    'cron',
    'no visible line runs bootcheck for this config, and no watch is running',
    [
      'an instance that dies stays down, and an interrupted restart is not finished',
      `workerctl install cron --write --config ${shellWord(config)}`,
    ],
  );
}

const rare = durationOf(5 * 60_000);

function periodFinding(calls: readonly Call[], isWatched: boolean): Findings {
  const { line } = calls[0] ?? {};
  const lengths = calls.flatMap(({ line: { schedule } }) =>
    schedule.kind === 'times' ? [schedule.longest] : [],
  );
  const about = `cron (${line?.place ?? ''})`;
  const advice = 'run it every minute: * * * * *';
  if (lengths.length === 0) {
    if (isWatched) return fine(about, 'bootcheck runs at boot; a watch does the rest');
    return warning(about, 'bootcheck runs at boot only', [
      'an instance that dies later stays down',
      advice,
    ]);
  }
  const length = durationOf(Math.min(...lengths));
  const found = `bootcheck runs every ${formatDuration(length)}`;
  if (length <= rare || isWatched) return fine(about, found);
  return warning(about, `${found}, at the longest`, [
    'an instance that dies stays down until then',
    advice,
  ]);
}

const noDaemon = ([call]: readonly Call[]): Findings =>
  warning(`cron (${call?.line.place ?? ''})`, 'no process named cron or crond is visible', [
    'without one the line does not run',
    'start cron; in a container run workerctl watch instead',
  ]);

/** What cron would not find when it runs a line. */
function lineFinding(call: Call, ours: string): Findings {
  const { line, from, config } = call;
  const about = `cron (${line.place})`;
  const why = `bootcheck does not run from it: ${withoutSecrets(line.command)}`;
  if (line.endsInReturn === true)
    return problem(about, 'its lines end as on Windows, and cron passes the carriage return on', [
      why,
      line.place === ownCrontab
        ? "crontab -l | tr -d '\\r' | crontab -"
        : `sed -i 's/\\r$//' ${line.place}`,
    ]);
  const missing = missingIn(call);
  if (missing !== undefined) {
    return problem(about, missing, [
      why,
      `workerctl install cron --write --config ${shellWord(ours)} writes a line with absolute paths; remove this one`,
    ]);
  }
  if (isThere(config)) return [];
  const what = config === undefined ? `finds no config from ${from}` : `${config} does not exist`;
  return problem(about, what, [why, 'name it in the line with --config FILE']);
}

function missingIn({ program, script, path, from, hasOwnPath }: Call): string | undefined {
  const notFound = (word: string): string =>
    word.includes('/')
      ? `${word} does not exist or is not executable`
      : `${word} is not found in PATH=${path}`;
  if (hasOwnPath && !program.includes('/')) return undefined;
  const file = programAt(program, path, from);
  if (file === undefined) return notFound(program);
  const isNode = /^node/.test(basename(program));
  // node takes a script by its path; programs that run others (flock, nice) look in PATH.
  const word = isNode && script?.includes('/') === false ? `./${script}` : script;
  const own = word === undefined ? file : programAt(word, path, from);
  if (own === undefined && hasOwnPath && word?.includes('/') !== true) return undefined;
  if (own === undefined) return notFound(script ?? program);
  const interpreter = isNode ? undefined : interpretersOf(own).at(-1);
  return interpreter === undefined || hasOwnPath || programAt(interpreter, path, from) !== undefined
    ? undefined
    : `${own} needs ${notFound(interpreter)}`;
}
