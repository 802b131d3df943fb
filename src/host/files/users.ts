import { readOrEmpty } from './read-or-empty.ts';

/** A line of passwd(5) or group(5): name, password, number, and what follows. */
export type Entry = readonly [name: string, password: string, id: string, ...rest: string[]];

/** The lines of a text that are entries. */
export const entriesIn = (text: string): Entry[] =>
  text
    .split('\n')
    .filter((line) => /^[^:]+:[^:]*:\d+:/.test(line))
    .map((line) => line.split(':') as unknown as Entry);

export const entriesOf = (file: string): Entry[] => entriesIn(readOrEmpty(file));

const nameIn = (file: string, id: number): string =>
  entriesOf(file).find(([, , found]) => found === String(id))?.[0] ?? `#${id}`;

/** A user by name, or as sudo(8) takes a number: `#1003`. */
export const userName = (id: number): string => nameIn('/etc/passwd', id);

/** A group by name, or by number: `#1003`. */
export const groupName = (id: number): string => nameIn('/etc/group', id);

/**
 * Whether this is the private group of one of these users (it has the user's name or number), and no others are in it.
 * Only the files in /etc are read: of a directory service, only the numbers of its groups are known.
 */
export function isPrivateGroup(group: number, users: ReadonlySet<number>): boolean {
  const accounts = entriesOf('/etc/passwd');
  const isOurs = ([, , id]: Entry): boolean => users.has(Number(id));
  const names = new Set(accounts.filter(isOurs).map(([name]) => name));
  const [name, , , members = ''] =
    entriesOf('/etc/group').find(([, , id]) => id === String(group)) ?? [];
  if (!users.has(group) && (name === undefined || !names.has(name))) return false;
  const isOthers = accounts.some((account) => account[3] === String(group) && !isOurs(account));
  return !isOthers && members.split(',').every((one) => one === '' || names.has(one));
}
