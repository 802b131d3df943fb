import { provenanceOf } from '../../core/presets/preset.ts';
import { presetFor, presetOf } from '../../core/presets/table.ts';
import { trapsOf } from '../../core/presets/traps.ts';
import { fine, warning, type Findings } from '../../core/views/finding.ts';
import { allObserved } from '../../core/model/observation.ts';
import type { Worker } from '../../core/model/config.ts';
import { longestJob } from '../../core/rules/longest-job.ts';
import type { Examination } from './examination.ts';

/** The traps of presets that the workers step into. */
export function presetFindings(examination: Examination): Findings {
  const { config } = examination;
  return config.workers.map((worker) => findingsOf(worker, examination));
}

function findingsOf(worker: Worker, { observation }: Examination): Findings {
  const { name } = worker;
  const known = worker.preset ?? presetFor(worker.command);
  if (known === undefined) return [];
  const preset = presetOf({ preset: known });
  if (preset === undefined) return [];
  const longest = longestJob(allObserved(observation), name, observation.now)?.length;
  const traps = trapsOf({ ...worker, preset: known }, 'doctor', longest).map(
    ({ key, says, isGiven }) =>
      isGiven
        ? fine(`preset of ${name}`, `mind: ${says}`)
        : warning(`workers.${name}.${key}`, says, [
            `it is a trap of ${preset.title}`,
            `see docs/frameworks/${known}.md; a key of the worker overrides that of the preset`,
          ]),
  );
  const found =
    worker.preset === undefined
      ? `none, but its command is ${preset.title}'s: preset: ${known} has settings for it`
      : `${known}: ${provenanceOf(preset)}`;
  return [fine(`preset of ${name}`, found), traps];
}
