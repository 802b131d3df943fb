import type { ProjectWorker } from './detect-project.ts';
import { splitWords } from '../../config/shell-words.ts';

/** The text of a starter config with these workers, or with an example where there are none. */
export function starterConfig(workers: readonly ProjectWorker[]): string {
  const listed = workers.length > 0 ? workers.map(workerText).join('\n') : example;
  return `${head}\nworkers:\n${listed}`;
}

const head = `# The workers that workerctl runs. Check this file with: workerctl check
# Relative paths start at the folder of this file.

state_dir: .workerctl # pidfiles, locks, journal
log_dir: log

# What all workers have in common; each can say otherwise.
# defaults:
#   directory: /srv/app/current
#   env_files: [.env]
`;

const example = `  # The name is yours. Add a block like this one for each kind of worker.
  example:
    # Words, no shell; it must stay in the foreground. Replace it with your worker, such as
    #   command: bundle exec rake jobs:work
    command: sleep 86400
    count: 2 # instances example.1 and example.2; %i in the command is the 1 and the 2
    # identifiers: [mail, images] # in place of count
    # directory: /srv/app/current
    # env: {RAILS_ENV: production}
    # env_files: [.env]
    # stop: {signal: TERM} # what asks it to finish its job and leave
    # ready: {after: 1s} # it is ready when it has lived this long
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
  'This command needs a shell. The signal to finish goes to the shell: write exec before the',
  'program, so that the program takes its place.',
];

/** A command as words where it is nothing but words, else through a shell. */
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

/** The program takes the shell's place, so that it is the one that is asked to finish. */
function replacingShell(command: string): string {
  if (command.startsWith('exec ')) return command;
  return `exec ${/^[A-Za-z_]\w*=/.test(command) ? 'env ' : ''}${command}`;
}

/** A text as YAML reads it back; JSON's strings are YAML too. */
const quoted = (text: string): string =>
  /^[A-Za-z_/.][\w/.=@%+-]*(?: [\w/.=@%+-]+)*$/.test(text) && !/^(?:true|false|null)$/i.test(text)
    ? text
    : JSON.stringify(text);
