import { formatEvent, isFailure, type Event } from '../core/events/event.ts';
import { problemText, type ConfigProblem } from '../core/basics/config-problem.ts';
import { visible } from '../core/basics/visible.ts';
import { shownName } from '../core/model/instance.ts';

/** Whether this runs in a GitHub workflow: only there annotations are printed. */
export const isGitHubWorkflow = (env: NodeJS.ProcessEnv): boolean =>
  env['GITHUB_ACTIONS'] === 'true';

/**
 * A workflow command that GitHub shows beside the run. Source: GitHub Docs, "Workflow commands for GitHub Actions"; the
 * escapes as in actions/toolkit, packages/core/src/command.ts.
 */
export const annotate = (
  level: 'error' | 'warning' | 'notice',
  title: string,
  message: string,
): string => `::${level} title=${escapeProperty(title)}::${escapeData(message)}\n`;

/** The annotation of a line of the config. A path inside the workspace leads to the file on GitHub. */
export const annotationOf = (problem: ConfigProblem): string =>
  annotateAt('error', problem, problemText(problem));

/** The same for any words about a place in a file. */
export const annotateAt = (
  level: 'error' | 'warning',
  { file, line = 1, column = 1 }: Pick<ConfigProblem, 'file'> & Partial<ConfigProblem>,
  words: string,
): string =>
  `::${level} file=${escapeProperty(file)},line=${line},col=${column}::${escapeData(words)}\n`;

/**
 * The annotation of a failure, with the last log lines of a failed start; undefined for other events. An aborted restart has
 * none, because the failed start that led to it has one.
 */
export function annotationFor(event: Event): string | undefined {
  if (!isFailure(event) || event.kind === 'rollout_aborted') return undefined;
  const title = `workerctl: ${shownName(event)}`;
  return annotate('error', title, formatEvent(event) + logOf(event));
}

function logOf(event: Event): string {
  if (event.kind !== 'start_failed' || event.logFile === undefined) return '';
  if (event.logger !== undefined) return `\nits output went to: ${event.logger}`;
  if (event.log.length === 0) return `\nit wrote nothing to ${event.logFile}`;
  return `\nlast lines of ${event.logFile}:\n${event.log.join('\n')}`;
}

/** The percent sign first: the escapes have one themselves. A carriage return would end the command, and is visible here. */
const escapeData = (text: string): string =>
  visible(text.replaceAll('\r\n', '\n')).replaceAll('%', '%25').replaceAll('\n', '%0A');

const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
