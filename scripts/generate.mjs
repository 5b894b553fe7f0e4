// Writes docs/reference/ from the schemas, registries and tables of the built program. test/docs.test.ts fails when a page
// is not what this would write. Usage: npm run generate
import { writeFileSync } from 'node:fs';
import { renderReference } from '../dist/cli/reference.js';

for (const [name, text] of Object.entries(renderReference())) {
  writeFileSync(new URL(`../docs/reference/${name}`, import.meta.url), text);
}
