// Recipes: parts of a page that are each a whole `signalbox.yml`, with commands under it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingPrograms } from './engine.ts';
import { startGrpcServer, startNameServer } from './page-servers.ts';
import { fileNameOf, Reader, type Section } from './page.ts';

/** Beside those that every recipe needs. */
const NEEDS = ['openssl', 'dig'];

/** A test for each: nothing can be said against the file, and the commands print what stands there. */
export function testRecipes(recipes: readonly Section[]): void {
  const missing = missingPrograms('bash', 'curl');
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

  test.skipIf(missing !== null).for(recipes)('$title', async ({ blocks }, { skip }) => {
    const commands = blocks.map(({ text }) => text).join('');
    const needs = NEEDS.filter((program) => new RegExp(`^\\$ ${program} `, 'm').test(commands));
    const lacking = missingPrograms(...needs);
    if (lacking !== null) skip(lacking);
    await reader.empty();
    await reader.read(blocks);
    await reader.type({ command: 'signalbox check', printed: '0 errors, 0 warnings' });
  });

  test('each recipe is a file with commands under it', () => {
    for (const { title, blocks } of recipes) {
      const found = [
        blocks.some((block) => fileNameOf(block) === 'signalbox.yml'),
        blocks.some(({ text }) => text.startsWith('$ ')),
      ];
      expect([title, ...found]).toEqual([title, true, true]);
    }
  });
}
