import { hostname } from 'node:os';
import { loadConfig } from '../config/load.ts';
import { configWarnings } from '../config/host-warnings.ts';
import { keyPlaces } from '../config/key-places.ts';
import { configError } from '../core/basics/config-error.ts';
import { placedProblem, type ConfigProblem } from '../core/basics/config-problem.ts';
import { instanceNames } from '../core/model/instance.ts';
import { launchOf, workerPath } from '../core/model/launch.ts';
import type { Config } from '../core/model/config.ts';
import { defineCommand } from '../cli/command.ts';
import { configPath, trustIn } from '../cli/config.ts';
import { print, printError } from '../cli/print.ts';
import { effectiveConfig, formatEffective } from '../config/schema/print.ts';
import { logTypeProblem } from '../host/logs/open-log.ts';
import { envFileProblems } from '../host/worker/environment.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { printed } from '../output/json/answer.ts';
import { checkAnswer } from '../output/json/answers.ts';

export const command = defineCommand({
  summary: 'Validate the config and print it with all defaults; warn about what this host lacks.',
  operands: '',
  options: {},
  examples: [['workerctl check --config deploy/workerctl.yaml']],
  exitCodes: { done: 'the config is valid', config: '' },
  afterExitCodes: 'Warnings go to standard error.',
  run: ({ global }) => {
    const { config, warnings: ofHost } = check({ path: configPath(global) });
    const trust = trustIn(config.path, global);
    const refused =
      trust.kind === 'none'
        ? [`${config.path}: it is not trusted, so commands that act refuse it: ${trust.found}`]
        : [];
    const warnings = [...refused, ...ofHost];
    for (const warning of warnings) printError(`workerctl: warning: ${warning}\n`);
    print(
      global.json
        ? printed(checkAnswer, { path: config.path, config: effectiveConfig(config), warnings })
        : `# ${config.path}\n${formatEffective(config)}`,
    );
    return Promise.resolve(exitCodes.done.code);
  },
});

export interface CheckOutcome {
  readonly kind: 'check';
  readonly config: Config;
  /** What will prevent a start on this host, such as a missing directory; one line each, with its place in the file. */
  readonly warnings: readonly string[];
}

/** Reads and checks the config at `path`, and its env files. Throws a `config` error if anything in them is wrong. */
export function check({ path }: { readonly path: string }): CheckOutcome {
  const config = loadConfig(path);
  const host = { name: hostname(), path: workerPath };
  const placeOf = keyPlaces(config.path);
  const problems = [...wrongEnvFiles(config, host.name), ...wrongLogs(config, host.name, placeOf)];
  if (problems.length > 0) throw configError(problems);
  const warnings = configWarnings(config, host).map((warning) => {
    const { line, column } = placeOf(warning.slice(0, warning.indexOf(': ')));
    return `${config.path}:${line}:${column}: ${warning}`;
  });
  return { kind: 'check', config, warnings };
}

/** Logs that are neither files nor what may stand in for one. */
export function wrongLogs(
  config: Config,
  hostName: string,
  placeOf: ReturnType<typeof keyPlaces>,
): readonly ConfigProblem[] {
  const found = config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name): ConfigProblem[] => {
      const { logFile } = launchOf(worker, name, config.stateDir, hostName);
      const problem = logTypeProblem(logFile);
      if (problem === undefined) return [];
      const key = `workers.${worker.name}.log.file`;
      const at = { file: config.path, ...placeOf(key), key };
      return [{ ...at, ...problem, found: `${problem.found} (${logFile})` }];
    }),
  );
  return [...new Map(found.map((problem) => [placedProblem(problem), problem])).values()];
}

/** What is wrong in the env files of all workers, each problem once. */
export function wrongEnvFiles(config: Config, hostName: string): readonly ConfigProblem[] {
  const found = config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name) =>
      envFileProblems(launchOf(worker, name, config.stateDir, hostName), process.env),
    ),
  );
  return [...new Map(found.map((problem) => [placedProblem(problem), problem])).values()];
}
