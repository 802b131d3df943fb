import { constants, existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { dirname } from 'node:path';
import { problemText } from '../../core/basics/config-problem.ts';
import { configWarnings } from '../../config/host-warnings.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { listed, orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { launchOf, workerPath, type Launch, logFilesIn } from '../../core/model/launch.ts';
import { keyPlaces } from '../../config/key-places.ts';
import { withoutGroup, wrongEnvFiles, wrongLogs } from '../check.ts';
import { mayAccess } from '../../host/files/access.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { asUserOf, assertUsable } from '../../host/process/as-user.ts';
import { namesStream } from '../../host/logs/open-log.ts';
import { hasSystemd } from '../../host/process/system-state.ts';
import type { Examination } from './examination.ts';
import { nearestThere } from './state-directory.ts';

/** What would make a start fail: what `check` warns about, and missing permissions. */
export function workerFindings({ config, hostName }: Examination): Findings {
  const host = { name: hostName, path: workerPath, hasSystemd: hasSystemd() };
  const warnings = configWarnings(config, host);
  const launches = config.workers.flatMap((worker) =>
    instanceNames(worker).map((name) => launchOf(worker, name, config.stateDir, hostName)),
  );
  const all = listed([
    warnings.map(ofCheck),
    [
      ...wrongEnvFiles(config, hostName),
      ...wrongLogs(config, hostName, keyPlaces(config.path)),
      ...withoutGroup(config, keyPlaces(config.path)),
    ].map((wrong) =>
      problem(`${wrong.file}:${wrong.line}`, problemText(wrong), [
        'the worker cannot be started',
        'fix it; workerctl check shows all problems of the file',
      ]),
    ),
    launches.map((one) => [
      rightsOf(one, config.stateDir),
      asUserOf(one, () => permissionsOf(one, config.stateDir)),
    ]),
  ]);
  const different = new Map(all.map((one) => [`${one.about} ${one.found}`, one]));
  return orFine(
    [...different.values()],
    'workers',
    `${config.workers.length}, and this user can start each`,
  );
}

/** Without these a start fails. The others are created by the start, or not needed for it. */
const isNeeded = /^workers\.[^.]+\.(?:command|directory|env_files|ready\.command)$/;

function ofCheck(text: string): Findings {
  const [, key = '', words = ''] = /^(\S+): (.*)$/s.exec(text) ?? [];
  const advice = 'create it, or fix the config';
  return isNeeded.test(key)
    ? problem(key, words, ['the worker cannot be started, or does not become ready', advice])
    : warning(key, words, [
        'a start works without it, but the result may not be what you expect',
        advice,
      ]);
}

/** What a worker with a user of its own needs besides. */
function rightsOf(launch: Launch, stateDir: string): Findings {
  const { instance, runAs } = launch;
  const about = `user of ${instance}`;
  try {
    assertUsable(launch);
  } catch (error) {
    return problem(about, describeErrno(error), [
      `instances such as ${instance} cannot be started`,
      'fix the config, or create the user or program',
    ]);
  }
  const isReached = asUserOf(
    launch,
    () => !existsSync(stateDir) || mayAccess(stateDir, constants.X_OK),
  );
  if (isReached || runAs === undefined) return [];
  return warning(about, `${runAs.user} cannot enter ${stateDir}`, [
    'its heartbeats and messages of sd_notify(3) do not arrive',
    `chmod a+x ${shellWord(stateDir)} and the directories above it`,
  ]);
}

function permissionsOf(launch: Launch, stateDir: string): Findings {
  const { instance, directory, envFiles, pidfile, nice, runAs } = launch;
  const logs = logFilesIn(launch);
  const who = runAs?.user ?? 'this user';
  const { R_OK, W_OK, X_OK } = constants;
  const refused = (about: string, found: string, advice: string): Findings =>
    problem(about, found, [`instances such as ${instance} cannot be started`, advice]);
  return [
    existsSync(directory) && !mayAccess(directory, X_OK)
      ? refused(
          directory,
          `cannot be entered by ${who}`,
          `chmod a+x ${shellWord(directory)}, or chgrp it`,
        )
      : [],
    envFiles
      .filter((file) => existsSync(file) && !mayAccess(file, R_OK))
      .map((file) =>
        refused(file, `cannot be read by ${who}`, 'make it readable for the user of the workers'),
      ),
    // The state directory has a check of its own.
    [...logs, pidfile]
      .filter((file) => dirname(file) !== stateDir && !namesStream(file))
      .map((file) => {
        const place = existsSync(file) && logs.includes(file) ? file : nearestThere(dirname(file));
        if (mayAccess(place, logs.includes(place) ? W_OK : W_OK | X_OK)) return [];
        return refused(
          place,
          `cannot be written by ${who} (for ${file})`,
          'chown it to the user of the workers',
        );
      }),
    nice < getPriority() && process.getuid?.() !== 0
      ? warning(`nice of ${instance}`, `${nice}, but only root may go below ${getPriority()}`, [
          'the worker keeps the nice value of the command that starts it',
          'set nice to 0 or more, or run workerctl with a lower nice value',
        ])
      : [],
  ];
}
