import { existsSync } from 'node:fs';
import { mapOf } from '../../core/basics/lookup.ts';
import { byName, object, text, type Form } from '../../core/basics/json-form.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { currentBootId } from '../process/process-table.ts';
import { ledgerFolder } from './ledger-file.ts';
import { fileText, readForm } from './schema.ts';

/** Samples by instance, kept in the ledger for the next command. What is lost is measured again. */
export interface SampleFile<T> {
  /** No samples if the file is missing or damaged. `isOfThisBoot`: the host was not rebooted since. */
  readonly read: () => { readonly samples: Map<string, T>; readonly isOfThisBoot: boolean };
  /** Never fails. */
  readonly write: (samples: Iterable<readonly [string, T]>) => void;
}

export function sampleFile<T>(stateDir: string, file: string, sample: Form<T>): SampleFile<T> {
  const path = `${ledgerFolder(stateDir)}/${file}`;
  const form = object<{ readonly bootId: string; readonly samples: Readonly<Record<string, T>> }>({
    bootId: ['boot_id', text],
    samples: ['samples', byName(sample)],
  });
  return {
    read: () => {
      const found = readForm(path, () => form);
      if (found.kind !== 'read') return { samples: new Map<string, T>(), isOfThisBoot: true };
      const { bootId, samples } = found.value;
      return {
        samples: new Map(Object.entries(samples)),
        isOfThisBoot: bootId === currentBootId(),
      };
    },
    write: (samples) => {
      try {
        if (!existsSync(stateDir)) return;
        makeDirectory(ledgerFolder(stateDir));
        const value = { bootId: currentBootId(), samples: mapOf(samples) };
        writeFileAtomically(path, fileText(form, value));
      } catch {
        return; // such as a full disk
      }
    },
  };
}
