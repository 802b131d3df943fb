import { accessSync, constants, existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { dirname } from 'node:path';
import { configWarnings } from '../../config/host-warnings.ts';
import { fine, problem, warning, type Finding } from '../../core/views/finding.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { launchOf, workerPath, type Launch } from '../../core/model/launch.ts';
import type { Examination } from './examination.ts';
import { nearestThere } from './state-directory.ts';

/** What will be in the way of a start: what `check` warns of, and what this user may not do. */
export function workerFindings({ config, hostName }: Examination): Finding[] {
  const warnings = configWarnings(config, { name: hostName, path: workerPath });
  const launches = config.workers.flatMap((worker) =>
    instanceNames(worker).map((name) => launchOf(worker, name, config.stateDir, hostName)),
  );
  const findings = new Map<string, Finding>();
  for (const finding of [
    ...warnings.map(ofCheck),
    ...launches.flatMap((one) => rightsOf(one, config.stateDir)),
  ])
    findings.set(`${finding.about} ${finding.found}`, finding);
  if (findings.size > 0) return [...findings.values()];
  return [fine('workers', `${config.workers.length}, each can be started by this user`)];
}

/** Without these a start fails; the rest is made, or only not known. */
const isNeeded = /^workers\.[^.]+\.(?:command|directory|env_files|ready\.command)$/;

function ofCheck(text: string): Finding {
  const [, key = '', words = ''] = /^(\S+): (.*)$/s.exec(text) ?? [];
  if (isNeeded.test(key)) {
    return problem(key, words, [
      'the worker cannot be started, or does not become ready',
      'put it in place, or mend the config',
    ]);
  }
  return warning(key, words, [
    'a start does without it, but may show something else than you expect',
    'put it in place, or mend the config',
  ]);
}

function rightsOf(launch: Launch, stateDir: string): Finding[] {
  const { instance, directory, envFiles, logFile, pidfile, nice } = launch;
  const { R_OK, W_OK, X_OK } = constants;
  const refused = (about: string, found: string, advice: string): Finding =>
    problem(about, found, [`${instance} and the like cannot be started`, advice]);
  return [
    ...(existsSync(directory) && !may(directory, X_OK)
      ? [refused(directory, 'this user may not enter it', 'chmod a+x on it, or chgrp')]
      : []),
    ...envFiles
      .filter((file) => existsSync(file) && !may(file, R_OK))
      .map((file) =>
        refused(file, 'this user may not read it', 'let the user of the workers read it'),
      ),
    // The state directory has a check of its own.
    ...[logFile, pidfile]
      .filter((file) => dirname(file) !== stateDir)
      .flatMap((file) => {
        const place = existsSync(file) && file === logFile ? file : nearestThere(dirname(file));
        if (may(place, place === logFile ? W_OK : W_OK | X_OK)) return [];
        return [
          refused(
            place,
            `this user may not write there (for ${file})`,
            'chown it to the user of the workers',
          ),
        ];
      }),
    ...(nice < getPriority() && process.geteuid?.() !== 0
      ? [
          warning(`nice of ${instance}`, `${nice}, but only root may go below ${getPriority()}`, [
            'the worker keeps the nice value of whoever starts it',
            'set nice to 0 or more, or run workerctl from where the nice value is 0',
          ]),
        ]
      : []),
  ];
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
