import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { realPathOrSelf } from '../../host/files/real-path.ts';
import type { Project } from './project.ts';

/** Where releases, and what they share, are on the host. */
export interface Layout {
  /** By what that is known: `Capfile`. */
  readonly from: string;
  /** The directory that workers run in; undefined: that is not known. */
  readonly directory?: string;
  readonly stateDir: string;
  readonly logDir: string;
}

const layoutAt = (base: string, from: string): Layout => ({
  from,
  directory: join(base, 'current'),
  stateDir: join(base, 'shared', 'workerctl'),
  logDir: join(base, 'shared', 'log'),
});

/** How the project is deployed, if its directory or the files of a deploy tool say so. */
export function layoutOf(project: Project): Layout | undefined {
  return releaseOf(project.folder) ?? capistrano(project) ?? deployer(project) ?? kamal(project);
}

/** The directory is a release, or the link to the current one. */
function releaseOf(folder: string): Layout | undefined {
  const real = realPathOrSelf(folder);
  const [, base = '', releases = ''] = /^(.*)\/(releases?|versions)\/[^/]+$/.exec(real) ?? [];
  const isOne = base !== '' && existsSync(join(base, 'current'));
  return isOne ? layoutAt(base, join(base, releases)) : undefined;
}

/** An absolute path without anything that is put into it later. */
const isSettled = (path: string): boolean => /^\/[\w./-]+$/.test(path);

function capistrano(project: Project): Layout | undefined {
  const { text = '' } = project.file('config/deploy.rb') ?? {};
  if (text === '' || !project.has('Capfile')) return undefined;
  const setting = (name: string): string | undefined =>
    new RegExp(`^\\s*set[ (]+:${name},\\s*["']([^"']+)["']`, 'm').exec(text)?.[1];
  const application = setting('application') ?? '';
  const base = (setting('deploy_to') ?? '/var/www/#{fetch(:application)}').replace(
    /#\{(?:fetch\(:application\)|application)\}/g,
    application,
  );
  return isSettled(base) && application + base !== '/var/www/'
    ? layoutAt(base.replace(/\/$/, ''), 'config/deploy.rb')
    : undefined;
}

function deployer(project: Project): Layout | undefined {
  const name = ['deploy.php', 'deploy.yaml', 'deploy.yml'].find((one) => project.has(one));
  const { text = '' } = (name && project.file(name)) || {};
  const base =
    /set\(\s*["']deploy_path["']\s*,\s*["']([^"']+)["']/.exec(text)?.[1] ??
    /setDeployPath\(\s*["']([^"']+)["']/.exec(text)?.[1] ??
    /^\s*deploy_path:\s*["']?([^"'\s#]+)/m.exec(text)?.[1];
  return base !== undefined && name !== undefined && isSettled(base)
    ? layoutAt(base.replace(/\/$/, ''), name)
    : undefined;
}

/** Kamal replaces containers and has no `current`; workers beside them keep their state on the host. */
function kamal(project: Project): Layout | undefined {
  const { text = '' } = project.file('config/deploy.yml') ?? {};
  const service = /^service:\s*["']?([\w.-]+)/m.exec(text)?.[1];
  if (service === undefined || !/^image:/m.test(text)) return undefined;
  const base = `/srv/${service}`;
  return {
    from: 'config/deploy.yml (Kamal)',
    stateDir: join(base, 'workerctl'),
    logDir: join(base, 'log'),
  };
}
