import { noteTrait } from '../process/traits.ts';
import { constants, existsSync, fstatSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../core/model/config.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { readFlags, textOfOpen } from '../files/bounded-read.ts';
import { checkStateDirectory } from './state-directory.ts';
import { stagingDirectory } from './paths.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { withFile } from '../files/with-file.ts';

/** All that a Config is made of. */
export interface ConfigKey {
  /** The build that made it: another one may read the text differently. */
  readonly build: string;
  /** The absolute path of the config file. */
  readonly file: string;
  /** The whole text of that file. */
  readonly text: string;
}

const pathIn = (stateDir: string): string => `${stagingDirectory(stateDir)}/config`;

/** What follows this prefix was made of this text, in this file. No path and no config contains a NUL. */
const prefixOf = ({ build, file, text }: ConfigKey): string => `${build}\0${file}\0${text}\0`;

/**
 * The Config that was made of the same text before; undefined if none was kept. Parsing and checking YAML takes several
 * times as long as reading both files. Only a file that no other user can have written is trusted.
 */
export function keptConfig(stateDir: string, key: ConfigKey): Config | undefined {
  const kept = readOwnFile(pathIn(stateDir));
  const prefix = prefixOf(key);
  if (kept?.startsWith(prefix) !== true) return undefined;
  noteTrait('config');
  try {
    return JSON.parse(kept.slice(prefix.length)) as Config;
  } catch {
    return undefined; // it was edited
  }
}

/** Keeps the config of a command that was loaded before there was a state directory. */
let delayed: { readonly stateDir: string; readonly keep: () => void } | undefined;

/**
 * Keeps a Config for the next command: at once, or when the state directory has been made, by `keepDelayedConfig`. If it cannot
 * be kept, the next command parses the text again.
 */
export function keepConfig(stateDir: string, key: ConfigKey, config: Config): void {
  if (existsSync(stateDir)) keepNow(stateDir, key, config);
  else
    delayed = {
      stateDir,
      keep: () => {
        keepNow(stateDir, key, config);
      },
    };
}

/** To be called when the state directory has been made: what a `watch` has refused is not kept in another one. */
export function keepDelayedConfig(stateDir: string): void {
  if (delayed?.stateDir === stateDir) delayed.keep();
  delayed = undefined;
}

function keepNow(stateDir: string, key: ConfigKey, config: Config): void {
  const json = JSON.stringify(config);
  if (!isDeepStrictEqual(JSON.parse(json), config)) return;
  try {
    checkStateDirectory(stateDir); // a user who may write there could make us write elsewhere
    makeDirectory(stagingDirectory(stateDir));
    writeFileAtomically(pathIn(stateDir), `${prefixOf(key)}${json}\n`, { mode: 0o600 });
  } catch {
    return; // a full disk, or another user's directory
  }
}

/** Removes the kept Config, because the config may hold secrets from now on. */
export function forgetConfig(stateDir: string): void {
  try {
    if (!existsSync(pathIn(stateDir))) return;
    checkStateDirectory(stateDir);
    rmSync(pathIn(stateDir));
  } catch {
    return; // it belongs to another user, and only that user can remove it
  }
}

/** A config of the largest size, and the Config that was made of it. */
const maxBytes = 16 * 1024 * 1024;

function readOwnFile(path: string): string | undefined {
  try {
    return withFile(path, readFlags | constants.O_NOFOLLOW, (fd) => {
      const stat = fstatSync(fd);
      const isOurs = stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0;
      return isOurs ? textOfOpen(fd, maxBytes) : undefined;
    });
  } catch {
    return undefined; // missing, not ours to read, or no file of ours
  }
}
