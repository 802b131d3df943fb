import { fine, problem, someOf, warning, type Finding } from '../../core/views/finding.ts';
import { currentUser } from '../../host/worker/environment.ts';
import type { Examination } from './examination.ts';
import { propertiesIn, unitsOf, whyNot, type Members } from './units.ts';

/** Whether the end of a login would end the workers. */
export async function loginFindings(examination: Examination): Promise<Finding[]> {
  const units = unitsOf(examination);
  const sessions = units.filter(({ unit }) => unit.kind === 'session');
  const ofUser = units.filter(({ unit }) => unit.kind === 'service' && unit.user !== undefined);
  if (sessions.length + ofUser.length === 0) return [fine('logins', 'no worker depends on one')];
  const { ask } = examination;
  const user = currentUser().name;
  const [manager, account] = await Promise.all([
    ask('loginctl', ['show-user', '-p', 'KillUserProcesses']),
    ask('loginctl', ['show-user', user, '-p', 'Linger']),
  ]);
  const { KillUserProcesses: kills = '' } = propertiesIn(manager);
  const { Linger: linger = '' } = propertiesIn(account);
  return [
    ...sessions.map((members) => sessionFinding(members, kills, linger, whyNot(manager), user)),
    ...ofUser.map((members) => managerFinding(members, linger, whyNot(account), user)),
  ];
}

/** Source: logind.conf(5), KillUserProcesses: the session's scope is ended even for a user who lingers. */
function sessionFinding(
  { unit, names }: Members,
  kills: string,
  linger: string,
  why: string,
  user: string,
): Finding {
  const about = `login ${unit.name}`;
  const who = `${someOf(names)} in it`;
  if (kills === 'no')
    return fine(about, `${who}; KillUserProcesses=no: a logout leaves them alone`);
  if (kills === '') {
    return warning(about, `${who}; logind cannot be asked: ${why}`, [
      'where KillUserProcesses=yes, they are killed at the logout',
      'see /etc/systemd/logind.conf',
    ]);
  }
  const first = linger === 'yes' ? '' : `loginctl enable-linger ${user}, then `;
  return problem(about, `${who}; KillUserProcesses=${kills}, Linger=${linger || 'unknown'}`, [
    'they are killed when this login ends, whatever job they do',
    `${first}start workers by cron, or by systemd-run --user --scope workerctl start; or set KillUserProcesses=no`,
  ]);
}

/** A user's own systemd ends with the last login, unless he lingers. Source: user@.service(5). */
function managerFinding(
  { unit, names }: Members,
  linger: string,
  why: string,
  user: string,
): Finding {
  const about = `user's unit ${unit.name}`;
  const who = `${someOf(names)} in it`;
  if (linger === 'yes') return fine(about, `${who}; Linger=yes: they outlive the login`);
  const cost = [
    'with the last logout the whole systemd of this user ends, and all workers in it',
    `loginctl enable-linger ${user}`,
  ] as const;
  if (linger === '') return warning(about, `${who}; logind cannot be asked: ${why}`, cost);
  return problem(about, `${who}; Linger=${linger}`, cost);
}
