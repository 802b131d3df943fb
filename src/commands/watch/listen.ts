import { adminHandler } from '../../core/protocols/admin-protocol.ts';
import type { TcpAddress } from '../../core/protocols/tcp-address.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import type { DayCounter } from '../../engine/watch/day-counter.ts';
import type { Context } from '../../engine/session.ts';
import { createLineServer, type LineServer } from '../../host/sockets/line-server.ts';
import { serveMetrics } from '../../host/sockets/metrics-server.ts';
import { readDropped } from '../../host/state/dropped-messages.ts';
import { seenDesired } from '../../host/state/desired-file.ts';
import { formatMetrics } from '../../output/metrics/prometheus.ts';
import { status } from '../../engine/observe/status.ts';
import type { PageRequest, PageServer } from '../page/serve.ts';
import type { ControlBackend } from './control-backend.ts';

/** Something that is closed when the watch ends. */
export interface Closable {
  readonly close: () => Promise<void>;
}

export const controlPath = (stateDir: string): string => `${stateDir}/control.sock`;

/** Opens the control socket, also on TCP if that is asked for. */
export const openControl = (
  { config }: Context,
  { admin }: ControlBackend,
  tcp: TcpAddress | undefined,
  isUnsafe: boolean,
): Promise<LineServer> =>
  createLineServer({
    path: controlPath(config.stateDir),
    handle: adminHandler(admin),
    ...(tcp !== undefined && { tcp: { ...tcp, isUnsafe } }),
  });

/** Serves the metrics of the moment in which they are asked for. */
export const openMetrics = (
  current: () => Context,
  control: ControlBackend,
  address: TcpAddress,
  isUnsafe: boolean,
): Promise<Closable> =>
  serveMetrics({
    ...address,
    isUnsafe,
    render: () => metricsOf(current(), control),
  });

async function metricsOf(context: Context, { counts, problem }: ControlBackend): Promise<string> {
  const { config, hostName, releases } = context;
  const inForce = withCounts(config, seenDesired(config.stateDir).desired);
  const scene = { config: inForce, hostName, ignoresPidfiles: true };
  const found = await status(scene, { targets: [], releases });
  const droppedMessages = readDropped(config.stateDir)?.count ?? 0;
  return formatMetrics(found, {
    config: config.path,
    events: counts(),
    droppedMessages,
    isImpaired: problem() !== undefined,
  });
}

/** Serves the page and what is beside it. */
export async function openPage(
  current: () => Context,
  control: ControlBackend,
  day: DayCounter,
  { address, tokenFile }: Pick<PageRequest, 'address' | 'tokenFile'>,
): Promise<PageServer> {
  const { servePage } = await import('../page/serve.ts');
  const host = {
    place: () => Promise.resolve(current()),
    problem: control.problem,
    day: day.counts,
    metrics: () => metricsOf(current(), control),
  };
  return servePage(host, { option: '--http', address, tokenFile });
}
