import { lstatSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { errnoOf } from '../files/errno.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/** How long ssh keeps a connection that nothing uses, in seconds. */
const persistSeconds = 60;

/** The longest directory that leaves room for the 40 digits of %C and what ssh(1) appends. Source: unix(7), 108 bytes. */
const longestDirectory = 45;

/** The words by which connections to a host are shared. */
export interface SharedConnections {
  /** `-F FILE`: the user's own configuration first, ours for what that says nothing about. */
  readonly byFile: readonly string[];
  /** The same by options, which go before all configuration: if the user's words name a file of their own. */
  readonly byOptions: readonly string[];
}

/**
 * Where ssh keeps the sockets of connections that several commands share: a directory that only the caller can enter.
 * Undefined if there is none; then each command connects for itself.
 */
export function sharedConnections(env: NodeJS.ProcessEnv): SharedConnections | undefined {
  const folder = privateFolder(env['XDG_RUNTIME_DIR'] ?? '');
  if (folder === undefined) return undefined;
  const settings = [
    ['ControlMaster', 'auto'],
    ['ControlPersist', String(persistSeconds)],
    ['ControlPath', join(folder, '%C')],
  ] as const;
  const file = join(folder, 'ssh_config');
  const byOptions = settings.flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const text = [
    '# Written by workerctl. Your own configuration comes first; the rest holds where it says nothing.',
    `Include "${join(userInfo().homedir, '.ssh/config')}"`,
    'Include /etc/ssh/ssh_config',
    'Host *',
    ...settings.map(([key, value]) => `  ${key} ${value}`),
    '',
  ].join('\n');
  return { byFile: isWritten(file, text) ? ['-F', file] : byOptions, byOptions };
}

/** A full disk does not keep anybody from connecting. */
function isWritten(file: string, text: string): boolean {
  if (readOrEmpty(file) === text) return true;
  try {
    writeFileAtomically(file, text, { mode: 0o600 });
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

function privateFolder(runtime: string): string | undefined {
  const uid = process.geteuid?.() ?? 0;
  return [
    ...(isAbsolute(runtime) ? [join(runtime, 'workerctl')] : []),
    `/tmp/workerctl-ssh-${uid}`,
  ].find((folder) => folder.length <= longestDirectory && isPrivate(folder, uid));
}

/** Another user could have made it first, or be able to put a socket of their own into it. */
function isPrivate(folder: string, uid: number): boolean {
  try {
    makeDirectory(folder, 0o700);
    const stats = lstatSync(folder);
    return stats.isDirectory() && stats.uid === uid && (stats.mode & 0o077) === 0;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
