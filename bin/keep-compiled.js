// Writes what V8 has compiled in this run, for the next one. Nothing depends on it: what cannot be written is left out.
'use strict';
const fs = require('fs');
const path = require('path');

/** Of the bundle, see bin/workerctl. */
const idLength = 24;
const oldMs = 90 * 24 * 3_600_000;

/** A folder that only this user writes, made if need be: beside bundles of its own, else among its caches. */
function writableFolder(beside, own) {
  const uid = process.geteuid();
  const isOurs = (folder) => {
    const stats = fs.lstatSync(folder);
    return stats.isDirectory() && stats.uid === uid && (stats.mode & 0o022) === 0;
  };
  const make = (folder) => {
    fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
    return isOurs(folder);
  };
  const attempt = (action) => {
    try {
      return action();
    } catch {
      return false;
    }
  };
  const canWrite = (folder) => {
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  };
  if (attempt(() => isOurs(path.dirname(beside)) && make(beside) && canWrite(beside)))
    return beside;
  // The home or the cache directory must be one's own: root leaves no files in that of the user who called sudo.
  const existing = own && [path.dirname(own), path.dirname(path.dirname(own))].find(fs.existsSync);
  if (existing && attempt(() => isOurs(existing) && make(own) && canWrite(own))) return own;
  return undefined;
}

function write(file, chunks) {
  const staged = `${file}.${process.pid}`;
  fs.rmSync(staged, { force: true }); // in a container, pids repeat
  const fd = fs.openSync(staged, 'wx', 0o644);
  try {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (fs.writevSync(fd, chunks) !== length) throw new Error('the disk is full');
    fs.fdatasyncSync(fd); // V8 does not notice a file that a power cut has damaged
    fs.renameSync(staged, file);
  } catch (error) {
    fs.rmSync(staged, { force: true });
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

function removeOld(folder) {
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    if (fs.statSync(file).mtimeMs < Date.now() - oldMs) fs.rmSync(file);
  }
}

exports.keep = (lacking, folders, headLength) => {
  try {
    const folder = writableFolder(folders.at(-1), folders.at(-2));
    if (folder === undefined) return;
    removeOld(folder);
    for (const { part, words } of lacking) {
      const head = Buffer.alloc(headLength, ' ');
      const text = words.join(' ');
      if (idLength + text.length > headLength) continue;
      head.write(part.id + text, 'latin1');
      write(path.join(folder, part.keptAs), [head, part.script.createCachedData()]);
    }
  } catch {
    // A full disk, or another run that did the same.
  }
};
