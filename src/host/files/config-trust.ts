import { WorkerctlError } from '../../core/basics/error.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { ownCommand, ownCommandWith } from '../process/own-command.ts';
import { trustedUsers, untrustedPart, type Untrusted } from './trusted-path.ts';
import { groupName, userName } from './users.ts';

/** Which config it is, and how it was found. */
export interface ConfigFound {
  /** Absolute. */
  readonly path: string;
  /** By `--config` or the environment, rather than in a directory above. */
  readonly isNamed: boolean;
}

/**
 * What lets others decide what a config names; undefined if only the caller, root, and the caller of sudo do. A caller other
 * than root may also name the config of another user, as long as no further users can write it.
 */
export const distrustOf = ({ path, isNamed }: ConfigFound): Untrusted | undefined =>
  untrustedPart(path, trustedUsers(), isNamed && process.geteuid?.() !== 0);

/** What lets others decide, in words: `it belongs to deploy (mode 644), and you are root`. */
export function describeDistrust(config: string, { path, stats, who }: Untrusted): string {
  const mode = (stats.mode & 0o7777).toString(8);
  const kind = stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'file';
  const it = path === config ? 'it' : `the ${kind} ${path}`;
  const owner = userName(stats.uid);
  switch (who) {
    case 'owner':
      return `${it} belongs to ${owner} (mode ${mode}), and you are ${userName(process.geteuid?.() ?? 0)}`;
    case 'group':
      return `the group ${groupName(stats.gid)} can write ${path === config ? it : `to ${it}`} (of ${owner}, mode ${mode})`;
    case 'everyone':
      return `every user can write ${path === config ? it : `to ${it}`} (of ${owner}, mode ${mode})`;
  }
}

/** The error for a command that would run what a config names. */
export function untrustedConfig(config: string, distrust: Untrusted): WorkerctlError {
  const found = describeDistrust(config, distrust);
  return new WorkerctlError('config', `${config}: this config is not trusted: ${found}`, {
    hint: remedyOf(config, distrust),
  });
}

/** One line for each way out, with a command line to copy. */
export function remedyOf(config: string, { path, stats, who }: Untrusted): string {
  const owner = userName(stats.uid);
  const trust = ownCommandWith(['--trust-config', config]);
  const inTheirPlace = `sudo -u ${shellWord(owner)} ${ownCommand()}`;
  const close = `chmod ${who === 'group' ? 'g-w' : 'o-w'} ${shellWord(path)}`;
  return who === 'owner'
    ? `to run it as ${owner}: ${inTheirPlace}\nif you trust ${owner}: ${trust}`
    : `to keep others out: ${close}\nif you trust all who can write there: ${trust}`;
}
