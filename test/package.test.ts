import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

// Of the build, which is JavaScript.
const [licences, origin] = ['../.config/licences.mjs', '../.config/origin.mjs'];

interface Licences {
  readonly packageFolders: (files: Iterable<string>) => readonly string[];
  readonly licenceOf: (root: string, folder: string) => { readonly text: string };
}
const { packageFolders, licenceOf } = (await import(licences)) as Licences;

const root = mkdtempSync(join(tmpdir(), 'workerctl-licences-'));

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function packageOf(name: string, manifest: object, files: Record<string, string>): string {
  const folder = join('node_modules', name);
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(
    join(root, folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', ...manifest }),
  );
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, folder, file), text);
  return folder;
}

test('a package must be found in each place in which npm puts it', () => {
  expect(
    packageFolders([
      'src/main.ts',
      'node_modules/a/x/y.js',
      'node_modules/@s/b/index.js',
      'node_modules/a/node_modules/c/c.js',
      'node_modules/a/z.js',
    ]),
  ).toEqual(['node_modules/@s/b', 'node_modules/a', 'node_modules/a/node_modules/c']);
});

test.each(['LICENSE', 'license.md', 'LICENCE', 'COPYING'])(
  '%s must be taken as the text',
  (file) => {
    const folder = packageOf(`with-${file}`, { license: 'MIT' }, { [file]: 'You may.\n' });
    expect(licenceOf(root, folder).text).toBe('You may.');
  },
);

test.each([
  ['no text', { license: 'MIT' }, {}],
  ['no licence', {}, { LICENSE: 'You may.' }],
])('a bundled package with %s must fail the build', (name, manifest, files) => {
  const folder = packageOf(name.replace(' ', '-'), manifest, files);
  expect(() => licenceOf(root, folder)).toThrow('expected a licence and its text');
});

const { placesOf } = (await import(origin)) as {
  readonly placesOf: (url: string) => { readonly repository?: { readonly url: string } };
};

test.each([
  ['git@git.example.org:team/workerctl.git', 'git+https://git.example.org/team/workerctl.git'],
  ['https://name:secret@git.example.org/workerctl', 'git+https://git.example.org/workerctl.git'],
  [
    'ssh://git@git.example.org:2222/team/workerctl',
    'git+https://git.example.org/team/workerctl.git',
  ],
  ['/srv/git/workerctl.git', undefined],
  ['../workerctl', undefined],
])('a clone of %s must name where it comes from, if others can reach that', (url, expected) => {
  expect(placesOf(url).repository?.url).toBe(expected);
});
