// Releases in the rig's directory, with a link `current` that each deploy moves.
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readlinkSync } from 'node:fs';
import { environmentOf } from './kernel.ts';
import { fixture } from './programs.ts';
import type { Rig } from './rig.ts';

/**
 * Makes `releases/NAME` with its name in the file REVISION and a program `bin/worker`, and moves `current` to it.
 * @param head the first line of the program
 */
export function deploy(
  rig: Rig,
  name: string,
  head = '#!/bin/sh',
  worker = 'tells-its-work',
): void {
  mkdirSync(rig.path(`releases/${name}/bin`), { recursive: true });
  writeFileSync(rig.path(`releases/${name}/REVISION`), `${name}\n`);
  const program = rig.path(`releases/${name}/bin/worker`);
  writeFileSync(program, `${head}\nexec ${fixture(worker)}\n`);
  chmodSync(program, 0o755);
  moveTo(rig, name);
}

/** Lets `current` point to a release, in one step. */
export function moveTo(rig: Rig, name: string): void {
  symlinkSync(`releases/${name}`, rig.path('current.new'));
  renameSync(rig.path('current.new'), rig.path('current'));
}

/** The release of an instance's process by its working directory, its environment and its record: they must be one. */
export function releasesOf(rig: Rig, name: string): readonly unknown[] {
  const instance = rig.instance(name);
  const pid = instance.pid() ?? 0;
  return [
    basename(readlinkSync(`/proc/${pid}/cwd`)),
    environmentOf(pid)['WORKERCTL_RELEASE'],
    instance.record()['release'],
  ];
}
