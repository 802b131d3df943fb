import { hostname } from 'node:os';
import { loadConfig } from '../config/load.ts';
import { configWarnings } from '../config/host-warnings.ts';
import { keyPlaces } from '../config/key-places.ts';
import { configError } from '../core/basics/config-error.ts';
import { placedProblem, type ConfigProblem } from '../core/basics/config-problem.ts';
import { instanceNames } from '../core/model/instance.ts';
import { launchOf, workerPath, logFilesIn } from '../core/model/launch.ts';
import type { Config } from '../core/model/config.ts';
import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { reachableConfig, trustIn } from '../cli/config.ts';
import { silentKeys, type SilentKey } from './check-mounts.ts';
import { unknownUsers } from '../cli/worker-users.ts';
import { reachProblems } from '../host/worker/preflight.ts';
import { print, printError } from '../cli/print.ts';
import { presetUses, presetWarnings, type PresetUse } from '../config/preset-uses.ts';
import { effectiveConfig, formatKeys, type Remark } from '../config/schema/print.ts';
import { asUserOf } from '../host/process/as-user.ts';
import { hasSystemd } from '../host/process/system-state.ts';
import { logTypeProblem } from '../host/logs/open-log.ts';
import { envFileProblems } from '../host/worker/environment.ts';
import { hideSecrets } from '../core/basics/secrets.ts';
import { annotateAt, isGitHubWorkflow } from '../output/annotations.ts';
import { flag } from '../cli/options.ts';
import { expectedGroup } from '../core/rules/control-group.ts';
import { groupWays } from '../engine/observe/group-ways.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { printed } from '../output/json/answer.ts';
import { checkAnswer } from '../output/json/answers.ts';

export const command = defineCommand({
  summary: 'Validate the config and print it with all defaults; warn about what this host lacks.',
  operands: '',
  description: `
Values that look secret are hidden in what is printed: passwords in URLs, variables such as API_TOKEN, options
such as --password. In a GitHub workflow warnings are annotations, too.`,
  options: {
    quiet: flag('print only what is wrong', 'q'),
    showSecrets: flag('also print values that look secret'),
  },
  examples: [['workerctl check --config deploy/workerctl.yaml']],
  exitCodes: { done: 'the config is valid', config: '' },
  afterExitCodes: 'Warnings go to standard error.',
  run: async ({ global, quiet, showSecrets }) => {
    const path = await reachableConfig(global);
    const silent = await silentKeys(() => loadConfig(path), hostname());
    const { config, presets, warnings: ofHost } = check({ path, silent });
    const warnings = [...distrust(config, global), ...ofHost];
    for (const one of warnings) printError(`workerctl: warning: ${placed(one)}\n`);
    if (isGitHubWorkflow(process.env))
      printError(warnings.map((one) => annotateAt('warning', one, one.words)).join(''));
    if (quiet && !global.json) return exitCodes.done.code;
    const full = effectiveConfig(config);
    const shown = showSecrets ? full : (hideSecrets(full) as object);
    const hidesSecrets = JSON.stringify(shown) !== JSON.stringify(full);
    print(
      global.json
        ? printed(checkAnswer, {
            path: config.path,
            config: shown,
            hidesSecrets,
            presets,
            warnings: warnings.map(placed),
          })
        : `# ${config.path}\n${hidesSecrets ? hiddenNote : ''}${formatKeys(shown, presets.flatMap(remarksOn))}`,
    );
    return exitCodes.done.code;
  },
});

export interface CheckOutcome {
  readonly kind: 'check';
  readonly config: Config;
  /** What its workers have from presets. */
  readonly presets: readonly PresetUse[];
  /** What will prevent a start on this host, such as a missing directory. */
  readonly warnings: readonly Warning[];
}

interface Warning {
  readonly file: string;
  /** Undefined: the file as a whole. */
  readonly line?: number;
  readonly column?: number;
  /** One line: `KEY: words`. */
  readonly words: string;
}

/** `FILE:LINE:COLUMN: KEY: words`. */
export const placed = ({ file, line, column, words }: Warning): string =>
  line === undefined ? `${file}: ${words}` : `${file}:${line}:${column ?? 1}: ${words}`;

function distrust({ path: file }: Config, global: GlobalOptions): Warning[] {
  const trust = trustIn(file, global);
  if (trust.kind !== 'none') return [];
  const words = `it is not trusted, so commands that act refuse it: ${trust.found}`;
  return [{ file, words }];
}

/** In the printed config: what came from the preset, what is known of it, and what to mind. */
const remarksOn = ({ worker, preset, provenance, keys, traps }: PresetUse): Remark[] => [
  { path: ['workers', worker, 'preset'], words: provenance, above: traps },
  ...keys.map((key) => ({
    path: ['workers', worker, ...key.split('.')],
    words: `from the preset ${preset}`,
  })),
];

const hiddenNote = '# values that look secret are hidden: --show-secrets\n';

/**
 * Reads and checks the config at `path`, its users and its env files. Throws a `config` error if anything in them is wrong.
 * @param silent what must not be looked at, because it would be waited for
 */
export function check({
  path,
  silent = [],
}: {
  readonly path: string;
  readonly silent?: readonly SilentKey[];
}): CheckOutcome {
  const config = loadConfig(path);
  const usable = silent.some(({ worker }) => worker === undefined)
    ? []
    : config.workers.filter(({ name }) => silent.every(({ worker }) => worker !== name));
  const looked = { ...config, workers: usable };
  const host = { name: hostname(), path: workerPath, hasSystemd: hasSystemd() };
  const placeOf = keyPlaces(config.path);
  const problems = problemsOn(looked, host.name, placeOf);
  if (problems.length > 0) throw configError(problems);
  const isReleaseSilent = silent.some(({ key }) => key === 'release.file');
  const ofHost = isReleaseSilent ? [] : configWarnings(looked, host);
  const ofMounts = silent.map(({ key, words }) => `${key}: ${words}`);
  const warnings = [...ofMounts, ...ofHost, ...presetWarnings(config)].map((words) => ({
    file: config.path,
    ...placeOf(words.slice(0, words.indexOf(': '))),
    words,
  }));
  return { kind: 'check', config, presets: presetUses(config), warnings };
}

/** What is wrong with a valid config on this host. */
export const problemsOn = (
  config: Config,
  hostName: string,
  placeOf: ReturnType<typeof keyPlaces>,
): readonly ConfigProblem[] => [
  ...unknownUsers(config, placeOf),
  ...wrongEnvFiles(config, hostName),
  ...wrongLogs(config, hostName, placeOf),
  ...outOfReach(config, hostName, placeOf),
  ...withoutGroup(config, placeOf),
];

/** Workers with limits that only a control group can have, on a host on which none can be made for them. */
export function withoutGroup(
  config: Config,
  placeOf: ReturnType<typeof keyPlaces>,
): readonly ConfigProblem[] {
  const wayOf = groupWays(config);
  return config.workers.flatMap(({ name, cgroup }): ConfigProblem[] => {
    const way = cgroup && wayOf(cgroup);
    if (way?.kind !== 'none') return [];
    const { found, hint } = way;
    const key = `workers.${name}.${way.key}`;
    return [{ file: config.path, ...placeOf(key), key, expected: expectedGroup, found, hint }];
  });
}

/** Logs that are neither files nor what may stand in for one. */
export function wrongLogs(
  config: Config,
  hostName: string,
  placeOf: ReturnType<typeof keyPlaces>,
): readonly ConfigProblem[] {
  const found = config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name): ConfigProblem[] => {
      const launch = launchOf(worker, name, config.stateDir, hostName);
      return logFilesIn(launch).flatMap((logFile) => {
        const problem = asUserOf(worker, () => logTypeProblem(logFile));
        if (problem === undefined) return [];
        const key = `workers.${worker.name}.log.${logFile === launch.logFile ? 'file' : 'error'}`;
        const at = { file: config.path, ...placeOf(key), key };
        return [{ ...at, ...problem, found: `${problem.found} (${logFile})` }];
      });
    }),
  );
  return [...new Map(found.map((problem) => [placedProblem(problem), problem])).values()];
}

/** Files and directories that a worker's own user cannot use, as far as they exist: root could, and so would notice nothing. */
function outOfReach(
  config: Config,
  hostName: string,
  placeOf: ReturnType<typeof keyPlaces>,
): readonly ConfigProblem[] {
  const found = config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name): ConfigProblem[] =>
      reachProblems(launchOf(worker, name, config.stateDir, hostName), config.stateDir).map(
        ({ key, words }) => {
          const path = `workers.${worker.name}.${key}`;
          return {
            ...{ file: config.path, ...placeOf(path), key: path },
            ...{ expected: `what the user ${worker.runAs?.user ?? ''} can use`, found: words },
          };
        },
      ),
    ),
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
