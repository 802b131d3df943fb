import { allObserved } from '../../core/model/observation.ts';
import { runnerIn } from '../../core/protocols/cgroup.ts';
import { orFine, problem, someOf, warning, type Findings } from '../../core/views/finding.ts';
import { readEnvironment } from '../../host/process/process-table.ts';
import type { Examination } from './examination.ts';

/** Jenkins and the runner of GitHub kill every process with one of these variables when a job of theirs ends. */
const marks = ['RUNNER_TRACKING_ID', 'BUILD_ID', 'JENKINS_NODE_COOKIE'];

/** Whether a CI runner would kill workers at the end of its job. */
export function runnerFindings(examination: Examination): Findings {
  const marked = allObserved(examination.observation).flatMap(({ name, presence }) => {
    if (presence.kind !== 'alive') return [];
    const found = readEnvironment(presence.process.pid)
      .map((entry) => entry.slice(0, entry.indexOf('=')))
      .filter((variable) => marks.includes(variable));
    return found.map((variable) => ({ name, variable }));
  });
  const inherited = [...new Set(marked.map(({ variable }) => variable))].map((variable) =>
    problem(
      'environment of workers',
      `${variable} is set for ${someOf(marked.filter((one) => one.variable === variable).map(({ name }) => name))}`,
      [
        'a CI runner kills every process that has it when its job ends',
        'remove it from env and env_files, then run workerctl restart',
      ],
    ),
  );
  const owned = examination.units.map(({ path, names }) => {
    const runner = runnerIn(path);
    if (runner === undefined) return [];
    return warning(
      `group ${path}`,
      `contains ${someOf(names)}, and belongs to a CI runner (${runner})`,
      [
        'many runners kill everything in their group when a job ends or when they are updated',
        'have cron or workerctl watch start the workers, and only run workerctl restart or trigger in the job',
      ],
    );
  });
  return orFine([inherited, owned], 'CI runners', 'no worker belongs to one');
}
