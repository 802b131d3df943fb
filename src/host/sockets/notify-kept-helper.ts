import { WorkerctlError } from '../../core/basics/error.ts';
import { fileAt } from '../files/is-still-at.ts';
import { monotonicMs } from '../process/clock.ts';
import { startHelper, type Fact, type Interpreter, type RunningHelper } from './notify-helper.ts';
import { makeSocketFolder } from './notify-path.ts';

/** A helper that is restarted when it dies. */
export interface KeptHelper {
  readonly isRunning: () => boolean;
  readonly restarts: () => number;
  /** The number of datagrams that it and its predecessors have dropped. */
  readonly dropped: () => number;
  /** Starts it again if its socket was removed or replaced. @throws WorkerctlError `state` if it does not start */
  readonly renew: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The running helper of the open socket, which also sends. */
export let residentHelper: RunningHelper | undefined;

/** How long to wait before each restart; the last one again and again. */
const restartDelaysMs = [100, 1_000, 5_000, 30_000, 120_000];

/** If it has run for this long, the restarts are counted from zero again. */
const provenMs = 600_000;

/** Restarts a helper when it dies, until it is closed. `lost` is called whenever one has died. */
export function keepRunning(
  first: RunningHelper,
  interpreter: Interpreter,
  path: string,
  hear: (fact: Fact) => void,
  lost: () => void,
): KeptHelper {
  let helper: RunningHelper | undefined;
  let droppedBefore = 0;
  let restarts = 0;
  let attempts = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let socket: string | undefined;

  const use = (started: RunningHelper): void => {
    helper = residentHelper = started;
    socket = fileAt(path);
    const since = monotonicMs();
    void started.ended.then(() => {
      droppedBefore += started.dropped();
      helper = undefined;
      if (residentHelper === started) residentHelper = undefined;
      if (monotonicMs() - since > provenMs) attempts = 0;
      if (!isClosed) lost();
      restartLater();
    });
  };
  const restartLater = (): void => {
    const delay = restartDelaysMs[Math.min(attempts, restartDelaysMs.length - 1)];
    attempts += 1;
    if (isClosed) return;
    timer = setTimeout(() => void restart(), delay).unref();
  };
  /** @returns why it has not started */
  const restart = async (): Promise<string | undefined> => {
    restarts += 1;
    const started = await startHelper(interpreter, path, hear);
    if (started.kind === 'ended') {
      restartLater();
      return started.problem;
    }
    if (isClosed) await started.close();
    else use(started);
    return undefined;
  };
  use(first);

  return {
    isRunning: () => helper !== undefined,
    restarts: () => restarts,
    dropped: () => droppedBefore + (helper?.dropped() ?? 0),
    renew: async () => {
      if (helper !== undefined && fileAt(path) === socket) return;
      await helper?.close();
      clearTimeout(timer);
      const problem = makeSocketFolder(path) ?? (await restart());
      if (problem === undefined) return;
      throw new WorkerctlError('state', `socket of sd_notify ${path}: ${problem}`);
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await helper?.close();
    },
  };
}
