import { fine, listed, problem, type Findings } from '../../core/views/finding.ts';
import { shownName } from '../../core/model/instance.ts';
import { allObserved, refOf } from '../../core/model/observation.ts';
import { claimsIn, refusalWords } from '../../engine/observe/witnesses.ts';
import { hearWitnesses } from '../../host/worker/witness.ts';
import type { Examination } from './examination.ts';

/** Living processes that are an instance's by their record alone. */
export function witnessFindings(examination: Examination): Findings {
  const claimFor = claimsIn(examination, examination);
  const up = allObserved(examination.observation).flatMap((observed) =>
    observed.presence.kind === 'alive' ? [{ observed, process: observed.presence.process }] : [],
  );
  const found = up.flatMap(({ observed, process }) => {
    const ref = refOf(observed);
    const testimony = hearWitnesses(claimFor(ref, process));
    if (testimony.kind === 'witnessed' || testimony.kind === 'gone') return [];
    const words = refusalWords(examination, ref, process, testimony);
    return listed(
      problem(shownName(ref), `pid ${process.pid} gets no signal`, [
        `it can be neither stopped nor restarted`,
        words,
      ]),
    );
  });
  if (up.length === 0 || found.length > 0) return found;
  return fine('witnesses', `${up.length} of ${up.length} processes have one besides their record`);
}
