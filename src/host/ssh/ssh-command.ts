import { shellWord } from '../../core/basics/shell-word.ts';
import type { Fleet, FleetHost } from '../../core/model/fleet.ts';
import type { SharedConnections } from './shared-connections.ts';

/** A line for the shell of a host: workerctl with these words, each quoted. */
export const remoteLine = ({ workerctl, config }: FleetHost, words: readonly string[]): string =>
  [workerctl, ...words, ...(config === undefined ? [] : ['--config', config])]
    .map(shellWord)
    .join(' ');

/**
 * The words that run a line on a host. Nothing may ask for a password, a pty would end the command with the connection, and a
 * connection that is dead is noticed after a minute. A command or a forwarding of the user's ssh_config is for logins.
 */
export function sshCommand(
  { ssh, connectTimeout }: Pick<Fleet, 'ssh' | 'connectTimeout'>,
  { name, user }: FleetHost,
  line: string,
  shared: SharedConnections | undefined,
): readonly string[] {
  const options = [
    'BatchMode=yes',
    `ConnectTimeout=${Math.max(1, Math.ceil(connectTimeout / 1000))}`,
    'ServerAliveInterval=15',
    'ServerAliveCountMax=4',
    'ClearAllForwardings=yes',
    'RemoteCommand=none',
  ];
  const hasOwnFile = ssh.some((word) => word.startsWith('-F'));
  return [
    ...ssh,
    ...((hasOwnFile ? shared?.byOptions : shared?.byFile) ?? []),
    ...options.flatMap((option) => ['-o', option]),
    '-T',
    ...(user === undefined ? [] : ['-l', user]),
    '--',
    name,
    line,
  ];
}
