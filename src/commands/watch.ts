import { hostname } from 'node:os';
import { createAdminDesk, type AdminDesk } from './watch/control-backend.ts';
import { status } from './status.ts';
import type { Context } from '../engine/session.ts';
import { createHookRunner } from '../engine/hooks/background.ts';
import { journaled } from '../engine/session.ts';
import { releaseFinder } from '../engine/observe/releases.ts';
import { openNotifyDesk } from '../engine/watch/notify-listener.ts';
import { recycling } from '../engine/observe/with-recycling.ts';
import { tickMs, watch } from '../engine/watch/watch.ts';
import { endAll } from '../engine/watch/end-all.ts';
import { adminHandler } from '../core/protocols/admin-protocol.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Event } from '../core/events/event.ts';
import { durationOf } from '../core/basics/time.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { now } from '../host/process/clock.ts';
import { currentUser } from '../host/worker/environment.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { openJournal } from '../host/journal/write.ts';
import { controlAddress, metricsAddress, parseTcpAddress } from '../core/protocols/tcp-address.ts';
import { createLineServer } from '../host/sockets/line-server.ts';
import { feedSystemdWatchdog, notifySystemd } from '../host/sockets/systemd.ts';
import { serveMetrics } from '../host/sockets/metrics-server.ts';
import { createMemoryTracker } from '../host/state/memory-samples.ts';
import { createReadinessProbe } from '../host/worker/readiness-probe.ts';
import { createSilenceTracker } from '../host/state/silence.ts';
import { describeDrains, formatEventLine, isToldByWatch } from '../output/text.ts';
import { eventLine } from '../output/json.ts';
import { formatMetrics } from '../output/metrics/prometheus.ts';
import { configToActOn } from '../cli/config.ts';
import { defineCommand, type Arguments, type GlobalOptions } from '../cli/command.ts';
import { expecting, flag, value } from '../cli/options.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { print, printError } from '../cli/print.ts';
import { colours } from '../cli/screen.ts';

const address = expecting(`an address like ${controlAddress}`, parseTcpAddress);

const options = {
  stopOnExit: flag('on SIGTERM, stop all workers, wait for them, then exit (containers)'),
  listen: value(
    'ADDR',
    `also accept control commands on TCP (${controlAddress}); there is no password`,
    address,
  ),
  metricsListen: value('ADDR', `serve metrics for Prometheus (${metricsAddress})`, address),
  listenUnsafe: flag('allow both on addresses that other hosts can reach'),
};

/** `workerctl watch`. */
export const command = defineCommand({
  summary: 'Keep running and do what bootcheck does, as soon as there is something to do.',
  operands: '',
  description: `
Workers do not depend on it: if it ends, they keep running. Cron's bootcheck may run beside it. It acts when
a process dies, when a time limit is over, when workerctl trigger is called, and every minute.

SIGHUP makes it read the config again; a broken one is refused. SIGTERM ends it.`,
  options,
  examples: [
    [`workerctl watch --metrics-listen ${metricsAddress}`],
    ['workerctl watch --stop-on-exit', 'as the main process of a container'],
  ],
  exitCodes: {
    done: 'ended',
    state: 'the state directory or the trigger cannot be used',
    locked: 'another watch is running',
  },
  run: runWatch,
});

/** Something that is to be closed at the end. */
interface Open {
  readonly close: () => Promise<void>;
}

/** Runs the resident half until a signal ends it. */
async function runWatch(args: Arguments<typeof options>): Promise<number> {
  const { global } = args;
  const painted = await colours();
  const ended = new AbortController();
  const tell = (event: Event): void => {
    desk.note(event);
    if (!isToldByWatch(event)) return;
    print(global.json ? eventLine(event) : formatEventLine(event, painted));
  };
  const begun = await recycling(await contextFor(global, ended.signal, tell));
  let context = journaled(begun, openJournal(begun.config.stateDir));
  // A release is called what it is called at the moment: a watch outlives many of them.
  const current = (): Context => ({
    ...context,
    releaseOf: releaseFinder(context.config, context.hostName),
  });
  const desk: AdminDesk = createAdminDesk(current, VERSION, () => {
    ended.abort();
  });
  let wake: () => void = () => undefined;
  const reload = async (): Promise<void> => {
    try {
      context = renewed(context, await recycling(await contextFor(global, ended.signal, tell)));
      context.report({ kind: 'config_read', at: now(), instance: 'watch' });
      wake();
    } catch (error) {
      if (!(error instanceof WorkerctlError)) throw error;
      const problem = error.message;
      context.report({ kind: 'config_refused', at: now(), instance: 'watch', problem });
    }
  };
  let tellDrains = (): void => undefined;
  let stopFeeding = (): void => undefined;
  const end = (): void => {
    if (ended.signal.aborted) tellDrains();
    ended.abort();
  };
  process.on('SIGHUP', () => void reload());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  const open: Open[] = [];
  try {
    await watch({
      context: current,
      onWake: (ring) => (wake = ring),
      signal: ended.signal,
      seen: desk.see,
      begun: async () => {
        await listen(open, args, current, desk);
        const heard = await openNotifyDesk(current, () => {
          wake();
        });
        if (heard !== undefined) open.push(heard);
        await notifySystemd('READY=1');
        stopFeeding = feedSystemdWatchdog();
        if (!global.json) print(`workerctl watch: pid ${process.pid}, ${context.config.path}\n`);
      },
    });
    if (args.stopOnExit) {
      await endAll(
        context,
        (ask) => (tellDrains = ask),
        ({ draining, unasked }) => {
          printError(describeDrains(draining, unasked, now()));
        },
      );
    }
  } finally {
    ended.abort(); // also when it could not begin: whoever waits for files would keep us here
    await notifySystemd('STOPPING=1');
    stopFeeding();
    for (const one of open) await one.close();
    context.probe.dispose();
    await context.hooks.settled();
    context.silence.save();
    context.memory.save();
  }
  return exitCodes.done.code;
}

/** The control socket, and what else is asked for. */
async function listen(
  open: Open[],
  { listen: tcp, metricsListen, listenUnsafe: isUnsafe }: Arguments<typeof options>,
  current: () => Context,
  desk: AdminDesk,
): Promise<void> {
  open.push(
    await createLineServer({
      path: `${current().config.stateDir}/control.sock`,
      handle: adminHandler(desk.backend),
      ...(tcp !== undefined && { tcp: { ...tcp, isUnsafe } }),
    }),
  );
  if (metricsListen === undefined) return;
  open.push(
    await serveMetrics({
      ...metricsListen,
      isUnsafe,
      render: async () => {
        const { config, hostName, releaseOf } = current();
        const inForce = withCounts(config, readDesired(config.stateDir));
        const scene = { config: inForce, hostName, ignoresPidfiles: true };
        const found = await status(scene, { targets: [], releaseOf });
        return formatMetrics(found, { config: config.path, events: desk.counts() });
      },
    }),
  );
}

/**
 * What a new config makes of the watch, which does not forget what it knows.
 * @throws WorkerctlError `config` when it has another state directory: lock, trigger and workers are in this one
 */
function renewed(
  { config, probe, silence, memory, hooks, report }: Context,
  next: Context,
): Context {
  if (next.config.stateDir === config.stateDir)
    return { ...next, probe, silence, memory, hooks, report };
  throw new WorkerctlError(
    'config',
    `state_dir: expected ${config.stateDir} while this watch runs, found ${next.config.stateDir}; end it and start it anew`,
  );
}

async function contextFor(
  global: GlobalOptions,
  signal: AbortSignal,
  report: (event: Event) => void,
): Promise<Context> {
  const config = await configToActOn(global);
  const hostName = hostname();
  return {
    config,
    hostName,
    by: `${currentUser().name}@${hostName}`,
    command: 'watch',
    signal,
    probe: createReadinessProbe(),
    silence: createSilenceTracker(config.stateDir, { tick: tickMs }),
    memory: createMemoryTracker(config.stateDir),
    hooks: createHookRunner(),
    releaseOf: releaseFinder(config, hostName),
    report,
    progress: neverShown,
  };
}

const neverShown: Context['progress'] = {
  first: durationOf(Infinity),
  every: durationOf(Infinity),
  show: () => undefined,
};
