import type { ExitCodeName } from '../core/basics/exit-codes.ts';
import type { InstanceState } from '../core/views/instance-state.ts';
import { targetOptions } from './chosen-targets.ts';
import { operationOptions, valuesOf, type OptionTable, type Values } from './options.ts';

export interface GlobalOptions {
  readonly config: string | undefined;
  /** The config is trusted, also if others can write it: it was named by `--trust-config`. */
  readonly trustsConfig?: true;
  readonly json: boolean;
  /** The caller's working directory; undefined if that directory was removed. */
  readonly directory: string | undefined;
}

/** What a command is called with: its options by name, its operands, and the options of all commands. */
export type Arguments<Options extends OptionTable> = Values<Options> & {
  readonly targets: readonly string[];
  readonly global: GlobalOptions;
};

export interface CommandHelp {
  /** What it does, in one sentence; also its line in the list of commands. */
  readonly summary: string;
  /** Its operands in the usage line; empty: it takes none. */
  readonly operands: string;
  /** More about it: paragraphs, separated by blank lines. Line breaks inside a paragraph do not count. */
  readonly description?: string;
  /** Lines below the options, as they are; `-` stands before their descriptions in the help. */
  readonly examples: readonly (readonly [line: string, about?: string])[];
  /** The exit codes that it may end with, with their meaning here; an empty text takes the general meaning. */
  readonly exitCodes: Readonly<Partial<Record<ExitCodeName, string>>>;
  /** A sentence below the exit codes. */
  readonly afterExitCodes?: string;
  /** Whether the list of commands leaves it out: workerctl itself runs it. */
  readonly isInternal?: true;
  /** Whether `--op` and `--detach` make it an operation; `with operands`: only if it has any. */
  readonly isOperation?: 'always' | 'with operands';
  /** Its operands are the words of another command, and stand behind `--`: their options are not ours. */
  readonly takesCommand?: true;
  /** Whether `--json` is refused: all other commands have it. */
  readonly refusesJson?: true;
}

/** One command: what its help says, what it takes, and what it does. */
export interface CommandSpec<Options extends OptionTable> extends CommandHelp {
  readonly options: Options;
  /** Returns the exit code. */
  readonly run: (args: Arguments<Options>) => Promise<number>;
}

/** A command as the parser uses it: its options are not known by type any more. */
export interface Command extends CommandHelp {
  readonly options: OptionTable;
  /**
   * Runs it with the options as yargs has read them.
   * @throws WorkerctlError `usage` for a value that an option does not accept
   */
  readonly run: (
    raw: Readonly<Record<string, unknown>>,
    targets: readonly string[],
    global: GlobalOptions,
  ) => Promise<number>;
}

/** A command line as it was read. */
export interface Call {
  readonly name: string;
  readonly command: Command;
  /** The options of the command, as yargs has read them. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly targets: readonly string[];
  readonly global: GlobalOptions;
}

/** The table of commands: the module of each is loaded when it is asked for. */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

/** Names the instances that the targets name and that are in one of these states. */
export type InState = (
  global: GlobalOptions,
  targets: readonly string[],
  states: readonly InstanceState[],
) => Promise<readonly string[]>;

export const takesTargets = ({ operands }: Pick<CommandHelp, 'operands'>): boolean =>
  operands.includes('TARGET');

/** How many operands come before the targets: `SIGNAL TARGET...`. */
export const operandsBeforeTargets = ({ operands }: Pick<CommandHelp, 'operands'>): number =>
  operands.split(' ').findIndex((word) => word.includes('TARGET'));

/** Ties what a command does to the types of its options. Where targets are taken, they can be narrowed down. */
export const defineCommand = <const Options extends OptionTable>(
  spec: CommandSpec<Options>,
): Command => ({
  ...spec,
  options: {
    ...spec.options,
    ...(takesTargets(spec) && { ...targetOptions, ...spec.options }),
    ...(spec.isOperation !== undefined && operationOptions),
  },
  run: (raw, targets, global) => spec.run({ ...valuesOf(spec.options, raw), targets, global }),
});
