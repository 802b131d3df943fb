import type { Account } from '../../core/model/account.ts';
import type { RunAs } from '../../core/model/config.ts';
import { entriesIn, entriesOf, type Entry } from '../files/users.ts';
import { monotonicMs } from './clock.ts';
import { childProcess, helperEnvironment } from './spawn.ts';

/** Why there is no such account, and which key says otherwise. */
export interface NoAccount {
  readonly key: 'user' | 'group';
  readonly found: string;
  readonly hint: string;
}

export const isAccount = (found: Account | NoAccount): found is Account => 'uid' in found;

/** For this long what the databases say is not asked for again, in milliseconds. */
const keptMs = 5_000;

const known = new Map<string, { readonly account: Account; readonly at: number }>();

/**
 * The account that these names mean on this host. Other than root's, its groups are not complete, because no other caller
 * can use them.
 */
export function accountOf({ user, group }: RunAs): Account | NoAccount {
  const key = JSON.stringify([user, group]);
  const kept = known.get(key);
  if (kept !== undefined && monotonicMs() - kept.at < keptMs) return kept.account;
  const account = lookUp(user, group);
  if (isAccount(account)) known.set(key, { account, at: monotonicMs() });
  return account;
}

function lookUp(user: string, group: string | undefined): Account | NoAccount {
  const entry = entryFor('passwd', user);
  const given = group === undefined ? undefined : groupId(group);
  if (given === null)
    return {
      key: 'group',
      found: `${String(group)}, and there is no such group`,
      hint: `groupadd ${String(group)}`,
    };
  if (entry !== undefined) {
    const [name, , uid, own = '0'] = entry;
    const groups = groupsOf(name, Number(own));
    return { name, uid: Number(uid), gid: given ?? Number(own), groups };
  }
  if (!isNumber(user))
    return { key: 'user', found: `${user}, and there is no such user`, hint: `useradd ${user}` };
  if (given === undefined)
    return {
      key: 'user',
      found: `${user}, which is not in the user database`,
      hint: 'name a group, too',
    };
  return { name: user, uid: Number(user), gid: given, groups: [] };
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text);

/** Null: there is no such group. A number needs no entry. */
function groupId(group: string): number | null {
  if (isNumber(group)) return Number(group);
  const entry = entryFor('group', group);
  return entry === undefined ? null : Number(entry[2]);
}

/** From the file, or else from a directory service. */
function entryFor(database: 'passwd' | 'group', name: string): Entry | undefined {
  const isIt = ([called, , id]: Entry): boolean => called === name || id === name;
  return entriesOf(`/etc/${database}`).find(isIt) ?? entriesIn(getent(database, name)).find(isIt);
}

/** Empty if there is no such entry, or no such program: busybox has none. */
function getent(database: string, name: string): string {
  const asked = childProcess().spawnSync('getent', [database, name], {
    env: helperEnvironment,
    encoding: 'utf8',
    timeout: 3_000,
  });
  return asked.error === undefined ? asked.stdout : '';
}

/** Of Node, but not of its types. */
interface Initgroups {
  readonly initgroups: (user: string, group: number) => void;
}

/** As initgroups(3) has them: only root can ask, because it means to have them for a moment. */
function groupsOf(name: string, gid: number): readonly number[] {
  if (process.geteuid?.() !== 0) return [gid];
  const own = process.getgroups?.() ?? [];
  const ownGroup = process.getegid?.() ?? 0;
  try {
    (process as unknown as Initgroups).initgroups(name, gid);
    process.setegid?.(gid); // Node adds the effective group to those of the kernel
    return process.getgroups?.() ?? [];
  } finally {
    process.setegid?.(ownGroup);
    process.setgroups?.(own);
  }
}
