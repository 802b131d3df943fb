import type { Config, RunAs } from './config.ts';
import { workerNameOf } from './targets.ts';

/** What the config says about the rights of a worker's processes. */
export interface Rights {
  readonly runAs?: RunAs;
  readonly noNewPrivs?: boolean;
}

/** The user who owns nothing. */
const nobody: RunAs = { user: '65534', group: '65534' };

/**
 * The rights of an instance. Of one that is no longer in the config it is not known whose files it has: they are used as a
 * user who owns nothing if there are workers of other users.
 */
export function rightsIn({ workers }: Pick<Config, 'workers'>, instance: string): Rights {
  const name = workerNameOf(instance);
  const worker = workers.find((one) => one.name === name);
  if (worker !== undefined) return worker;
  return workers.some(({ runAs }) => runAs !== undefined) ? { runAs: nobody } : {};
}

/** A user as the kernel knows it: what a process becomes. */
export interface Account {
  /** Of the user; its number if it is not in the user database. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** All groups, as initgroups(3) has them. */
  readonly groups: readonly number[];
}

/** The words in front of a command that setpriv(1) runs with other rights; none if there is nothing to change. */
export function setprivWords(
  setpriv: string,
  account: Account | undefined,
  noNewPrivs: boolean,
): readonly string[] {
  if (account === undefined && !noNewPrivs) return [];
  return [
    setpriv,
    ...(account === undefined ? [] : identityWords(account)),
    ...(noNewPrivs ? ['--no-new-privs'] : []),
    '--',
  ];
}

const identityWords = ({ uid, gid, groups }: Account): string[] => [
  ...['--reuid', String(uid), '--regid', String(gid)],
  ...(groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')]),
];

/**
 * What a shell runs when it has become another user: it enters a directory if one is given, sets the variables that
 * `stagedVariables` has put aside, and becomes the command. `sh -c LANDING sh DIRECTORY COMMAND [WORD...]`.
 * Bash cannot set the variables that are left out there.
 */
export const landing = `[ -z "$1" ] || cd -- "$1" || exit 126
shift
for staged_name in $STAGED_NAMES; do
case "\${BASH_VERSION:+$staged_name}" in UID | EUID | PPID | SHELLOPTS | BASHOPTS | BASH_VERSINFO) continue ;; esac
eval "export $staged_name=\\"\\$STAGED_$staged_name\\""
unset "STAGED_$staged_name"
done
unset STAGED_NAMES staged_name
exec "$@"`;

/**
 * The environment of a program that is still root's: the variables of the user under other names, because LD_PRELOAD and
 * others of theirs must change nothing before the rights are given up.
 */
export function stagedVariables(
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const given = Object.entries(variables).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return {
    ...Object.fromEntries(given.map(([name, value]) => [`STAGED_${name}`, value])),
    STAGED_NAMES: given.map(([name]) => name).join(' '),
  };
}
