import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import {
  accessHint,
  checkForLook,
  checkStateDirectory,
  ensureStateDirectory,
} from '../../../src/host/state/state-directory.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const asRoot = process.geteuid?.() === 0;
const stateDir = (): string => scratch.path('var/state');

function refusal(act: (path: string) => void, path = stateDir()): WorkerctlError {
  try {
    act(path);
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected that it is refused');
}

test('a missing one must be created, with those above it, and be writable only for its owner', () => {
  ensureStateDirectory(stateDir());
  expect(statSync(stateDir()).mode & 0o022).toBe(0);
  ensureStateDirectory(stateDir());
});

test('what to do must depend on what keeps one from being written', () => {
  const error = (code: string) => Object.assign(new Error(code), { code });
  expect(accessHint(error('EROFS'))).toMatch(/^make its file system writable again/);
  expect(accessHint(error('EACCES'))).toMatch(/^run workerctl as the user who owns it/);
});

test('a missing one must count as empty for commands that only look', () => {
  checkStateDirectory(stateDir());
  expect(existsSync(stateDir())).toBe(false);
});

test('a symbolic link to one must be accepted', () => {
  mkdirSync(scratch.path('shared'));
  symlinkSync(scratch.path('shared'), scratch.path('link'));
  ensureStateDirectory(scratch.path('link'));
  checkStateDirectory(scratch.path('link'));
});

describe.each([
  ['ensureStateDirectory', ensureStateDirectory],
  ['checkStateDirectory', checkStateDirectory],
  ['checkForLook', checkForLook],
])('%s', (_, act) => {
  test('must refuse one that every user can write to', () => {
    mkdirSync(stateDir(), { recursive: true });
    chmodSync(stateDir(), 0o777);
    const error = refusal(act);
    expect(error.code).toBe('state');
    expect(error.message).toContain(`state directory ${stateDir()}: every user can write to it`);
    expect(error.hint).toContain('chmod');
  });

  test.runIf(asRoot)(
    'must refuse one of another user, also as root, unless it is for a look',
    () => {
      mkdirSync(stateDir(), { recursive: true });
      chownSync(stateDir(), 54321, 54321);
      if (act === checkForLook) {
        act(stateDir());
        return;
      }
      const { message, hint } = refusal(act);
      expect(message).toContain('belongs to #54321, you are root');
      expect(hint).toContain("sudo -u '#54321' workerctl");
    },
  );

  test.runIf(asRoot)('must refuse one that a group can write to, unless that is private', () => {
    mkdirSync(stateDir(), { recursive: true });
    chmodSync(stateDir(), 0o2775);
    act(stateDir());
    chownSync(stateDir(), 0, 54321);
    chmodSync(stateDir(), 0o2775);
    const { message, hint } = refusal(act);
    expect(message).toContain('the group #54321 can write to it');
    expect(hint).toContain(`chmod g-w ${stateDir()}`);
    chmodSync(stateDir(), 0o2755);
    act(stateDir());
  });

  test('must refuse a file', () => {
    expect(refusal(act, scratch.write('file', '')).message).toContain('file');
  });

  test('must refuse a path below a file', () => {
    const error = refusal(act, `${scratch.write('file', '')}/state`);
    expect(error.code).toBe('state');
  });
});
