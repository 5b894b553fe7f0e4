// Loading by itself: modules that wait, and what the whole program is not needed to show.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecodeContext } from '../../../schema/decode-context.ts';
import type { MiddlewareDefinition } from '../define.ts';
import { loadPlugin } from './plugin-loader.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-loader-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function load(file: string, text: string, limitMs?: number): Promise<MiddlewareDefinition> {
  const path = join(directory, file);
  await writeFile(path, text);
  return loadPlugin({ name: 'p', url: pathToFileURL(path).href }, limitMs);
}

const rest = `export default defineMiddleware({
  kind: 'p', summary: '', description: '', options: object({ a: required(integer(), '') }), create: () => (next) => next,
});`;

test.each(['waits.ts', 'waits.mts', 'waits.js', 'waits.mjs'])('%s may wait while it loads', async (file) => {
  const text = `import { defineMiddleware, integer, object, required } from 'signalbox/plugin';\nawait Promise.resolve();\n${rest}`;
  const { options } = await load(file, text);
  const context = new DecodeContext('', () => null);
  expect(options.decode({ a: '7' }, context)).toEqual({ a: 7 });
  options.decode({ b: 1 }, context);
  expect(context.diagnostics.map(({ code }) => code)).toEqual(['unknown-option']);
});

test('a module that never finishes is given up', async () => {
  const loading = load('hangs.ts', 'await new Promise(() => {});', 20);
  await expect(loading).rejects.toMatchObject({
    code: 'ERR_PLUGIN_LOAD',
    message: expect.stringMatching(/hangs\.ts: the plugin cannot be loaded: it took longer than 0\.02 s$/) as string,
  });
});

test.each([
  ['export default async () => {};', 'there is no middleware in the default export'],
  ['export const a = 1;', 'has no function "create"'],
  [
    `export default { options: { decode() {} }, create() {}, serviceOptions: ['a'] };`,
    'plugins have no "serviceOptions"',
  ],
])('%s is no plugin', async (text, message) => {
  await expect(load(`${Math.abs(text.length)}.js`, text)).rejects.toThrow(message);
});
