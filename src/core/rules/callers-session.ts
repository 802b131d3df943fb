import { runnerIn, unitOf, userOf } from '../protocols/cgroup.ts';

/** What is known of the login or CI job that a command runs in. */
export interface CallersSession {
  /** The path of the command's control group. */
  readonly group: string;
  readonly isRoot: boolean;
  readonly user: string;
  /** Whether the user's own systemd outlives the logins. Undefined: unknown. */
  readonly lingers: boolean | undefined;
  /** Whether logind ends the processes of a login with it (`KillUserProcesses`). Undefined: unknown. */
  readonly kills: boolean | undefined;
}

/** Where the workers that a command starts should live. */
export type Home =
  /** Where the command is. */
  | { readonly kind: 'here' }
  /** In a scope of the system, or of the user's own systemd. `otherwise` is what to say if that cannot be had. */
  | { readonly kind: 'scope'; readonly of: 'system' | 'user'; readonly otherwise?: string }
  /** Only here, and that may end them. */
  | { readonly kind: 'doomed'; readonly problem: string };

/** Whether a command runs in a login, a user's own systemd or a CI job, so that its workers might end with that. */
export const mayEndWorkers = (group: string): boolean =>
  unitOf(group).kind === 'session' || isOfUser(group) || runnerIn(group) !== undefined;

const isOfUser = (group: string): boolean => userOf(unitOf(group)) !== undefined;

/**
 * Where workers outlive the login or CI job that starts them. Source: systemd-logind's logind.conf(5) (KillUserProcesses
 * ends scopes of sessions even with lingering), loginctl(1) (enable-linger), user@.service(5).
 */
export function homeOf({ group, isRoot, user, lingers, kills }: CallersSession): Home {
  if (!mayEndWorkers(group) || (isOfUser(group) && lingers !== false)) return { kind: 'here' };
  const problem = endOf(group, kills);
  const otherwise = problem === undefined ? {} : { otherwise: problem };
  if (isRoot && !isOfUser(group)) return { kind: 'scope', of: 'system', ...otherwise };
  if (lingers === true) return { kind: 'scope', of: 'user', ...otherwise };
  if (problem === undefined) return { kind: 'here' };
  return { kind: 'doomed', problem: `${problem}; to keep them: loginctl enable-linger ${user}` };
}

/** How the workers would end; undefined if they would not. */
function endOf(group: string, kills: boolean | undefined): string | undefined {
  const { kind, name } = unitOf(group);
  if (isOfUser(group))
    return `the workers belong to ${name} of the user's own systemd, and are killed with it at the last logout`;
  if (kind !== 'session')
    return `the workers belong to ${name}, the unit of a CI runner: they may end with it`;
  if (kills === false) return undefined;
  const why = kills === true ? 'KillUserProcesses=yes' : 'if KillUserProcesses=yes';
  return `the workers belong to this login (${name}) and are killed when it ends (${why})`;
}
