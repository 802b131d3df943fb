import type { Fleet, FleetHost } from '../../core/model/fleet.ts';
import { answerIn, type HostAnswer } from '../../core/protocols/host-answer.ts';
import type { JsonObject } from '../../core/protocols/json-reader.ts';
import { durationOf, formatDuration, type Duration } from '../../core/basics/time.ts';
import { sleep } from '../../host/process/clock.ts';
import { runOnHost } from '../../host/ssh/run-on-host.ts';
import type { SharedConnections } from '../../host/ssh/shared-connections.ts';
import { remoteLine, sshCommand } from '../../host/ssh/ssh-command.ts';

/** How hosts are reached. */
export interface Transport {
  readonly fleet: Fleet;
  readonly shared: SharedConnections | undefined;
  /** Aborts when the command is interrupted. */
  readonly signal: AbortSignal;
}

/** What a host is asked. */
export interface Question {
  /** The words of workerctl, with `--json`. */
  readonly words: readonly string[];
  /** It may wait for jobs, or follow a log: there is no limit while the host shows that it lives. */
  readonly isLong: boolean;
  /** Gets each object of the output. */
  readonly hear?: (object: JsonObject) => void;
  /**
   * Is called before the host is asked a second time, of which everything is heard. Without it, what was heard before is
   * left out: an operation prints the same again.
   */
  readonly again?: () => void;
  /** The connection is not made a second time. */
  readonly once?: true;
}

/** Between two attempts: what has dropped the connection may need a moment. */
const pauseMs = 1_000;

/** Longer than a restart may take; setTimeout takes no more. */
const endless = durationOf(2 ** 31 - 1);

/**
 * Asks a host, and once more if the connection was cut or refused: the operation has an id, so that the host goes on with
 * what it has begun and begins nothing twice. A host that has not answered in time is not asked again.
 */
export async function askHost(
  transport: Transport,
  host: FleetHost,
  question: Question,
): Promise<HostAnswer> {
  let heard = 0;
  const first = await attempt(transport, host, question, () => {
    heard += 1;
    return true;
  });
  const isOver = question.once === true || first.isLate || isAborted(transport);
  if (first.answer.kind !== 'unknown' || isOver) return first.answer;
  await sleep(pauseMs, transport.signal);
  if (isAborted(transport)) return first.answer;
  question.again?.();
  let seen = question.again === undefined ? 0 : heard;
  const { answer } = await attempt(transport, host, question, () => {
    seen += 1;
    return seen > heard;
  });
  return answer;
}

const isAborted = ({ signal }: Transport): boolean => signal.aborted;

interface Attempt {
  readonly answer: HostAnswer;
  /** It has not answered in time. */
  readonly isLate: boolean;
}

async function attempt(
  transport: Transport,
  host: FleetHost,
  { words, isLong, hear }: Question,
  isNew: () => boolean,
): Promise<Attempt> {
  const { fleet, shared, signal } = transport;
  const silence = new AbortController();
  const guard = isLong ? guardAgainstSilence(transport, host, silence) : undefined;
  const limit = answerLimit(fleet);
  const end = await runOnHost({
    command: sshCommand(fleet, host, remoteLine(host, words), shared),
    timeout: isLong ? endless : limit,
    signal: AbortSignal.any([signal, silence.signal]),
    hear: (object) => {
      if (isNew()) hear?.(object);
    },
    stir: () => guard?.stir(),
  });
  guard?.end();
  const answer = answerIn(end, host.workerctl);
  if (answer.kind !== 'unknown' || !end.isKilled) return { answer, isLate: false };
  const problem = signal.aborted
    ? 'interrupted; what was begun there goes on'
    : isLong
      ? `it has said nothing for ${formatDuration(fleet.answerTimeout)}, and workerctl does not run there any more`
      : `no answer within ${formatDuration(limit)}`;
  return { answer: { kind: 'unknown', problem }, isLate: !isLong };
}

/** The time in which a host answers a question that needs no waiting. */
const answerLimit = ({ connectTimeout, answerTimeout }: Fleet): Duration =>
  durationOf(connectTimeout + answerTimeout);

/** How ssh(1) ends if it cannot connect. */
const connectionFailed = 255;

interface Guard {
  /** The host has said something. */
  readonly stir: () => void;
  readonly end: () => void;
}

/**
 * A host that waits for a job says nothing for hours. Whether it lives shows in that its workerctl runs meanwhile, however it
 * ends: a config that is broken by now does not concern an operation that was begun.
 */
function guardAgainstSilence(
  { fleet, shared, signal }: Transport,
  host: FleetHost,
  silence: AbortController,
): Guard {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stir = (): void => {
    clearTimeout(timer);
    if (!over.signal.aborted) timer = setTimeout(() => void look(), fleet.answerTimeout);
  };
  const look = async (): Promise<void> => {
    const { status } = await runOnHost({
      command: sshCommand(fleet, host, remoteLine(host, ['op', 'list', '--json']), shared),
      timeout: answerLimit(fleet),
      signal: AbortSignal.any([signal, over.signal]),
      hear: () => undefined,
    });
    if (status !== undefined && status !== connectionFailed) stir();
    else silence.abort();
  };
  stir();
  return {
    stir,
    end: () => {
      over.abort();
      clearTimeout(timer);
    },
  };
}
