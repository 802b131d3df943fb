import type { Socket } from 'node:net';
import type { LineHandler } from '../../core/protocols/admin-protocol.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { monotonicMs } from '../process/clock.ts';
import { converse, type Connection, type ConnectionLimits } from './line-connection.ts';

/** What one client, or all of them, may cost. */
export interface LineServerLimits extends ConnectionLimits {
  /** How many clients there may be on the Unix socket, and as many again on TCP: neither can lock out the other. */
  readonly clients: number;
  /** If there are too many clients, one that has sent no line for this long makes room for another one. */
  readonly quiet: Duration;
  /** The same for one that has sent no line at all. */
  readonly unheard: Duration;
}

export const usualLimits: LineServerLimits = {
  lineBytes: 4 * 1024,
  waitingBytes: 1024 * 1024,
  stall: durationOf(120_000),
  clients: 256,
  quiet: durationOf(30_000),
  unheard: durationOf(1_000),
};

/** The clients of one port or socket. */
export interface LineClients {
  readonly accept: (socket: Socket) => void;
  /** Ends all connections after the replies that are under way. */
  readonly end: () => void;
  readonly destroy: () => void;
}

/** How long a client that is refused has to read why. */
const farewellMs = 1_000;

/** Too many clients are refused, unless some of them are slow: the slowest one then makes room. */
export function createLineClients(handle: LineHandler, limits: LineServerLimits): LineClients {
  const clients = new Map<Socket, Connection>();
  const refused = new Set<Socket>();
  const refuse = (socket: Socket, connection: Connection): void => {
    clients.delete(socket);
    // Those that are being refused are bounded, too.
    if (refused.size >= limits.clients) {
      socket.destroy();
      return;
    }
    refused.add(socket);
    connection.refuse('too many clients');
    const timer = setTimeout(() => socket.destroy(), farewellMs);
    socket.once('close', () => {
      clearTimeout(timer);
      refused.delete(socket);
    });
  };
  return {
    accept: (socket) => {
      const connection = converse(socket, handle, limits);
      if (clients.size < limits.clients) clients.set(socket, connection);
      else {
        const slowest = slowestOf(clients, limits);
        refuse(...(slowest ?? ([socket, connection] as const)));
        if (slowest !== undefined) clients.set(socket, connection);
      }
      socket.once('close', () => clients.delete(socket));
    },
    end: () => {
      for (const connection of clients.values()) connection.end();
    },
    destroy: () => {
      for (const socket of [...clients.keys(), ...refused]) socket.destroy();
    },
  };
}

/** Of those that may be disconnected, one that has sent nothing at all, else the one that has been quiet for the longest. */
function slowestOf(
  clients: ReadonlyMap<Socket, Connection>,
  { quiet, unheard }: LineServerLimits,
): readonly [Socket, Connection] | undefined {
  const now = monotonicMs();
  const slow = [...clients].flatMap((client) => {
    const { lines, lastMs } = client[1].activity();
    const isNew = lines === 0;
    return now - lastMs < (isNew ? unheard : quiet) ? [] : [{ client, isNew, lastMs }];
  });
  const unheardFirst = slow.some(({ isNew }) => isNew) ? slow.filter(({ isNew }) => isNew) : slow;
  return unheardFirst.toSorted((one, other) => one.lastMs - other.lastMs)[0]?.client;
}
