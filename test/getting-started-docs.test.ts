// The page "getting started" works from an empty folder: its files are written and its commands typed in order, and
// they print what stands there.

import { expect, test } from 'vitest';
import { missingPrograms } from './support/engine.ts';
import { Reader, sectionsOfPage } from './support/page.ts';

const missing = missingPrograms('bash', 'curl');

test.skipIf(missing !== null)('each block of the page, in order', async () => {
  const sections = sectionsOfPage('getting-started.md');
  expect(sections.length).toBeGreaterThan(5);
  await using reader = new Reader();
  for (const { blocks } of sections) await reader.read(blocks);
  expect(reader.log()).toContain('goes on as it last was');
});
