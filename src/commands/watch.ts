import { defineCommand, type Arguments, type GlobalOptions } from '../cli/command.ts';
import { configToActOn, reachableConfig } from '../cli/config.ts';
import { contextFor } from '../cli/context.ts';
import { expecting, flag, value } from '../cli/options.ts';
import { printError } from '../cli/print.ts';
import { tokenOption } from '../cli/token-option.ts';
import { colours } from '../cli/colours.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { durationOf } from '../core/basics/time.ts';
import type { Event } from '../core/events/event.ts';
import {
  controlAddress,
  metricsAddress,
  pageAddress,
  parseTcpAddress,
} from '../core/protocols/tcp-address.ts';
import { createReleaseReader } from '../engine/observe/release-reader.ts';
import { unasked } from '../engine/observe/unasked.ts';
import { journaled, type Context } from '../engine/session.ts';
import { createDayCounter } from '../engine/watch/day-counter.ts';
import { endAll } from '../engine/watch/end-all.ts';
import { openNotifyListener } from '../engine/watch/notify-listener.ts';
import { tickMs } from '../engine/watch/intervals.ts';
import { problemWords } from '../engine/watch/trouble.ts';
import { watch } from '../engine/watch/watch.ts';
import { configKeyOf, keyOnceWritten, newConfigKey } from '../engine/wait/follow-config.ts';
import { openJournal } from '../host/journal/write.ts';
import { now } from '../host/process/clock.ts';
import { mountProblem } from '../host/process/mount-problem.ts';
import { createSystemdReports, feedSystemdWatchdog } from '../host/sockets/systemd.ts';
import { createSilenceTracker } from '../host/state/silence.ts';
import { describeDrains } from '../output/drains.ts';
import { formatWatchLine, isShownByWatch } from '../output/event-line.ts';
import { eventLine, resultLine } from '../output/json/stream.ts';
import { createControlBackend, type ControlBackend } from './watch/control-backend.ts';
import { controlPath, openControl, openMetrics, openPage, type Closable } from './watch/listen.ts';
import { createOutput, type Output } from './watch/relay.ts';
import { tellSystemd } from './watch/tell-systemd.ts';

const address = expecting(`an address like ${controlAddress}`, parseTcpAddress);

const options = {
  stopOnExit: flag('on SIGTERM, stop all workers, wait for them, then exit (containers)'),
  logs: flag('also print the lines of the workers, with their names, as logs -f does (containers)'),
  listen: value(
    'ADDR',
    `also accept control commands on TCP (${controlAddress}); there is no password`,
    address,
  ),
  metricsListen: value('ADDR', `serve metrics for Prometheus (${metricsAddress})`, address),
  http: value(
    'ADDR',
    `serve a page, JSON and metrics (${pageAddress}), see workerctl page`,
    address,
  ),
  httpToken: tokenOption,
  listenUnsafe: flag('allow --listen and --metrics-listen on addresses that other hosts can reach'),
};

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
    ['workerctl watch --stop-on-exit --logs', 'as the main process of a container'],
  ],
  exitCodes: {
    done: 'ended',
    state: 'the state directory or the trigger cannot be used',
    locked: 'another watch is running',
  },
  run: runWatch,
});

async function runWatch(args: Arguments<typeof options>): Promise<number> {
  const output = createOutput();
  try {
    return await watchAndPrint(args, output);
  } finally {
    await output.close();
  }
}

/** Runs the watch until a signal ends it. */
async function watchAndPrint(args: Arguments<typeof options>, output: Output): Promise<number> {
  const { global, listen: tcp, metricsListen, http, httpToken, listenUnsafe: isUnsafe } = args;
  if (httpToken !== undefined && http === undefined)
    throw new WorkerctlError('usage', '--http-token: expected --http ADDR with it, found none');
  const ended = new AbortController();
  const painted = await colours();
  const report = (event: Event): void => {
    control.note(event);
    tellSystemd(event);
    if (!isShownByWatch(event)) return;
    if (global.json) output.print(eventLine(event));
    else output.printPainted(formatWatchLine(event, painted));
  };
  const read = (): Promise<Context> => readContext(global, ended.signal, report);
  let configKey = configKeyOf(await reachableConfig(global));
  const first = await read();
  let context = journaled(first, openJournal(first.config.stateDir));
  const current = (): Context => context;
  const control: ControlBackend = createControlBackend(current, VERSION, () => {
    ended.abort();
    return `workerctl watch is ending; the workers ${args.stopOnExit ? 'are stopped before, each after its job' : 'keep running'}`;
  });
  const day = createDayCounter(() => current().config);
  const systemd = createSystemdReports();
  let wake: () => void = () => undefined;
  const reload = async (): Promise<void> => {
    const { path } = current().config;
    await mountProblem(() => [path]);
    configKey = configKeyOf(path);
    await systemd.reloading();
    try {
      context = renewed(context, await read());
      context.report({ kind: 'config_reloaded', at: now(), instance: 'watch' });
      await systemd.reloaded('');
      wake();
    } catch (error) {
      if ((await keyOnceWritten(current().config.path, configKey)) !== undefined) return reload();
      const problem = error instanceof WorkerctlError ? error.message : problemWords(error);
      context.report({ kind: 'config_rejected', at: now(), instance: 'watch', problem });
      await systemd.reloaded(`the new config is refused: ${problem}`);
    }
  };
  const refresh = async (): Promise<void> => {
    const key = await newConfigKey(current().config.path, configKey);
    if (key !== undefined && key !== configKey) await reload(); // SIGHUP may have done it meanwhile
  };
  let describeEnd = (): void => undefined;
  let stopFeeding = (): void => undefined;
  const end = (): void => {
    if (ended.signal.aborted) describeEnd(); // a second signal: say what is still draining
    ended.abort();
  };
  // A bug outside of the looks, which report theirs: the watch ends in order.
  const bugs: unknown[] = [];
  process.on('uncaughtException', (error) => {
    bugs.push(error);
    ended.abort();
  });
  process.on('SIGHUP', () => void reload());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  const open: Closable[] = [];
  let hasBegun = false;
  const run = (): Promise<void> =>
    watch({
      context: current,
      refresh,
      mustStay: args.stopOnExit,
      onWake: (ring) => (wake = ring),
      signal: ended.signal,
      seen: (observation) => {
        control.see(observation);
        day.see(observation);
      },
      acted: systemd.ready,
      begun: async () => {
        const server = await openControl(context, control, tcp, isUnsafe);
        open.push(server);
        if (metricsListen !== undefined)
          open.push(await openMetrics(current, control, metricsListen, isUnsafe));
        const page =
          http && (await openPage(current, control, day, { address: http, tokenFile: httpToken }));
        if (page !== undefined) open.push(page);
        const listener = await openNotifyListener(current, () => {
          wake();
        });
        if (listener !== undefined) open.push(listener);
        stopFeeding = feedSystemdWatchdog();
        if (args.logs) await output.relayLogs(context.config, global.json);
        if (!global.json)
          output.print(`workerctl watch: pid ${process.pid}, ${context.config.path}\n`);
        if (!global.json && page !== undefined) output.print(`the page: ${page.url}\n`);
        hasBegun = true;
        const path = controlPath(context.config.stateDir);
        return [{ path, renew: server.relisten }, ...(listener === undefined ? [] : [listener])];
      },
    });
  try {
    await run().catch((error: unknown) => {
      if (!args.stopOnExit || !hasBegun) throw error;
      bugs.push(error); // the workers are stopped first
    });
    await systemd.stopping();
    if (args.stopOnExit)
      await endAll(
        context,
        (describe) => (describeEnd = describe),
        ({ draining, unasked }) => {
          printError(describeDrains(draining, unasked, now()));
        },
      );
  } finally {
    ended.abort(); // also if the start failed: waiting for files would keep this process alive
    stopFeeding();
    for (const one of open) await one.close();
    context.probe.dispose();
    await context.hooks.settled();
    context.silence.save();
    context.memory.save();
    day.save();
  }
  for (const bug of bugs) throw bug;
  const { code } = exitCodes.done;
  if (global.json) output.print(resultLine({ command: 'watch', exitCode: code }));
  return code;
}

async function readContext(
  global: GlobalOptions,
  signal: AbortSignal,
  report: Context['report'],
): Promise<Context> {
  const config = await configToActOn(global);
  return unasked(
    contextFor(config, {
      command: 'watch',
      signal,
      silence: createSilenceTracker(config.stateDir, { tick: tickMs }),
      releases: createReleaseReader(config),
      report,
      progress: { first: durationOf(Infinity), every: durationOf(Infinity), show: () => undefined },
    }),
  );
}

/**
 * The context with a new config: the watch keeps what it knows about processes.
 * @throws WorkerctlError `config` if the state directory has changed: lock, trigger and workers are in the old one
 */
function renewed(
  { config, probe, silence, memory, hooks, report }: Context,
  next: Context,
): Context {
  if (next.config.stateDir === config.stateDir)
    return { ...next, probe, silence, memory, hooks, report };
  throw new WorkerctlError(
    'config',
    `state_dir: expected ${config.stateDir}, found ${next.config.stateDir}; a running watch cannot change it: restart the watch`,
  );
}
