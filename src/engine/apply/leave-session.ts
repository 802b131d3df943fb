import { existsSync } from 'node:fs';
import { homeOf, mayEndWorkers, type CallersSession } from '../../core/rules/callers-session.ts';
import { createAsk, type Ask } from '../../host/process/ask-program.ts';
import { ownGroup } from '../../host/process/process-table.ts';
import { enterScope } from '../../host/process/scope.ts';
import { hasWatch } from '../../host/sockets/trigger.ts';
import { randomHex } from '../../host/files/crypto.ts';
import { currentUser } from '../../host/worker/environment.ts';
import { report, type Context } from '../session.ts';

/**
 * Leaves the login session or CI job of who runs the command, once and before it starts anything that must outlive that: a
 * logout would end it, and a shutdown ends logins first. What is not possible is reported, with what to do.
 * @returns false if what is started here ends with the login
 */
export async function leaveSession(context: Context): Promise<boolean> {
  const { startsOutside, config } = context;
  if (startsOutside === undefined || !mayEndWorkers(ownGroup())) return true;
  if (!startsOutside.hasWatchFailed && hasWatch(config.stateDir)) return true; // that starts them
  startsOutside.hasLeftSession ??= leave(context);
  return startsOutside.hasLeftSession;
}

async function leave(context: Context): Promise<boolean> {
  const group = ownGroup();
  const uid = process.geteuid?.() ?? 0;
  const { name: user } = currentUser();
  const ask = createAsk(withRuntimeDirectory(process.env, uid));
  const home = homeOf({ group, isRoot: uid === 0, user, ...(await ruleOf(ask, user)) });
  const problem = home.kind === 'doomed' ? home.problem : undefined;
  if (home.kind !== 'scope') return said(context, problem);
  const { command, by } = context;
  const failure = await enterScope(ask, {
    of: home.of,
    name: `workerctl-${command}-${randomHex(4)}.scope`,
    description: `Workers that workerctl ${command} of ${by} has started`,
  });
  if (failure === undefined || home.otherwise === undefined) return true;
  return said(context, `${home.otherwise}; a scope of their own could not be made: ${failure}`);
}

function said(context: Context, problem: string | undefined): boolean {
  if (problem !== undefined) report(context, 'login', { kind: 'warning', problem });
  return problem === undefined;
}

/** sudo, su and CI jobs do not set it. */
function withRuntimeDirectory(env: NodeJS.ProcessEnv, uid: number): NodeJS.ProcessEnv {
  const directory = `/run/user/${uid}`;
  return existsSync(directory) ? { ...env, XDG_RUNTIME_DIR: directory } : env;
}

/** What logind says. Source: org.freedesktop.login1(5). */
async function ruleOf(ask: Ask, user: string): Promise<Pick<CallersSession, 'lingers' | 'kills'>> {
  const [manager, account] = await Promise.all([
    ask('loginctl', ['show-user', '-p', 'KillUserProcesses']),
    ask('loginctl', ['show-user', user, '-p', 'Linger']),
  ]);
  const text = [manager, account].map((one) => (one.kind === 'said' ? one.text : '')).join('\n');
  const flag = (name: string): boolean | undefined => {
    const value = new RegExp(`^${name}=(yes|no)$`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : value === 'yes';
  };
  return { kills: flag('KillUserProcesses'), lingers: flag('Linger') };
}
