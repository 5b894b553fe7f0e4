// Everything that a document can say of an object with a name, labels can say, and it means the same: the test goes
// through the schemas, so that what is added to them is in it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makePair } from '../../../../test/support/certificates.ts';
import { optionSamples, optionsOf, type Setting } from '../../../../test/support/option-samples.ts';
import { after, labelRouting, sampleWorkload, SECRETS } from '../../../../test/support/workloads.ts';
import { ANY_PLUGIN, type PathSegment } from '../../../schema/decode-context.ts';
import type { Schema } from '../../../schema/schema.ts';
import { OBJECT_KINDS, OBJECT_SECTIONS, type ObjectSection } from '../../config/routing/object-kinds.ts';
import { decodeRouting } from '../../config/routing/routing-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'labels-'));
const USERS = 'anna:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/';
const DIGEST_USERS = 'anna:x:0123456789abcdef0123456789abcdef';
const FILE = join(directory, 'users');
const DIGEST_FILE = join(directory, 'digest-users');
writeFileSync(FILE, `${USERS}\n`);
writeFileSync(DIGEST_FILE, `${DIGEST_USERS}\n`);
afterAll(() => rmSync(directory, { recursive: true }));
const PAIR = makePair(['x.test']);
/** What only a few options take. */
const MORE = [USERS, DIGEST_USERS, FILE, DIGEST_FILE, `${PAIR.certPem}${PAIR.keyPem}`, 'VersionTLS12', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'GET', 'gzip', 'Retry-After', 'Thu, 01 Jan 2037 00:00:00 GMT']; // prettier-ignore

/** What the schemas do not say: an option makes no sense without one of these beside it. */
const COMPANIONS: readonly Setting[] = [
  { path: ['basicAuth', 'users', 0], text: USERS },
  { path: ['digestAuth', 'users', 0], text: DIGEST_USERS },
];

const BY_LABELS = OBJECT_SECTIONS.filter((section) => OBJECT_KINDS[section].at[0] !== 'tls');

function fromDocument(section: ObjectSection, settings: readonly Setting[]): unknown {
  const { at, options } = OBJECT_KINDS[section];
  const value = { [at[0]]: { [at[1]]: { o: optionsOf(options as Schema<unknown>, settings) } } };
  const document = { source: 'document', text: '', value, diagnostics: [], locate: () => null };
  return decodeRouting('docker', document, { substitutions: SECRETS, plugins: ANY_PLUGIN })[section].get('o')?.value;
}

/** Cases as people mix them, and entries of lists in both ways. */
const FORMS: readonly ((path: readonly PathSegment[]) => string)[] = [
  (path) => path.join('.'),
  (path) => path.map((one) => (typeof one === 'number' ? `[${one}]` : `.${one.toLowerCase()}`)).join('').slice(1),
]; // prettier-ignore

function fromLabels(section: ObjectSection, settings: readonly Setting[], form: (typeof FORMS)[number]): unknown {
  const labels = settings.map(({ path, text }) => [
    `traefik.${form([...OBJECT_KINDS[section].at, 'o', ...path])}`,
    text,
  ]);
  const workload = sampleWorkload({ id: 'w', labels: Object.fromEntries(labels) as Record<string, string> });
  return after(null, labelRouting({ allowFiles: true }).update([workload]))[section].get('o')?.value;
}

/** Keys that somebody chose, in the case that they have in a document. */
function withLowerKeys(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"x-some"', '"X-Some"'));
}

/** One that names none gets that of the workload. */
function withService(section: ObjectSection, settings: readonly Setting[]): readonly Setting[] {
  const isWhole = section !== 'routers' || settings.some(({ path }) => path[0] === 'service');
  return isWhole ? settings : [...settings, { path: ['service'], text: 's' }];
}

test.each(BY_LABELS)('all options of %s', (section) => {
  let count = 0;
  const untested: string[] = [];
  for (const { path, attempts } of optionSamples(section, MORE)) {
    const companion = COMPANIONS.filter((one) => one.path[0] === path[0] && one.path.join('.') !== path.join('.'));
    const settings = [...attempts]
      .flatMap((attempt) => [withService(section, attempt), [...companion, ...attempt]])
      .find((attempt) => fromDocument(section, attempt) != null);
    if (settings === undefined) {
      untested.push(path.join('.'));
      continue;
    }
    const meant = fromDocument(section, settings);
    for (const form of FORMS) {
      const said = withLowerKeys(fromLabels(section, settings, form));
      expect(said, form(path)).toEqual(withLowerKeys(meant));
    }
    count++;
  }
  expect(untested).toEqual([]);
  expect(count).toBeGreaterThan(0);
});
