import { formatSize } from '../../core/basics/bytes.ts';
import { durationOf, formatDuration } from '../../core/basics/time.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { ageOf } from '../../core/model/observation.ts';
import type { Worker } from '../../core/model/config.ts';
import { isTooSmall } from '../../core/rules/memory-limits.ts';
import { orFine, warning, type Finding, type Findings } from '../../core/views/finding.ts';
import { allProcesses, familyOf, memoryOf } from '../../host/process/session.ts';
import { knownLedger } from '../../host/state/ledger-file.ts';
import type { Examination } from './examination.ts';

/** How much memory a process had at an age. */
interface Size {
  readonly name: string;
  readonly memory: number;
  readonly age: number;
}

/** Memory limits that a worker exceeds right after its start: each replacement is due for recycling, too. */
export function memoryFindings(examination: Examination): Findings {
  const { recycled } = knownLedger(examination.config.stateDir);
  const findings = examination.config.workers.map((worker) => {
    const limit = worker.recycle?.memory;
    if (limit === undefined) return [];
    const [first] = [
      ...instanceNames(worker).flatMap((name): Size[] => {
        const { [name]: row } = recycled;
        return row !== undefined && row.limit === limit && isTooSmall(row)
          ? [{ name, ...row }]
          : [];
      }),
      ...youngOnes(worker, examination).filter(({ memory }) => memory > limit),
    ];
    return first === undefined ? [] : tooSmall(worker, limit, first);
  });
  return orFine(findings, 'memory limits', 'above what workers need after their start');
}

/** The processes that are too young to be recycled. */
function youngOnes(worker: Worker, { observation }: Examination): Size[] {
  const names = new Set(instanceNames(worker));
  const young = [...observation.instances.values()].flatMap(({ name, presence }) => {
    if (!names.has(name) || presence.kind !== 'alive') return [];
    const age = ageOf(presence.process, observation);
    return age < (worker.recycle?.minAge ?? 0) ? [{ name, age, process: presence.process }] : [];
  });
  if (young.length === 0) return [];
  const all = allProcesses();
  return young.map(({ process, ...one }) => ({ ...one, memory: memoryOf(familyOf(process, all)) }));
}

const tooSmall = ({ name: worker }: Worker, limit: number, { name, memory, age }: Size): Finding =>
  warning(
    `workers.${worker}.recycle.memory`,
    `${formatSize(limit)}, but ${name} had ${formatSize(memory)} only ${formatDuration(durationOf(age))} after its start`,
    [
      'its replacements need as much, so they are recycled again and again',
      `set it to well above ${formatSize(memory)}, or recycle by age`,
    ],
  );
