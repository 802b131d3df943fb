import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { workerPath } from '../../core/model/launch.ts';
import type { Project } from './project.ts';

/** A directory that workers need in their PATH, and why. */
export interface PathPart {
  readonly folder: string;
  readonly program: string;
}

/** Where a project keeps programs of its own. */
const ownFolders = ['.venv/bin', 'venv/bin', 'node_modules/.bin', 'vendor/bin'];

const standard = new Set(workerPath.split(':'));

/**
 * The directories in which these programs are found, and which a worker's PATH lacks: those of a venv, of node_modules, and
 * of rbenv, nvm and others that the caller's PATH has. What a script names in its first line counts, too.
 */
export function pathFor(
  programs: readonly string[],
  project: Project,
  callerPath: string,
): readonly PathPart[] {
  const parts = new Map<string, PathPart>();
  const seen = new Set<string>();
  const look = (program: string): void => {
    if (seen.has(program) || program === '' || program.includes('%')) return;
    seen.add(program);
    const folder = program.includes('/') ? '' : folderOf(program, project, callerPath);
    if (folder === undefined) return;
    if (folder !== '' && !standard.has(folder)) parts.set(folder, { folder, program });
    const interpreter = interpreterOf(project, folder === '' ? program : join(folder, program));
    if (interpreter !== undefined) look(interpreter);
  };
  programs.forEach(look);
  return [...parts.values()];
}

function folderOf(program: string, project: Project, callerPath: string): string | undefined {
  const own = ownFolders.map((folder) => join(project.folder, folder));
  const callers = callerPath.split(':').filter(isAbsolute);
  return [...own, ...callers].find((folder) => isProgram(join(folder, program)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** `ruby` of a script that begins with `#!/usr/bin/env ruby`. */
function interpreterOf(project: Project, program: string): string | undefined {
  const { text = '' } = isProgram(resolve(project.folder, program))
    ? (project.script(program) ?? {})
    : {};
  return /^#!\s*\/usr\/bin\/env\s+(?:-S\s+)?([\w.-]+)/.exec(text)?.[1];
}
