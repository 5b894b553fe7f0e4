// Writes what is made from the schemas, registries and tables of the built program: docs/reference/, the migration page,
// the JSON Schemas, and the types of configuration as people write it. test/docs.test.ts fails when a file is not what this
// would write. Usage: npm run generate
import { mkdirSync, writeFileSync } from 'node:fs';
import { renderGenerated } from '../dist/cli/generated.js';

for (const [path, text] of Object.entries(await renderGenerated())) {
  const file = new URL(`../${path}`, import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
