import { runnerIn } from '../../core/protocols/cgroup.ts';
import { fine, problem, someOf, warning, type Finding } from '../../core/views/finding.ts';
import { readEnvironment } from '../../host/process/process-table.ts';
import type { Examination } from './examination.ts';
import { unitsOf } from './units.ts';

/** What Jenkins and GitHub's runner look for when a job of theirs ends: whoever carries it is killed. */
const marks = ['RUNNER_TRACKING_ID', 'BUILD_ID', 'JENKINS_NODE_COOKIE'];

/** Whether a CI runner would end workers together with its job. */
export function runnerFindings(examination: Examination): Finding[] {
  const marked = [...examination.observation.instances.values()].flatMap(({ name, presence }) => {
    if (presence.kind !== 'alive') return [];
    const found = readEnvironment(presence.process.pid)
      .map((entry) => entry.slice(0, entry.indexOf('=')))
      .filter((variable) => marks.includes(variable));
    return found.map((variable) => ({ name, variable }));
  });
  const findings = [...new Set(marked.map(({ variable }) => variable))].map((variable) =>
    problem(
      'environment of workers',
      `${variable} is set for ${someOf(marked.filter((one) => one.variable === variable).map(({ name }) => name))}`,
      [
        'a CI runner kills every process that carries it when its job ends',
        'take it out of env and env_files, then workerctl restart',
      ],
    ),
  );
  const owned = unitsOf(examination).flatMap(({ path, names }) => {
    const runner = runnerIn(path);
    if (runner === undefined) return [];
    return [
      warning(`group ${path}`, `${someOf(names)} in it, which is a CI runner's (${runner})`, [
        'many runners end all that is in their group with the job, or when they are updated',
        'let cron or workerctl watch start the workers: put bootcheck into the crontab, and let the job call workerctl trigger or restart only',
      ]),
    ];
  });
  const all = [...findings, ...owned];
  return all.length > 0 ? all : [fine('CI runners', 'no worker belongs to one')];
}
