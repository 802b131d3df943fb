import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { shellWord } from '../../core/basics/shell-word.ts';
import { readOrEmpty } from './read-or-empty.ts';
import { linkStatsOf } from './stats-of.ts';
import { groupName, isPrivateGroup, userName } from './users.ts';

/** A directory, link or file on the way to a file, links resolved. */
export interface PathPart {
  readonly path: string;
  readonly stats: Stats;
}

/** What lets others decide what a path leads to, or what is in it. */
export interface Untrusted extends PathPart {
  /** Its owner, the members of its group, or all users. */
  readonly who: 'owner' | 'group' | 'everyone';
}

/** As many as the kernel follows. */
const mostLinks = 40;

/**
 * Everything that decides what an absolute path leads to, from `/` down: each directory, each link, and the file itself. It
 * ends at the first that is missing or cannot be looked at: then opening the path fails, too.
 */
export function* partsOf(path: string): Generator<PathPart> {
  const ahead = path.split('/').reverse();
  let at = '/';
  let links = 0;
  yield { path: at, stats: lstatSync(at) };
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const next = at === '/' ? `/${name}` : `${at}/${name}`;
    const stats = linkStatsOf(next);
    if (stats === undefined) return;
    yield { path: next, stats };
    if (!stats.isSymbolicLink()) {
      at = next;
      continue;
    }
    links += 1;
    if (links > mostLinks) return;
    const target = readlinkSync(next);
    if (target.startsWith('/')) at = '/';
    ahead.push(...target.split('/').reverse());
  }
}

const caller = (): number => process.geteuid?.() ?? 0;

/** The owners of what `--trust-config` has led to. This command trusts them in all. */
const vouched = new Set<number>();

/** Trusts all who own a part of this path from now on. */
export function vouchFor(path: string): void {
  for (const { stats } of partsOf(path)) vouched.add(stats.uid);
}

/** The users who decide what the caller runs: the caller, root, and the one who called sudo if the caller is root. */
export function trustedUsers(): ReadonlySet<number> {
  const { SUDO_UID: sudoer = '' } = process.env;
  const isSudo = caller() === 0 && /^\d{1,10}$/.test(sudoer);
  return new Set([0, caller(), ...(isSudo ? [Number(sudoer)] : []), ...vouched]);
}

/**
 * The first part of a path that others can change; undefined if there is none. Other than `users`, no user may own or write the
 * file and the directories on its way. Sticky directories are excepted, because only owners rename there, and groups that
 * have no other member.
 * @param isAnyOwner owners do not matter, only what they let others write
 */
export function untrustedPart(
  path: string,
  users: ReadonlySet<number>,
  isAnyOwner = false,
): Untrusted | undefined {
  for (const part of partsOf(path)) {
    const who = untrusted(part, users, isAnyOwner);
    if (who !== undefined) return { ...part, who };
  }
  return undefined;
}

/**
 * A link on the way of a path that others can turn to another file, in words; undefined if there is none. A link is followed if
 * it and its directory belong to trusted users.
 */
export function linkProblem(path: string): string | undefined {
  const users = trustedUsers();
  for (const part of partsOf(path)) {
    const { stats } = part;
    if (!stats.isSymbolicLink()) continue;
    const above = linkStatsOf(dirname(part.path));
    const owner = [stats, above].find((one) => one !== undefined && !users.has(one.uid));
    if (owner === undefined || isOfOutside(owner)) continue;
    const whose = owner === stats ? 'it' : 'its directory';
    return `is reached by the link ${part.path}, and ${whose} belongs to ${userName(owner.uid)}; put a file or directory of your own there`;
  }
  return undefined;
}

/** What lets others than its owner write a file that a trusted config names, in words; undefined: nothing. */
export function openToOthers(path: string): string | undefined {
  const part = vouched.size > 0 ? undefined : untrustedPart(path, trustedUsers(), true);
  if (part === undefined) return undefined;
  const { who, stats } = part;
  const [whose, right] =
    who === 'group' ? [`group ${groupName(stats.gid)}`, 'g-w'] : ['every user', 'o-w'];
  return `${whose} can write ${part.path === path ? 'it' : `to ${part.path}`}: chmod ${right} ${shellWord(part.path)}`;
}

function untrusted(
  { stats }: PathPart,
  users: ReadonlySet<number>,
  isAnyOwner: boolean,
): Untrusted['who'] | undefined {
  const { uid, gid, mode } = stats;
  if (!isAnyOwner && !users.has(uid) && !isOfOutside(stats)) return 'owner';
  if (stats.isSymbolicLink() || (stats.isDirectory() && (mode & 0o1000) !== 0)) return undefined;
  if ((mode & 0o002) !== 0) return 'everyone';
  if ((mode & 0o020) === 0) return undefined;
  return isPrivateGroup(gid, isAnyOwner ? new Set([...users, uid]) : users) ? undefined : 'group';
}

/** Whether it is a directory from outside our user namespace: in a container without root, `/` has no owner inside. */
const isOfOutside = (stats: Stats): boolean =>
  stats.isDirectory() &&
  stats.uid === Number(readOrEmpty('/proc/sys/kernel/overflowuid')) &&
  !/^\s*0\s+0\s+4294967295\s*$/.test(readOrEmpty('/proc/self/uid_map'));
