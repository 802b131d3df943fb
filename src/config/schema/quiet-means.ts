import { quietSignals, type QuietMeans } from '../../core/model/config.ts';
import { section } from './section.ts';
import { positiveDuration, signal } from './scalars.ts';
import { command } from './texts.ts';
import type { ValueType } from './value-type.ts';

const quietSignal = signal(quietSignals);

const quietCommand = section({
  command: {
    type: command,
    required: true,
    help: 'Run in the directory and environment of the worker; it must concern this instance only.',
  },
  timeout: {
    type: positiveDuration,
    default: '30s',
    help: 'A command that takes longer is killed, and has failed.',
  },
});

const expected = `${quietSignal.expected}, or a map with command and timeout (30s)`;

/** A signal, or a command that does the same for one instance. */
export const quietMeans: ValueType<QuietMeans> = {
  expected,
  json: {
    anyOf: [
      quietSignal.json,
      {
        type: 'object',
        properties: { command: command.json, timeout: positiveDuration.json },
        required: ['command'],
        additionalProperties: false,
      },
    ],
  },
  scope: 'instance',
  read(slot, reading) {
    if (slot.found.kind === 'map') return quietCommand.read(slot, reading);
    return quietSignal.read(slot, {
      ...reading,
      report: (problem) => {
        reading.report({ ...problem, expected });
      },
    });
  },
  print: (means) => (typeof means === 'string' ? means : quietCommand.print(means)),
};
