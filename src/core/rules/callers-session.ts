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
  /** Where the command is. With `end`: only there, although that may end them. */
  | { readonly kind: 'here'; readonly end?: End }
  /** In a scope of the system, or of the user's own systemd. `otherwise` is how they end if that cannot be had. */
  | { readonly kind: 'scope'; readonly of: 'system' | 'user'; readonly otherwise: End };

/** How workers end that stay where the command is. */
export interface End {
  readonly problem: string;
  /** With the login or CI job; otherwise only when the host shuts down. */
  readonly isWithLogin: boolean;
}

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
  const end = endOf(group, kills);
  if (isRoot && !isOfUser(group)) return { kind: 'scope', of: 'system', otherwise: end };
  if (lingers === true) return { kind: 'scope', of: 'user', otherwise: end };
  const remedy = end.isWithLogin
    ? `to keep them: loginctl enable-linger ${user}`
    : 'workerctl install systemd prints a unit that lets them finish their jobs';
  return { kind: 'here', end: { ...end, problem: `${end.problem}; ${remedy}` } };
}

function endOf(group: string, kills: boolean | undefined): End {
  const { kind, name } = unitOf(group);
  const withLogin = (problem: string): End => ({ problem, isWithLogin: true });
  if (isOfUser(group))
    return withLogin(
      `the workers belong to ${name} of the user's own systemd, and are killed with it at the last logout`,
    );
  if (kind !== 'session')
    return withLogin(
      `the workers belong to ${name}, the unit of a CI runner: they may end with it`,
    );
  const workers = `the workers belong to this login (${name})`;
  if (kills === false)
    return {
      problem: `${workers}: a logout does not end them, but a shutdown of the host kills them in the middle of jobs`,
      isWithLogin: false,
    };
  const why = kills === true ? 'KillUserProcesses=yes' : 'if KillUserProcesses=yes';
  return withLogin(`${workers} and are killed when it ends (${why})`);
}
