// Documents describe the present: every YAML block parses as what it claims to be, generated pages are current, codes in
// tables are the codes in use, and links lead somewhere.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DIAGNOSTIC_CODES } from '../src/controlplane/config/diagnostic-codes.ts';
import { parseConfig } from '../src/controlplane/config/document.ts';
import { decodeInstall } from '../src/controlplane/config/install-config.ts';
import { decodeRouting } from '../src/controlplane/config/routing-config.ts';
import { renderReference } from '../src/cli/reference.ts';
import { isMap } from '../src/schema/schema.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function files(directory: string, ending: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory())
      return ['node_modules', 'dist', '.git', '.bench'].includes(entry.name) ? [] : files(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

const documents = files(ROOT, '.md');

test('every YAML block is a configuration without a word to say against it', () => {
  let blocks = 0;
  for (const document of documents) {
    for (const [, yaml] of readFileSync(document, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)) {
      blocks++;
      const { value } = parseConfig('block.yml', yaml!);
      expect(isMap(value)).toBe(true);
      const isRouting = Object.keys(value as object).every((key) => key === 'http'); // A map, as asserted.
      const { diagnostics } = isRouting
        ? decodeRouting('file', parseConfig('block.yml', yaml!))
        : decodeInstall('block.yml', yaml!);
      expect([relative(ROOT, document), diagnostics]).toEqual([relative(ROOT, document), []]);
    }
  }
  expect(blocks).toBeGreaterThan(5);
});

test('generated reference pages are current; npm run generate writes them', () => {
  for (const [name, text] of Object.entries(renderReference())) {
    expect(readFileSync(join(ROOT, 'docs/reference', name), 'utf8')).toBe(text);
  }
});

test('every diagnostic code in use is in the table, and none is left over', () => {
  const used = new Set<string>();
  for (const file of files(join(ROOT, 'src'), '.ts')) {
    if (file.endsWith('.test.ts') || file.endsWith('diagnostic-codes.ts')) continue;
    const text = readFileSync(file, 'utf8');
    for (const code of Object.keys(DIAGNOSTIC_CODES)) if (text.includes(`'${code}'`)) used.add(code);
    for (const [, code] of text.matchAll(/(?:code: |'(?:error|warning)',\s*)'([a-z]+(?:-[a-z]+)+)'/g)) used.add(code!);
  }
  expect([...used].toSorted()).toEqual(Object.keys(DIAGNOSTIC_CODES).toSorted());
});

test('links between documents lead to files', () => {
  for (const document of documents) {
    for (const [, target] of readFileSync(document, 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      expect([relative(ROOT, document), target, existsSync(join(dirname(document), target!))]).toEqual([
        relative(ROOT, document),
        target,
        true,
      ]);
    }
  }
});
