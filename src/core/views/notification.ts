import { schemaVersion } from '../basics/schema-version.ts';
import { visibleInLine } from '../basics/visible.ts';
import type { Occasion } from '../model/config.ts';

/** An event that people are told of. */
export interface NotifiedEvent {
  /** The same if the same event is sent again. */
  readonly id: string;
  readonly occasion: Occasion;
  /** As the journal has it. */
  readonly event: Readonly<Record<string, unknown>>;
}

/** One message for all events of the same moment. */
export interface Notification {
  readonly host: string;
  /** The path of the config. */
  readonly config: string;
  readonly level: 'info' | 'warning' | 'error';
  /** One line. */
  readonly subject: string;
  /** A line for each event, the oldest first. */
  readonly text: string;
  readonly events: readonly NotifiedEvent[];
  /** How many events were not kept because too many waited. */
  readonly missed: number;
}

/** More events go into the next message. */
export const mostInMessage = 50;

/** No sentence of an event is longer in a message, and no message longer than some 40 kB. */
const mostChars = 700;

/** @param events at least one, the oldest first */
export function notificationOf(
  { host, config }: Pick<Notification, 'host' | 'config'>,
  events: readonly NotifiedEvent[],
  missed: number,
): Notification {
  const lines = events.map(({ event }) => lineOf(event));
  const [first = ''] = lines;
  const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : '';
  const gap = `${missed} more could not be kept until now: workerctl events has them`;
  return {
    ...{ host, config, events, missed },
    level: worst(events),
    subject: `${host}: ${first}${more}`,
    text: [...lines.map((line) => `${host}: ${line}`), ...(missed > 0 ? [gap] : [])].join('\n'),
  };
}

const lineOf = ({ instance, text }: NotifiedEvent['event']): string => {
  const line = visibleInLine(`${String(instance)}: ${String(text)}`);
  return line.length > mostChars ? `${line.slice(0, mostChars)}…` : line;
};

function worst(events: readonly NotifiedEvent[]): Notification['level'] {
  const levels = new Set(events.map(({ event }) => event['level']));
  if (levels.has('error')) return 'error';
  return levels.has('warning') ? 'warning' : 'info';
}

/** The message for programs. The lines of logs are left out: they may hold anything, and do not leave the host. */
export const notificationJson = ({ missed, events, ...message }: Notification) => ({
  schema: schemaVersion,
  kind: 'notification',
  ...message,
  missed_events: missed,
  events: events.map(({ id, occasion, event }) => ({
    id,
    occasion,
    ...Object.fromEntries(Object.entries(event).filter(([name]) => !leftOut.has(name))),
  })),
});

const leftOut: ReadonlySet<string> = new Set(['schema', 'log']);
