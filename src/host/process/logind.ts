import { propertiesIn, unansweredBecause, type Ask } from './ask-program.ts';

/** What logind does with the processes of a user. */
export interface LoginRule {
  /** Whether it ends the processes of a login with it (`KillUserProcesses`). Undefined: it cannot be asked. */
  readonly kills: boolean | undefined;
  /** Whether the user's own systemd outlives the logins. Undefined: it cannot be asked. */
  readonly lingers: boolean | undefined;
  /** Why it cannot be asked. */
  readonly problem: string;
}

/** Source: org.freedesktop.login1(5). It knows only users who are logged in or linger. */
export async function loginRule(ask: Ask, user: string): Promise<LoginRule> {
  const [manager, account] = await Promise.all([
    ask('loginctl', ['show-user', '-p', 'KillUserProcesses']),
    ask('loginctl', ['show-user', user, '-p', 'Linger']),
  ]);
  const { KillUserProcesses: kills } = propertiesIn(manager);
  const { Linger: lingers } = propertiesIn(account);
  const unanswered = flag(kills) === undefined ? manager : account;
  return { kills: flag(kills), lingers: flag(lingers), problem: unansweredBecause(unanswered) };
}

const flag = (value = ''): boolean | undefined =>
  /^(?:yes|no)$/.test(value) ? value === 'yes' : undefined;
