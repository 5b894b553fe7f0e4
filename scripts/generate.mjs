// Writes what is made from the schemas, registries and tables of the program: docs/reference/, the migration page, the
// JSON Schemas, and the types of configuration as people write it. test/docs.test.ts fails when a file is not what this
// would write. Reads the sources: nothing has to be built. Usage: npm run generate
import { mkdirSync, writeFileSync } from 'node:fs';
import { createJiti } from 'jiti';

const { renderGenerated } = await createJiti(import.meta.url, { fsCache: false }).import('../tools/generated.ts');
for (const [path, text] of Object.entries(await renderGenerated())) {
  const file = new URL(`../${path}`, import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
