import { userOf } from '../../core/protocols/cgroup.ts';
import { readArguments } from '../../host/process/process-table.ts';
import { fine, problem, someOf, warning, type Findings } from '../../core/views/finding.ts';
import type { Answer } from '../../host/process/ask-program.ts';
import type { Examination, Members } from './examination.ts';
import { currentUser } from '../../host/worker/environment.ts';

/** Whether stopping a systemd service would kill the workers in it. */
export async function unitFindings(examination: Examination): Promise<Findings> {
  const services = examination.units.filter(({ unit }) => unit.kind === 'service');
  if (services.length === 0) return fine('systemd', 'no worker is in a systemd service');
  return Promise.all(services.map((members) => serviceFinding(examination, members)));
}

async function serviceFinding(
  { ask, watch }: Examination,
  { unit, names }: Members,
): Promise<Findings> {
  const { name } = unit;
  const about = `unit ${name}`;
  const members = `contains ${someOf(names)}`;
  const isOfUser = userOf(unit) !== undefined;
  const words = ['show', '-p', 'KillMode', '-p', 'TimeoutStopUSec', '-p', 'OOMPolicy', name];
  const answer = await ask('systemctl', isOfUser ? ['--user', ...words] : words);
  const properties = propertiesIn(answer);
  const { KillMode: mode = '', TimeoutStopUSec: timeout = '', OOMPolicy: policy } = properties;
  if (mode === '') {
    return warning(about, `${members}; its KillMode is unknown: ${problemOf(answer)}`, [
      'with KillMode=control-group, the default, stopping the unit kills the workers',
      `make sure that its KillMode is process: systemctl cat ${name}`,
    ]);
  }
  if ((mode === 'process' || mode === 'none') && policy === 'stop')
    return warning(about, `${members}; KillMode=${mode}, OOMPolicy=${policy}`, [
      'if one worker is killed because memory ran out, systemd ends the whole unit, and restarts it',
      `set OOMPolicy=continue in it: systemctl edit ${name}`,
    ]);
  if (mode === 'process' || mode === 'none') return fine(about, `${members}; KillMode=${mode}`);
  const endsAll = watch !== undefined && readArguments(watch.pid).includes('--stop-on-exit');
  if (mode === 'mixed' && endsAll && timeout === 'infinity')
    return fine(about, `${members}; KillMode=mixed, and systemd waits for watch --stop-on-exit`);
  return problem(about, `${members}; KillMode=${mode}, TimeoutStopSec ${timeout}`, [
    mode === 'mixed'
      ? `stopping the unit kills the workers after ${timeout} at the latest, in the middle of their jobs`
      : `stopping the unit sends SIGTERM to all workers and their children, and kills what is left after ${timeout}`,
    'set KillMode=process in the unit (systemctl edit), then systemctl daemon-reload',
  ]);
}

/** `Name=value`, a line each. */
export function propertiesIn(answer: Answer): Record<string, string> {
  if (answer.kind !== 'said' || answer.status !== 0) return {};
  const pairs = answer.text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf('=');
    return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()]];
  });
  return Object.fromEntries(pairs);
}

/** Why a program gave no answer. */
export function problemOf(answer: Answer): string {
  switch (answer.kind) {
    case 'absent':
      return 'the program is not installed';
    case 'failed':
      return answer.problem;
    case 'said':
      return answer.error.trim().split('\n')[0] || `exit status ${answer.status}`;
  }
}

/** Whether workers would be ended together with a login session. */
export async function loginFindings(examination: Examination): Promise<Findings> {
  const units = examination.units;
  const sessions = units.filter(({ unit }) => unit.kind === 'session');
  const ofUser = units.filter(({ unit }) => userOf(unit) !== undefined);
  if (sessions.length + ofUser.length === 0) return fine('logins', 'no worker depends on a login');
  const { ask } = examination;
  const user = currentUser().name;
  const [manager, account] = await Promise.all([
    ask('loginctl', ['show-user', '-p', 'KillUserProcesses']),
    ask('loginctl', ['show-user', user, '-p', 'Linger']),
  ]);
  const { KillUserProcesses: kills = '' } = propertiesIn(manager);
  const { Linger: linger = '' } = propertiesIn(account);
  return [
    sessions.map((members) => sessionFinding(members, kills, linger, problemOf(manager), user)),
    ofUser.map((members) => managerFinding(members, linger, problemOf(account), user)),
  ];
}

/** The scope of a session is ended even if lingering is on. Source: logind.conf(5), KillUserProcesses. */
function sessionFinding(
  { unit, names }: Members,
  kills: string,
  linger: string,
  cause: string,
  user: string,
): Findings {
  const about = `login ${unit.name}`;
  const members = `contains ${someOf(names)}`;
  if (kills === 'no')
    return fine(about, `${members}; KillUserProcesses=no: a logout does not end them`);
  if (kills === '') {
    return warning(about, `${members}; logind cannot be asked: ${cause}`, [
      'if KillUserProcesses=yes, they are killed at the logout',
      'see /etc/systemd/logind.conf',
    ]);
  }
  const first = linger === 'yes' ? '' : `loginctl enable-linger ${user}, then `;
  return problem(about, `${members}; KillUserProcesses=${kills}, Linger=${linger || 'unknown'}`, [
    'they are killed when this login ends, in the middle of their jobs',
    `${first}workerctl restart: it starts workers in a scope of their own; or run workerctl watch as a service`,
  ]);
}

/** The systemd of a user ends with the last login, unless lingering is on. Source: user@.service(5). */
function managerFinding(
  { unit, names }: Members,
  linger: string,
  cause: string,
  user: string,
): Findings {
  const about = `user unit ${unit.name}`;
  const members = `contains ${someOf(names)}`;
  if (linger === 'yes') return fine(about, `${members}; Linger=yes: it outlives the login`);
  const cost = [
    'the systemd of this user ends with the last logout, and all workers in it are killed',
    `loginctl enable-linger ${user}`,
  ] as const;
  if (linger === '') return warning(about, `${members}; logind cannot be asked: ${cause}`, cost);
  return problem(about, `${members}; Linger=${linger}`, cost);
}
