// Whose code threw, as the log says it.

import { expect, test } from 'vitest';
import { PluginError } from '../middleware/plugin/plugin.ts';
import { StageFailures } from './stage-failures.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';

const PLUGINS = [
  { name: 'first', url: 'file:///plugins/first.mjs' },
  { name: 'second', url: 'file:///plugins/se%20cond.mjs' },
];

function threw(stack: string): Error {
  return Object.assign(new Error('x'), { stack });
}

test.each([
  ['a stage of ours', threw('at /app/x.js'), { error: 'at /app/x.js' }],
  [
    'a hook of a plugin, by its address',
    threw('at file:///plugins/first.mjs:1'),
    { plugin: 'first', error: 'at file:///plugins/first.mjs:1' },
  ],
  [
    'a hook of a plugin, by its path',
    threw('at /plugins/se cond.mjs:1'),
    { plugin: 'second', error: 'at /plugins/se cond.mjs:1' },
  ],
  ['a middleware of a plugin', new PluginError('m@file', threw('at y')), { middleware: 'm@file', error: 'at y' }],
  ['what is no error', 'text', { error: 'text' }],
])('%s', (_, error, expected) => {
  const { exchange } = exchangeFor();
  exchange.routerName = 'r';
  exchange.serviceName = 's';
  expect(new StageFailures(PLUGINS).fieldsOf(exchange, error, 0)).toEqual({ router: 'r', service: 's', ...expected });
});

test('of a hundred in a second the next are left out, and counted with the first of the next second', () => {
  const failures = new StageFailures([]);
  const { exchange } = exchangeFor();
  const fields = (nowMs: number): Readonly<Record<string, unknown>> | null => failures.fieldsOf(exchange, 'x', nowMs);
  for (let count = 0; count < 100; count++) expect(fields(0)).not.toBeNull();
  expect([fields(999), fields(999)]).toEqual([null, null]);
  expect(fields(1000)).toMatchObject({ unreported: 2 });
  expect(fields(1000)).not.toHaveProperty('unreported');
});
