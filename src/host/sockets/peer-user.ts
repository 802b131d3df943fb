import { isIPv4, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { readOrEmpty } from '../files/read-or-empty.ts';

/**
 * The user whose process is at the other end of a connection from this host; undefined if the kernel does not say.
 * Source: proc_pid_net(5): `sl local_address rem_address st tx:rx tr:tm retrnsmt uid`.
 */
export function peerUserOf({
  localAddress = '',
  localPort = 0,
  remoteAddress = '',
  remotePort = 0,
}: Socket): number | undefined {
  const table = isIPv4(remoteAddress) ? '/proc/net/tcp' : '/proc/net/tcp6';
  return userIn(readOrEmpty(table), {
    local: kernelAddress(remoteAddress, remotePort),
    remote: kernelAddress(localAddress, localPort),
  });
}

/** The user of the socket with these addresses in a table of the kernel. */
export function userIn(
  table: string,
  { local, remote }: { readonly local: string; readonly remote: string },
): number | undefined {
  for (const line of table.split('\n')) {
    const [, found, peer, , , , , uid] = line.trim().split(/\s+/);
    if (found === local && peer === remote && uid !== undefined) return Number(uid);
  }
  return undefined;
}

/** An address as the kernel prints it: words of 32 bits, in the order of bytes of this host. */
function kernelAddress(address: string, port: number): string {
  const words = isIPv4(address) ? [bytesOf(address)] : wordsOfIPv6(address);
  const ordered = endianness() === 'LE' ? words.map((bytes) => bytes.toReversed()) : words;
  const hex = ordered.flat().map(twoDigits).join('');
  return `${hex}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

const twoDigits = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');

const bytesOf = (address: string): number[] => address.split('.').map(Number);

/** Only `::1` and `::ffff:127.0.0.1` come from this host; others do not occur in the table. */
function wordsOfIPv6(address: string): number[][] {
  const zero = [0, 0, 0, 0];
  if (address === '::1') return [zero, zero, zero, [0, 0, 0, 1]];
  return [zero, zero, [0, 0, 0xff, 0xff], bytesOf(address.replace('::ffff:', ''))];
}
