/** What a process belongs to, according to its control group. */
export type Unit =
  /** A login session: logind may end it with the login. */
  | { readonly kind: 'session'; readonly name: string }
  /** A service of the system, or of this user's own systemd. */
  | { readonly kind: 'service'; readonly name: string; readonly user?: number }
  /** Processes that something has put together, in the system or in this user's own systemd. */
  | { readonly kind: 'scope'; readonly name: string; readonly user?: number }
  /** A container, or nothing that systemd knows. */
  | { readonly kind: 'other'; readonly name: string };

/**
 * The path of the group that systemd keeps a process in, from `/proc/PID/cgroup`: in its own hierarchy if there is one
 * (version 1), otherwise in the unified one. Source: cgroups(7).
 */
export function groupPathIn(text: string): string {
  const lines = text.split('\n');
  const own = lines.find((line) => line.includes(':name=systemd:'))?.split(':name=systemd:')[1];
  const unified = lines.find((line) => line.startsWith('0::'))?.slice('0::'.length);
  return [own, unified].find((path) => path !== undefined && path !== '/') ?? '/';
}

/** The unit that a group's path names: the innermost service or scope. Source: systemd.slice(5), pam_systemd(8). */
export function unitOf(path: string): Unit {
  const parts = path.split('/');
  const at = parts.findLastIndex((part) => /\.(?:service|scope)$/.test(part));
  const name = parts[at];
  if (name === undefined) return { kind: 'other', name: path };
  if (/^session-.*\.scope$/.test(name)) return { kind: 'session', name };
  const manager = parts
    .slice(0, at)
    .flatMap((part) => /^user@(\d+)\.service$/.exec(part)?.[1] ?? []);
  const user = manager.at(-1);
  const kind = name.endsWith('.service') ? 'service' : 'scope';
  return { kind, name, ...(user !== undefined && { user: Number(user) }) };
}

/** The user in whose own systemd a unit is; undefined if it is none of a user's. */
export const userOf = (unit: Unit): number | undefined => ('user' in unit ? unit.user : undefined);

/** The name of the unit that a group's path names, for people; undefined if systemd keeps it in none. */
export function unitName(path: string): string | undefined {
  const unit = unitOf(path);
  if (unit.kind === 'other') return undefined;
  const user = userOf(unit);
  return user === undefined ? unit.name : `${unit.name} of user ${user}`;
}

/** The program of a CI runner that a group's path names; undefined if it names none. */
export const runnerIn = (path: string): string | undefined =>
  /actions[.-]runner|gitlab-runner|jenkins|buildkite|teamcity|bamboo|woodpecker|drone-runner|forgejo-runner|act_runner|vsts\.agent/i.exec(
    path,
  )?.[0];
