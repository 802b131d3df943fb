// What the bundles contain of other people's work: the texts of their licences, and a software bill of materials (CycloneDX).
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const isLicence = (name) => /^(licen[cs]e|copying|notice)/i.test(name);

/** The folders of the packages that files in node_modules belong to, each once, by name. */
export function packageFolders(files) {
  const found = new Set();
  for (const file of files) {
    const at = file.lastIndexOf('node_modules/');
    if (at < 0) continue;
    const words = file.slice(at).split('/');
    found.add(file.slice(0, at) + words.slice(0, words[1].startsWith('@') ? 3 : 2).join('/'));
  }
  return [...found].sort();
}

/**
 * A package: name, version, the id of its licence and its text.
 * @throws Error if it has none: it must not be distributed without
 */
export function licenceOf(root, folder) {
  const file = join(root, folder, 'package.json');
  const { name, version, license } = JSON.parse(readFileSync(file, 'utf8'));
  const texts = readdirSync(join(root, folder)).filter(isLicence).sort();
  if (license === undefined || texts.length === 0)
    throw new Error(`${name} ${version}: expected a licence and its text, found none in ${folder}`);
  const text = texts
    .map((one) => readFileSync(join(root, folder, one), 'utf8').trim())
    .join('\n\n');
  return { name, version, license, text };
}

/** One file with all texts. The same terms are there once, below all packages that have them and the notices of these. */
export function licenceTexts(packages) {
  const byTerms = new Map();
  for (const one of packages) {
    const { notice, terms } = parted(one.text);
    const key = terms.replace(/\s+/g, ' ');
    const known = byTerms.get(key) ?? { terms, of: [] };
    known.of.push({ one, notice });
    byTerms.set(key, known);
  }
  const parts = [...byTerms.values()].map(({ terms, of }) => {
    const heads = of.map(
      ({ one: { name, version, license }, notice }) =>
        `${name} ${version} (${license})\n${notice === '' ? '' : `\n${notice}\n`}`,
    );
    return `${heads.join('\n')}\n${terms}\n`;
  });
  return `workerctl contains these packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/** Who has the copyright, and the terms, which many packages have in common. */
function parted(text) {
  const at = /^Permission (?:is hereby granted|to use, copy)/m.exec(text)?.index ?? 0;
  return { notice: text.slice(0, at).trim(), terms: text.slice(at).trim() };
}

const purl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

const component = (type, one) => ({
  type,
  'bom-ref': purl(one.name, one.version),
  name: one.name,
  version: one.version,
  purl: purl(one.name, one.version),
  licenses: [
    / (OR|AND) /.test(one.license) ? { expression: one.license } : { license: { id: one.license } },
  ],
});

/** CycloneDX 1.5. No time and no serial number: two builds of one tree are identical. */
export function billOfMaterials(packages, { name, version, license }) {
  const own = { name, version, license };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component('application', own) },
    components: packages.map((one) => component('library', one)),
    dependencies: [
      { ref: purl(name, version), dependsOn: packages.map((one) => purl(one.name, one.version)) },
    ],
  };
}

/** All of a tree: what the build's metafiles name. */
export const licencesOf = (root, files) =>
  packageFolders(files)
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => licenceOf(root, folder));

/** Adds to a bill of materials on disk what has come into the archive after the build. */
export function addToBill(file, added) {
  const bill = JSON.parse(readFileSync(file, 'utf8'));
  bill.components.push(component('library', added));
  bill.dependencies[0].dependsOn.push(purl(added.name, added.version));
  writeFileSync(file, JSON.stringify(bill));
}
