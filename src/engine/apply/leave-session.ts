import { existsSync } from 'node:fs';
import type { Config } from '../../core/model/config.ts';
import { homeOf, mayEndWorkers, type End } from '../../core/rules/callers-session.ts';
import { longestStop } from '../../core/rules/longest-stop.ts';
import { createAsk } from '../../host/process/ask-program.ts';
import { loginRule } from '../../host/process/logind.ts';
import { ownGroup } from '../../host/process/process-table.ts';
import { enterScope, type ScopeOrder } from '../../host/process/scope.ts';
import { hasWatch } from '../../host/sockets/pull-trigger.ts';
import { randomHex } from '../../host/files/crypto.ts';
import { currentUser } from '../../host/worker/environment.ts';
import { orderSlice, usualUnits } from '../../output/install/unit-text.ts';
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

/** The same for a process that must outlive the session also beside a watch, because it keeps what no watch knows. */
export const leaveSessionAtOnce = async (context: Leaver): Promise<boolean> =>
  !mayEndWorkers(ownGroup()) || leave(context);

type Leaver = Pick<Context, 'config' | 'command' | 'by' | 'report'>;

async function leave(context: Leaver): Promise<boolean> {
  const group = ownGroup();
  const uid = process.geteuid?.() ?? 0;
  const { name: user } = currentUser();
  const ask = createAsk(withRuntimeDirectory(process.env, uid));
  const home = homeOf({ group, isRoot: uid === 0, user, ...(await loginRule(ask, user)) });
  if (home.kind === 'here') return said(context, home.end);
  const { command, by, config } = context;
  const { of, otherwise } = home;
  const failure = await enterScope(ask, {
    of,
    name: `workerctl-${command}-${randomHex(4)}.scope`,
    description: `Workers that workerctl ${command} of ${by} has started`,
    ...scopeOrder(config, of),
  });
  if (failure === undefined) return true;
  const problem = `${otherwise.problem}; a scope of their own could not be made: ${failure}`;
  return said(context, { ...otherwise, problem });
}

/** When a shutdown ends a scope with workers. A user's systemd knows none of the system's units. */
export const scopeOrder = (
  config: Pick<Config, 'workers'>,
  of: 'system' | 'user' = process.geteuid?.() === 0 ? 'system' : 'user',
): ScopeOrder => ({
  before: orderSlice,
  after: of === 'system' ? usualUnits : [],
  stopLimit: longestStop(config),
});

function said(context: Leaver, end: End | undefined): boolean {
  if (end === undefined) return true;
  report(context, 'login', { kind: 'warning', problem: end.problem });
  return !end.isWithLogin;
}

/** sudo, su and CI jobs do not set it. */
function withRuntimeDirectory(env: NodeJS.ProcessEnv, uid: number): NodeJS.ProcessEnv {
  const directory = `/run/user/${uid}`;
  return existsSync(directory) ? { ...env, XDG_RUNTIME_DIR: directory } : env;
}
