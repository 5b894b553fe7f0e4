// Each symptom of the page happens as it stands there: the configuration, the request, the answer, and what the program
// says of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingPrograms } from './support/engine.ts';
import { Reader, sectionsOfPage } from './support/page.ts';

const missing = missingPrograms('bash', 'curl');
const SECTIONS = sectionsOfPage('troubleshooting.md');
let reader: Reader;

beforeAll(async () => {
  reader = new Reader();
  if (missing === null) await reader.type({ command: 'signalbox demo --origins', printed: '' });
});
afterAll(() => reader[Symbol.asyncDispose]());

test.skipIf(missing !== null).each(SECTIONS)('$title', async ({ blocks }) => {
  await reader.empty();
  await reader.read(blocks);
});

test('the symptoms that bring people here are there', () => {
  const titles = SECTIONS.map(({ title }) => title).join('\n');
  for (const symptom of ['404', '502', '503', 'Redirect loop', 'certificate', 'WebSocket', 'client address']) {
    expect(titles).toContain(symptom);
  }
});
