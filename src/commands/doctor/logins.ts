import {
  fine,
  problem,
  someOf,
  warning,
  type Finding,
  type Findings,
} from '../../core/views/finding.ts';
import { currentUser } from '../../host/worker/environment.ts';
import type { Examination } from './examination.ts';
import type { Members } from './find-units.ts';
import { problemOf, propertiesIn } from './units.ts';

/** Whether workers would be ended together with a login session. */
export async function loginFindings(examination: Examination): Promise<Findings> {
  const units = examination.units;
  const sessions = units.filter(({ unit }) => unit.kind === 'session');
  const ofUser = units.filter(({ unit }) => unit.kind === 'service' && unit.user !== undefined);
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
): Finding {
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
    `${first}start workers from cron, or with systemd-run --user --scope workerctl start; or set KillUserProcesses=no`,
  ]);
}

/** The systemd of a user ends with the last login, unless lingering is on. Source: user@.service(5). */
function managerFinding(
  { unit, names }: Members,
  linger: string,
  cause: string,
  user: string,
): Finding {
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
