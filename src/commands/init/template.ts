import type { ProjectWorker } from './detect-project.ts';
import { splitWords } from '../../config/shell-words.ts';

/** The text of a first config with these workers, or with an example if there are none. */
export function configTemplate(workers: readonly ProjectWorker[]): string {
  const listed = workers.length > 0 ? workers.map(workerText).join('\n') : example;
  return `${head}\nworkers:\n${listed}`;
}

const head = `# The workers that workerctl runs. To check this file: workerctl check
# Relative paths start at the directory of this file.

state_dir: .workerctl # pidfiles, locks, journal
log_dir: log

# Keys for all workers; each worker can override them.
# defaults:
#   directory: /srv/app/current
#   env_files: [.env]
`;

const example = `  # Choose a name, and add a block like this one for each kind of worker.
  example:
    # Replace this with your worker, such as: bundle exec rake jobs:work
    # It runs without a shell and must stay in the foreground.
    command: sleep 86400
    count: 2 # instances example.1 and example.2; %i in the command stands for 1 and 2
    # identifiers: [mail, images] # instead of count
    # directory: /srv/app/current
    # env: {RAILS_ENV: production}
    # env_files: [.env]
    # stop: {signal: TERM} # asks it to finish its job and exit
    # ready: {after: 1s} # it is ready when it has been running for this long
`;

function workerText(worker: ProjectWorker): string {
  const { lines, notes } = commandLines(worker.command);
  return [
    `  ${quoted(worker.name)}: # found in ${worker.foundIn}`,
    ...[...worker.notes, ...notes].map((note) => `    # ${note}`),
    ...lines.map((line) => `    ${line}`),
    `    count: ${worker.count}`,
    ...(worker.env === undefined ? [] : [`    env: ${JSON.stringify(worker.env)}`]),
    '',
  ].join('\n');
}

const shellNotes = [
  'This command needs a shell, and the stop signal goes to the shell. Write exec before the',
  'program, so that the program replaces the shell and gets the signal.',
];

/** A command as plain words if possible, or else through a shell. */
function commandLines(command: string): { lines: string[]; notes: readonly string[] } {
  if (splitWords(command).kind === 'words')
    return { lines: [`command: ${quoted(command)}`], notes: [] };
  const isOneProgram = !/[|;&]/.test(command);
  const script = isOneProgram ? replacingShell(command) : command;
  return {
    lines: [`command: [sh, -c, ${JSON.stringify(script)}]`],
    notes: isOneProgram ? [] : shellNotes,
  };
}

/** The program replaces the shell, so that it gets the stop signal itself. */
function replacingShell(command: string): string {
  if (command.startsWith('exec ')) return command;
  return `exec ${/^[A-Za-z_]\w*=/.test(command) ? 'env ' : ''}${command}`;
}

/** A string as YAML reads it back; strings of JSON are YAML too. */
const quoted = (text: string): string =>
  /^[A-Za-z_/.][\w/.=@%+-]*(?: [\w/.=@%+-]+)*$/.test(text) && !/^(?:true|false|null)$/i.test(text)
    ? text
    : JSON.stringify(text);
