// Links of all documents lead to a file and a heading that are there, and their words are spelt as the list has them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'signalbox-prose-'));
afterAll(() => rmSync(directory, { recursive: true }));

function run(script: string, ...args: readonly string[]): readonly [code: number | null, said: string] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', script), ...args], {
    encoding: 'utf8',
  });
  return [status, `${stdout}${stderr}`];
}

function document(text: string): string {
  const path = join(directory, 'page.md');
  writeFileSync(path, text);
  return path;
}

test('all links and anchors lead somewhere', () => {
  expect(run('doc-links.mjs')).toEqual([0, 'all links lead somewhere\n']);
});

test('links that lead nowhere are found, with their lines', () => {
  const path = document(`# A \`b.c\` [d](#e)

[there](#a-bc-d) [twice](#twice-1) [itself](page.md#twice) \`[code](nothing.md)\`

## Twice
## Twice

[gone](gone.md)
[no heading](page.md#nowhere), [another site](https://example.com/#x)

\`\`\`text
[code](nothing.md)
# Not a heading
\`\`\`

[not one](#not-a-heading)
`);
  const [code, said] = run('doc-links.mjs', path);
  const found = said.split('\n').map((line) => /:(\d+) (\S+): /.exec(line)?.slice(1));
  expect(code).toBe(1);
  expect(found.filter((one) => one !== undefined)).toEqual([
    ['1', '#e'],
    ['8', 'gone.md'],
    ['9', 'page.md#nowhere'],
    ['16', '#not-a-heading'],
  ]);
});

test('every word of the documents is on the list', () => {
  expect(run('doc-spelling.mjs')).toEqual([0, 'every word is known\n']);
});

test('words that are not on it are found, and code is left alone', () => {
  const [code, said] = run('doc-spelling.mjs', document('# The router\n\nIt is a ruoter, `nto code`, maxBytes.\n'));
  expect(code).toBe(1);
  expect(said).toMatch(/page\.md:3 ruoter\n1 words are not/);
});

test('the list is in order, each word once', () => {
  const words = readFileSync(join(ROOT, 'scripts/words.txt'), 'utf8').trimEnd().split('\n');
  expect(words).toEqual([...new Set(words)].toSorted());
});
