import { section } from './section.ts';
import { report, type Reading, type ValueType } from './value-type.ts';
import { sharedFile, variableName } from './texts.ts';
import type { Slot } from '../yaml/tree.ts';

const hint =
  'a config is no place for a secret: write it to a file that only you can read, and its path here: {file: PATH}';

/** `type`, of which no message shows what was written instead: it may be the secret itself. */
const hiding = <Of extends ValueType<unknown>>(
  type: Of,
  isPlace: (slot: Slot, reading: Reading) => boolean,
): Of => ({
  ...type,
  read: (slot: Slot, reading: Reading) =>
    isPlace(slot, reading)
      ? type.read(slot, reading)
      : report(reading, slot.offset, {
          expected: type.expected,
          found: 'something else (not shown)',
          hint,
        }),
});

/** Whether a text can be the path of a file: an address cannot. */
const mayBePath = ({ found }: Slot): boolean =>
  found.kind === 'scalar' && !String(found.value).includes(':');

const isVariable = (slot: Slot, reading: Reading): boolean =>
  variableName.read(slot, { ...reading, report: () => undefined }) !== null;

/** Where a secret is kept, in place of the secret. */
export const secretPlace = hiding(
  section(
    {
      file: {
        type: hiding(sharedFile, mayBePath),
        without: 'not used',
        help: 'The file that holds it.',
        example: '/etc/workerctl/webhook-url',
      },
      env: {
        type: hiding(variableName, isVariable),
        without: 'not used',
        help: 'The variable that holds it, in the environment of the command that delivers.',
        example: 'WEBHOOK_URL',
      },
    },
    { conflicts: [['file', 'env', 'choose one of them']], needsOne: true },
  ),
  ({ found }) =>
    found.kind === 'map' &&
    [...found.entries.keys()].every((key) => key === 'file' || key === 'env'),
);
