// Each recipe of the cookbook is what its reader would copy: nothing can be said against the file, and the commands under
// it print what stands there.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingPrograms } from './support/engine.ts';
import { startGrpcServer, startNameServer } from './support/page-servers.ts';
import { fileNameOf, Reader, sectionsOfPage } from './support/page.ts';

const missing = missingPrograms('bash', 'curl');
const RECIPES = sectionsOfPage('cookbook.md', 3);
/** Beside those that every recipe needs. */
const NEEDS = ['openssl', 'dig'];
const servers: AsyncDisposable[] = [];
let reader: Reader;

beforeAll(async () => {
  reader = new Reader(['50051', '5432', '5433', '5353', '5354']);
  if (missing !== null) return;
  await reader.type({ command: 'signalbox demo --origins', printed: '' });
  servers.push(await startGrpcServer(reader.port(50051)), await startNameServer(reader.port(5354)));
});
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
  await reader[Symbol.asyncDispose]();
});

test.skipIf(missing !== null).for(RECIPES)('$title', async ({ blocks }, { skip }) => {
  const commands = blocks.map(({ text }) => text).join('');
  const needs = NEEDS.filter((program) => new RegExp(`^\\$ ${program} `, 'm').test(commands));
  const lacking = missingPrograms(...needs);
  if (lacking !== null) skip(lacking);
  await reader.empty();
  const first = blocks.findIndex((block) => fileNameOf(block) === 'signalbox.yml') + 1;
  expect(first).toBeGreaterThan(0);
  await reader.read(blocks.slice(0, first));
  await reader.type({ command: 'signalbox check', printed: '0 errors, 0 warnings' });
  await reader.read(blocks.slice(first));
});

test('there are recipes for what people look for', () => {
  expect(RECIPES.length).toBeGreaterThanOrEqual(25);
  expect(RECIPES.filter(({ blocks }) => !blocks.some(({ text }) => /^\$ /m.test(text)))).toEqual([]);
});
