import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../core/model/config.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { checkStateDirectory } from './state-directory.ts';
import { stagingFolder } from './paths.ts';
import { makeFolder } from '../files/make-folder.ts';

/** All that goes into a Config. */
export interface ConfigKey {
  /** The build that has made it: another one may understand the text in another way. */
  readonly build: string;
  /** The absolute path of the config file. */
  readonly file: string;
  /** What is in it, whole. */
  readonly text: string;
}

const pathIn = (stateDir: string): string => `${stagingFolder(stateDir)}/config`;

/** No path and no config has a NUL in it: behind this is what was made of this very text in this very file. */
const prefixOf = ({ build, file, text }: ConfigKey): string => `${build}\0${file}\0${text}\0`;

/**
 * The Config that was made of this very text before; undefined where nobody has kept it. To understand YAML and check it
 * takes several times as long as to read both. Only a file that nobody but this user can have written is believed.
 */
export function keptConfig(stateDir: string, key: ConfigKey): Config | undefined {
  const kept = readOwnFile(pathIn(stateDir));
  const prefix = prefixOf(key);
  if (kept?.startsWith(prefix) !== true) return undefined;
  try {
    return JSON.parse(kept.slice(prefix.length)) as Config;
  } catch {
    return undefined; // somebody has edited it
  }
}

/** Keeps a Config for the next command. Where that cannot be done, the next one understands the text anew. */
export function keepConfig(stateDir: string, key: ConfigKey, config: Config): void {
  const json = JSON.stringify(config);
  if (!isDeepStrictEqual(JSON.parse(json), config)) return;
  try {
    if (!existsSync(stateDir)) return; // nothing was ever started
    checkStateDirectory(stateDir); // whoever may write there could have us write elsewhere
    makeFolder(stagingFolder(stateDir));
    writeFileAtomically(pathIn(stateDir), `${prefixOf(key)}${json}\n`, { mode: 0o600 });
  } catch {
    return; // a full disk, or another user's folder
  }
}

/** Removes what is kept: for a config that may hold secrets from now on. */
export function forgetConfig(stateDir: string): void {
  try {
    if (!existsSync(pathIn(stateDir))) return;
    checkStateDirectory(stateDir);
    rmSync(pathIn(stateDir));
  } catch {
    return; // another user's: it is for him to do
  }
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

function readOwnFile(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = fstatSync(fd);
    const isOurs = stat.isFile() && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0;
    return isOurs ? readFileSync(fd, 'utf8') : undefined;
  } catch {
    return undefined; // not there, or not for us
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
