import { once } from 'node:events';
import { BlockList, isIP, type ListenOptions, type Server } from 'node:net';
import { WorkerctlError } from '../../core/basics/error.ts';
import { formatTcpAddress, type TcpAddress } from '../../core/protocols/tcp-address.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/** An address to listen on. Without `isUnsafe`, one that other hosts can reach is refused: there is no password. */
export interface TcpListen extends TcpAddress {
  readonly isUnsafe?: boolean;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only this host can reach an address. `localhost` is the only name: DNS decides what others mean. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const version = isIP(host);
  return version !== 0 && loopback.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Listens on a port. `localhost` is 127.0.0.1, whatever /etc/hosts says.
 * @param what the option that asks for it, with which a message begins
 * @throws WorkerctlError `usage` for an address that other hosts can reach, or that does not exist; `failed` if the port
 *   cannot be had
 */
export async function listenOnPort(
  server: Server,
  what: string,
  { host, port, isUnsafe = false }: TcpListen,
): Promise<void> {
  if (!isUnsafe && !isLoopback(host))
    throw new WorkerctlError(
      'usage',
      `${what}: expected an address of this host only (127.0.0.1, ::1, localhost), found ${JSON.stringify(host)}`,
      {
        hint: 'there is no password: use ssh -L, or add --listen-unsafe if other hosts may connect',
      },
    );
  try {
    await listening(server, { host: host === 'localhost' ? '127.0.0.1' : host, port });
  } catch (error) {
    throw cannotListen(what, { host, port }, error);
  }
}

function cannotListen(what: string, address: TcpAddress, cause: unknown): WorkerctlError {
  const isWrong = errnoOf(cause) === 'ERR_SOCKET_BAD_PORT';
  const [found, hint] =
    errnoOf(cause) === 'EADDRINUSE'
      ? ['another program that listens there', 'choose another port, or end that program']
      : [describeErrno(cause), 'choose an address of this host, and a port from 1024 to 65535'];
  return new WorkerctlError(
    isWrong ? 'usage' : 'failed',
    `${what}: expected to listen on ${formatTcpAddress(address)}, found ${found}`,
    { hint, cause },
  );
}

/** Resolves when a server listens. Afterwards one client that cannot be accepted (EMFILE) does not end it. */
export async function listening(server: Server, where: ListenOptions): Promise<void> {
  server.listen(where);
  await once(server, 'listening');
  server.on('error', () => undefined);
}
