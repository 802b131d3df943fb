import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { print, printControls, printError, printPainted } from '../../cli/print.ts';
import { visible, visibleInColour } from '../../core/basics/visible.ts';
import { configWords, type Config } from '../../core/model/config.ts';
import { sleep } from '../../host/process/clock.ts';
import { childProcess } from '../../host/process/spawn.ts';

/** The relay closes it when it reads the logs: what is written from then on is shown. */
export const readyFd = 3;

/** How long its start may take, and its end after the last line. */
const startMs = 5_000;
const endMs = 2_000;

/** A relay that was killed is started again after this long. */
const restartMs = 1_000;

/** What may wait for a reader of standard output, in bytes; more is dropped, and counted. */
const mostBytes = 1024 * 1024;

/** What a watch prints. Without a relay a reader that takes nothing stops the watch, as it does any command. */
export interface Output {
  readonly print: (text: string) => void;
  readonly printPainted: (text: string) => void;
  /** From now on a relay prints, beside the lines of the workers, whose logs it reads from their present ends on. */
  readonly relayLogs: (config: Config, json: boolean) => Promise<void>;
  /** Lets it print what is left, for a while. */
  readonly close: () => Promise<void>;
}

export function createOutput(): Output {
  let relay: Relay | undefined;
  return {
    print: (text) => {
      if (relay === undefined) print(text);
      else relay.give(visible(text));
    },
    printPainted: (text) => {
      if (relay === undefined) printPainted(text);
      else relay.give(visibleInColour(text));
    },
    relayLogs: async (config, json) => {
      relay = await startRelay(config, json);
    },
    close: async () => relay?.close(),
  };
}

interface Relay {
  readonly give: (text: string) => void;
  readonly close: () => Promise<void>;
}

async function startRelay(config: Config, json: boolean): Promise<Relay> {
  let child: ChildProcess | undefined;
  let isClosed = false;
  let dropped = 0;
  const run = async (): Promise<void> => {
    const current = spawnRelay(config, json);
    child = current;
    current.on('exit', (code, signal) => {
      child = undefined;
      if (isClosed || code === 0) return;
      const how = signal ?? `exit status ${String(code)}`;
      printError(`workerctl: what prints the logs has ended (${how}); it is started again\n`);
      setTimeout(() => {
        if (!isClosed) void run();
      }, restartMs).unref();
    });
    await hears(current.stdio[readyFd] as Socket, 'close', current, startMs);
  };
  await run();
  return {
    give: (text) => {
      const input = child?.stdin;
      if (input?.writable !== true) printControls(text);
      else if (input.writableLength > mostBytes) dropped += 1;
      else {
        const note = `workerctl: ${dropped} events are not shown: standard output was full; workerctl events\n`;
        if (dropped > 0 && !json) input.write(note);
        dropped = 0;
        input.write(text);
      }
    },
    close: async () => {
      isClosed = true;
      const current = child;
      if (current === undefined) return;
      current.stdin?.end();
      await hears(current, 'exit', current, endMs);
      current.kill('SIGKILL');
    },
  };
}

/** In a session of its own: Ctrl-C is for the watch, which then lets the workers write their last lines. */
function spawnRelay(config: Config, json: boolean): ChildProcess {
  const [, launcher = ''] = process.argv;
  const words = ['relay', ...configWords(config), ...(json ? ['--json'] : [])];
  const child = childProcess().spawn(process.execPath, [...process.execArgv, launcher, ...words], {
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit', 'pipe'],
  });
  child.on('error', () => undefined); // its exit is not told then; it has no input
  child.stdin?.on('error', () => undefined); // it has ended
  (child.stdio[readyFd] as Socket).on('error', () => undefined).resume();
  child.unref();
  (child.stdin as Socket).unref();
  (child.stdio[readyFd] as Socket).unref();
  return child;
}

/** Waits for an event of the child, and for no longer than this, or than the child lives. */
async function hears(
  of: ChildProcess | Socket,
  event: string,
  child: ChildProcess,
  ms: number,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  of.once(event, end);
  child.once('exit', end).once('error', end);
  await sleep(ms, over.signal);
}
