import type { keyPlaces as KeyPlaces } from '../config/key-places.ts';
import type { ConfigProblem } from '../core/basics/config-problem.ts';
import { configError } from '../core/basics/config-error.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { shellWord } from '../core/basics/shell-word.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { trustedUsers, untrustedPart } from '../host/files/trusted-path.ts';
import { userName } from '../host/files/users.ts';
import { accountOf, isAccount } from '../host/process/account.ts';
import { ownCommand } from '../host/process/own-command.ts';

/** The users and groups of the config that this host does not know. */
export const unknownUsers = (
  { path, workers }: Config,
  placeOf: PlaceOf,
): readonly ConfigProblem[] =>
  workers.flatMap(({ name, runAs }) => {
    const account = runAs && accountOf(runAs);
    if (account === undefined || isAccount(account)) return [];
    const { key, ...mismatch } = account;
    const place = `workers.${name}.${key}`;
    return [{ file: path, ...placeOf(place), key: place, ...mismatch }];
  });

type PlaceOf = ReturnType<typeof KeyPlaces>;

/**
 * Makes sure that the caller may act on workers with a user of their own: root, or that very user if all of them are of that
 * user.
 * @throws WorkerctlError `config` if not, or if there is no such user; `state` if others could exchange the state directory
 */
export async function assertMayAct(config: Config): Promise<void> {
  const workers = config.workers.filter(({ runAs }) => runAs !== undefined);
  if (workers.length === 0) return;
  if (workers.some(({ runAs }) => runAs && !isAccount(accountOf(runAs)))) {
    const { keyPlaces } = await import('../config/key-places.ts');
    throw configError(unknownUsers(config, keyPlaces(config.path)));
  }
  if (process.geteuid?.() === 0) assertOwnStateDirectory(config);
  else for (const worker of workers) assertIsCaller(worker);
}

function assertIsCaller({ name, runAs }: Worker): void {
  const account = runAs && accountOf(runAs);
  if (account === undefined || !isAccount(account)) return;
  const uid = process.geteuid?.() ?? 0;
  if (account.uid === uid && account.gid === process.getegid?.()) return;
  const what =
    account.uid === uid
      ? `with the group ${String(runAs?.group)}, which is not your own`
      : `as ${account.name}, and you are ${userName(uid)}`;
  throw new WorkerctlError('config', `${name} runs ${what}: only root can start it`, {
    hint: `sudo ${ownCommand()}`,
  });
}

/** What is in it decides what root signals. */
function assertOwnStateDirectory({ stateDir }: Config): void {
  const part = untrustedPart(stateDir, trustedUsers());
  if (part === undefined) return;
  const { path, stats, who } = part;
  const whose =
    who === 'owner' ? `belongs to ${userName(stats.uid)}` : 'can be written by other users';
  throw new WorkerctlError(
    'state',
    `state directory ${stateDir}: ${path} ${whose}, who could exchange it for another one`,
    {
      hint: `set state_dir in the config to a directory of root, such as /var/lib/workerctl, or: chown root ${shellWord(path)}`,
    },
  );
}
