import type { Config } from '../core/model/config.ts';
import { trapsOf } from '../core/presets/traps.ts';
import { provenanceOf } from '../core/presets/preset.ts';
import { presetOf } from '../core/presets/table.ts';
import { keysFromPreset } from './preset-slots.ts';
import { parseYaml } from './yaml/document.ts';
import { readConfigFile } from './yaml/read-file.ts';

/** What a preset means for a worker. */
export interface PresetUse {
  readonly worker: string;
  readonly preset: string;
  /** The versions that its settings were run with; none: they are from the documentation. */
  readonly ranWith: readonly string[];
  /** `run with 6.4.1`, or that it was not run. */
  readonly provenance: string;
  /** The keys of the worker that have their value from it: `stop.quiet`. */
  readonly keys: readonly string[];
  /** What holds whatever the config says, in sentences. */
  readonly traps: readonly string[];
}

/** What each worker with a preset has from it, in a valid config. */
export function presetUses(config: Config): PresetUse[] {
  const { root } = parseYaml(readConfigFile(config.path).text);
  return config.workers.flatMap((worker) => {
    const preset = presetOf(worker);
    if (preset === undefined) return [];
    return {
      worker: worker.name,
      preset: worker.preset ?? '',
      ranWith: preset.ranWith,
      provenance: provenanceOf(preset),
      keys: keysFromPreset(root, worker.name),
      traps: trapsOf(worker, 'check').flatMap(({ says, isGiven }) => (isGiven ? [says] : [])),
    };
  });
}

/** The traps that a worker steps into because of its config, as `workers.mail.command: words`. */
export const presetWarnings = ({ workers }: Config): string[] =>
  workers.flatMap((worker) =>
    trapsOf(worker, 'check').flatMap(({ key, says, isGiven }) =>
      isGiven ? [] : [`workers.${worker.name}.${key}: ${worker.preset}: ${says}`],
    ),
  );
