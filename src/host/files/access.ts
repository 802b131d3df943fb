import { accessSync, closeSync, constants, openSync, statSync, type Stats } from 'node:fs';
import { errnoOf } from './errno.ts';

const { R_OK, W_OK, X_OK, O_RDONLY, O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY, O_DIRECTORY } =
  constants;

/** An unnamed file of open(2), which Node does not name. */
const oTmpfile = 0o20000000 | O_DIRECTORY;

/**
 * Asks whether the user that we act as may use a file like this. access(2) would answer for the real user, so in the place of
 * another one it is tried. Nothing is created.
 * @throws the system error (EACCES, ENOENT, …)
 */
export function assertAccess(path: string, mode: number): void {
  if (process.geteuid?.() === process.getuid?.()) {
    accessSync(path, mode);
    return;
  }
  const stats = statSync(path);
  if (stats.isDirectory()) tryDirectory(path, stats, mode);
  else tryFile(path, stats, mode);
}

/** The same as an answer. */
export function mayAccess(path: string, mode: number): boolean {
  try {
    assertAccess(path, mode);
    return true;
  } catch {
    return false;
  }
}

function tryDirectory(path: string, stats: Stats, mode: number): void {
  if ((mode & X_OK) !== 0) statSync(`${path}/.`);
  if ((mode & R_OK) !== 0) tryToOpen(path, O_RDONLY | O_DIRECTORY);
  if ((mode & W_OK) === 0) return;
  try {
    tryToOpen(path, O_WRONLY | oTmpfile);
  } catch (error) {
    if (!['EOPNOTSUPP', 'EISDIR', 'EINVAL'].includes(errnoOf(error) ?? '')) throw error;
    assertGranted(path, stats, W_OK); // a file system without unnamed files
  }
}

function tryFile(path: string, stats: Stats, mode: number): void {
  const quietly = O_NONBLOCK | O_NOCTTY;
  if ((mode & R_OK) !== 0) tryToOpen(path, O_RDONLY | quietly);
  if ((mode & W_OK) !== 0) tryToOpen(path, O_WRONLY | O_APPEND | quietly);
  if ((mode & X_OK) !== 0) assertGranted(path, stats, X_OK);
}

const tryToOpen = (path: string, flags: number): void => {
  closeSync(openSync(path, flags, 0o600));
};

/** By owner, group and mode alone: what an access list adds is not seen. */
function assertGranted(path: string, { uid, gid, mode }: Stats, wanted: number): void {
  const isOfGroup = gid === process.getegid?.() || process.getgroups?.().includes(gid) === true;
  const shift = uid === process.geteuid?.() ? 6 : isOfGroup ? 3 : 0;
  if (((mode >> shift) & wanted) === wanted) return;
  throw Object.assign(new Error(`EACCES: permission denied, '${path}'`), { code: 'EACCES' });
}
