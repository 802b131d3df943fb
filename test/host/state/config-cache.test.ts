import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import type { Config } from '../../../src/core/model/config.ts';
import {
  keepConfig,
  keepDelayedConfig,
  keptConfig,
  type ConfigKey,
} from '../../../src/host/state/config-cache.ts';
import { aConfig, aWorker } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const config = aConfig(aWorker('mail', ['1', '2']));
const key: ConfigKey = { build: '1.0 abc', file: '/srv/workerctl.yaml', text: 'workers:\n  {…}\n' };

const stateDir = (): string => scratch.path('state');
const cache = (): string => scratch.path('state/.new/config');
const kept = (other: Partial<ConfigKey> = {}): Config | undefined =>
  keptConfig(stateDir(), { ...key, ...other });

beforeEach(() => {
  mkdirSync(stateDir());
});

test('a kept Config must be returned for the same build, file and text', () => {
  expect(kept()).toBeUndefined();
  keepConfig(stateDir(), key, config);
  expect(kept()).toStrictEqual(config);
});

test.each([
  ['build', { build: '1.0 abd' }],
  ['file', { file: '/srv/current/workerctl.yaml' }],
  ['file and text that are the same in a row', { file: `${key.file}\nworkers:`, text: '  {…}\n' }],
  ['text, of the same length', { text: 'workers:\n  {;}\n' }],
  ['text with something behind it', { text: `${key.text}\n` }],
  ['text that is the beginning of it', { text: key.text.slice(0, -1) }],
])('nothing must be returned for another %s', (_, other) => {
  keepConfig(stateDir(), key, config);
  expect(kept(other)).toBeUndefined();
});

test('the last one must be kept', () => {
  keepConfig(stateDir(), key, config);
  const next = aConfig(aWorker('mail', ['1']));
  keepConfig(stateDir(), { ...key, text: 'other' }, next);
  expect(kept()).toBeUndefined();
  expect(kept({ text: 'other' })).toStrictEqual(next);
});

test('no other user must be able to read it', () => {
  keepConfig(stateDir(), key, config);
  expect(statSync(cache()).mode & 0o777).toBe(0o600);
});

const rewrite = (text: string): void => {
  writeFileSync(cache(), text);
};

const allow = (mode: number) => (): void => {
  chmodSync(cache(), mode);
};

test.each<[string, () => void]>([
  [
    'empty',
    () => {
      rewrite('');
    },
  ],
  [
    'torn',
    () => {
      rewrite(readFileSync(cache(), 'utf8').slice(0, -20));
    },
  ],
  [
    'a directory',
    () => {
      rmSync(cache());
      mkdirSync(cache());
    },
  ],
  ['writable for others', allow(0o622)],
  ['readable for others', allow(0o644)],
  [
    'a link',
    () => {
      writeFileSync(scratch.path('elsewhere'), readFileSync(cache()), { mode: 0o600 });
      rmSync(cache());
      symlinkSync(scratch.path('elsewhere'), cache());
    },
  ],
])('a file that is %s must not be trusted', (_, change) => {
  keepConfig(stateDir(), key, config);
  change();
  expect(kept()).toBeUndefined();
});

test.runIf(process.getuid?.() === 0)('a file of another user must not be trusted', () => {
  keepConfig(stateDir(), key, config);
  chownSync(cache(), 65534, 65534);
  expect(kept()).toBeUndefined();
});

test('nothing must be written before the state directory has been made', () => {
  rmSync(stateDir(), { recursive: true });
  keepConfig(stateDir(), key, config);
  expect(existsSync(stateDir())).toBe(false);
  mkdirSync(stateDir());
  keepDelayedConfig(stateDir());
  expect(kept()).toEqual(config);
});

test('nothing must be written into a directory that others can write to: they could redirect us', () => {
  chmodSync(stateDir(), 0o777);
  symlinkSync(scratch.folder(), scratch.path('state/.new'));
  keepConfig(stateDir(), key, config);
  expect(existsSync(scratch.path('config'))).toBe(false);
});

test('a Config that JSON would change must not be kept', () => {
  const endless = { ...config, stateDir: Infinity as unknown as string };
  keepConfig(stateDir(), key, endless);
  expect(existsSync(cache())).toBe(false);
});
