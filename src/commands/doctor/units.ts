import { userOf, type Unit } from '../../core/protocols/cgroup.ts';
import { readArguments } from '../../host/process/process-table.ts';
import { hasSystemd } from '../../host/process/system-state.ts';
import { fine, problem, someOf, warning, type Findings } from '../../core/views/finding.ts';
import { propertiesIn, unansweredBecause } from '../../host/process/ask-program.ts';
import { loginRule, type LoginRule } from '../../host/process/logind.ts';
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
    return warning(about, `${members}; its KillMode is unknown: ${unansweredBecause(answer)}`, [
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

/** Whether workers would be ended together with a login session. */
export async function loginFindings(examination: Examination): Promise<Findings> {
  const units = examination.units;
  const sessions = units.filter(({ unit }) => unit.kind === 'session');
  const ofUser = units.filter(({ unit }) => userOf(unit) !== undefined);
  if (sessions.length + ofUser.length === 0) return fine('logins', 'no worker depends on a login');
  const user = currentUser().name;
  const rule = await loginRule(examination.ask, user);
  const canMove = unitOfWatch(units)?.kind === 'service' || rule.lingers === true;
  const move = canMove
    ? 'workerctl restart: it starts workers outside of logins'
    : `loginctl enable-linger ${user}, then workerctl restart: it starts workers in a scope of their own; or run workerctl watch as a service`;
  return [
    sessions.map((members) => sessionFinding(members, rule, move)),
    ofUser.map((members) => managerFinding(members, rule, user)),
  ];
}

/** The unit that the watch is in, if there is one. */
const unitOfWatch = (units: readonly Members[]): Unit | undefined =>
  units.find(({ names }) => names.includes('watch'))?.unit;

/** The scope of a session is ended even if lingering is on. Source: logind.conf(5), KillUserProcesses. */
function sessionFinding(
  { unit, names }: Members,
  { kills, lingers, problem: cause }: LoginRule,
  move: string,
): Findings {
  const about = `login ${unit.name}`;
  const members = `contains ${someOf(names)}`;
  if (kills === false)
    return warning(about, `${members}; KillUserProcesses=no: a logout does not end them`, [
      'when the host shuts down, systemd ends logins at once: they are killed in the middle of their jobs',
      move,
    ]);
  if (kills === undefined) {
    return warning(about, `${members}; logind cannot be asked: ${cause}`, [
      'if KillUserProcesses=yes, they are killed at the logout',
      'see /etc/systemd/logind.conf',
    ]);
  }
  return problem(about, `${members}; KillUserProcesses=yes, Linger=${inYesNo(lingers)}`, [
    'they are killed when this login ends, in the middle of their jobs',
    move,
  ]);
}

/** The systemd of a user ends with the last login, unless lingering is on. Source: user@.service(5). */
function managerFinding(
  { unit, names }: Members,
  { lingers, problem: cause }: LoginRule,
  user: string,
): Findings {
  const about = `user unit ${unit.name}`;
  const members = `contains ${someOf(names)}`;
  if (lingers === true) return fine(about, `${members}; Linger=yes: it outlives the login`);
  const cost = [
    'the systemd of this user ends with the last logout, and all workers in it are killed',
    `loginctl enable-linger ${user}`,
  ] as const;
  if (lingers === undefined)
    return warning(about, `${members}; logind cannot be asked: ${cause}`, cost);
  return problem(about, `${members}; Linger=no`, cost);
}

const inYesNo = (flag: boolean | undefined): string =>
  flag === undefined ? 'unknown' : flag ? 'yes' : 'no';

/** Whether workers may finish their jobs when the host shuts down. */
export async function shutdownFindings(
  { units, watch, ask }: Examination,
  isBooted = hasSystemd(),
): Promise<Findings> {
  if (!isBooted) return fine('shutdown', 'no systemd runs this host');
  const unit = unitOfWatch(units);
  if (watch !== undefined && unit?.kind === 'service') {
    if (readArguments(watch.pid).includes('--stop-on-exit'))
      return fine('shutdown', `${unit.name} lets the workers finish their jobs`);
    const words = ['show', '-p', 'ExecStop', unit.name];
    const answer = await ask(
      'systemctl',
      userOf(unit) === undefined ? words : ['--user', ...words],
    );
    if (propertiesIn(answer)['ExecStop']?.includes('--until-boot') === true)
      return fine('shutdown', `${unit.name} lets the workers finish their jobs`);
  }
  return warning('shutdown', 'nothing lets the workers finish their jobs', [
    'when the host shuts down, systemd sends SIGTERM to workers and their children, maybe after the database has ended, and kills what is left 90 s later',
    'workerctl install systemd prints a unit that prevents this',
  ]);
}
