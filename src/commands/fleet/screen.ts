import type { GlobalOptions } from '../../cli/command.ts';
import { colours } from '../../cli/colours.ts';
import { print, printPainted, terminalSize } from '../../cli/print.ts';
import { visibleInColour } from '../../core/basics/visible.ts';
import type { JsonObject } from '../../core/protocols/json-reader.ts';
import type { HostOutcome } from '../../core/rules/host-outcome.ts';
import { afterObject, fleetProgress, type HostProgress } from '../../core/views/host-progress.ts';
import type { ProgressView } from '../../core/views/phase.ts';
import { now } from '../../host/process/clock.ts';
import { formatHostEnd, formatHostEvent } from '../../output/fleet-lines.ts';
import { hostLine } from '../../output/json/fleet.ts';
import { formatSignOfLife } from '../../output/progress.ts';

/** Where the events of a command on many hosts are shown, and how far each of them is. */
export interface FleetScreen {
  readonly begun: (host: string) => void;
  readonly heard: (host: string, object: JsonObject) => void;
  /** Returns the outcome with what its events say about it. */
  readonly ended: (outcome: HostOutcome) => HostOutcome;
  /** Restores the terminal. */
  readonly end: () => void;
}

interface Shown {
  readonly line: (text: string) => void;
  readonly progress: (view: ProgressView) => void;
  readonly every: number;
  readonly end: () => void;
}

/** JSON lines if asked for; a live view of all hosts on a terminal; else plain lines with the progress every half minute. */
export async function openFleetScreen(
  command: ProgressView['command'] | undefined,
  hosts: readonly string[],
  { json }: GlobalOptions,
): Promise<FleetScreen> {
  const painted = await colours();
  const shown =
    json || command === undefined || terminalSize() === undefined ? plainly() : await live();
  const progress = new Map(
    hosts.map((host): [string, HostProgress] => [host, { host, instances: new Map() }]),
  );
  const begunAt = now();
  const update = (host: string, change: (before: HostProgress) => HostProgress): HostProgress => {
    const after = change(progress.get(host) ?? { host, instances: new Map() });
    progress.set(host, after);
    return after;
  };
  const draw = (): void => {
    if (command !== undefined && !json)
      shown.progress(fleetProgress(command, [...progress.values()], begunAt, now()));
  };
  const timer = setInterval(draw, shown.every);
  const width = Math.max(...hosts.map((host) => host.length));
  return {
    begun: (host) => {
      update(host, (before) => ({ ...before, begunAt: now() }));
    },
    heard: (host, object) => {
      update(host, (before) => afterObject(before, object));
      if (json) print(hostLine(host, object));
      else shown.line(formatHostEvent(host.padEnd(width), object, painted));
    },
    ended: (outcome) => {
      const { host, state } = outcome;
      const { error } = update(host, (before) => ({
        ...before,
        ended: { state, words: outcome.problem ?? before.error?.words ?? '' },
      }));
      const problem = state === 'done' ? outcome.problem : (outcome.problem ?? error?.words);
      const whole = { ...outcome, ...(problem !== undefined && { problem }) };
      if (!json) shown.line(formatHostEnd(host.padEnd(width), whole, now(), painted));
      return whole;
    },
    end: () => {
      clearInterval(timer);
      shown.end();
    },
  };
}

const plainly = (): Shown => ({
  line: printPainted,
  progress: (view) => {
    print(formatSignOfLife(view));
  },
  every: 30_000,
  end: () => undefined,
});

async function live(): Promise<Shown> {
  const { openLiveTerminal } = await import('../../cli/live-terminal.ts');
  const view = await openLiveTerminal();
  return {
    line: (text) => {
      if (text !== '') view.printAbove(visibleInColour(text));
    },
    progress: view.draw,
    every: 500,
    end: view.end,
  };
}
