import { expect, test } from 'vitest';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import { ReceivedConfigs } from './received-configs.ts';

function config(provider: string): RoutingConfig {
  return decodeRouting(provider, { source: provider, text: '', value: {}, diagnostics: [], locate: () => null });
}

test('the first change of a provider waits for nothing, the next ones for the rest of the period', () => {
  const received = new ReceivedConfigs();
  received.receive('a', config('a'));
  expect(received.delayMs('a', 1_000, 200)).toBeLessThanOrEqual(0);
  received.take(1_000);
  received.receive('a', config('a'));
  expect(received.delayMs('a', 1_050, 200)).toBe(150);
  expect(received.delayMs('b', 1_050, 200)).toBeLessThanOrEqual(0);
});

test('what the start had is no change, and counts for no period', () => {
  const received = new ReceivedConfigs();
  received.preset(config('a'));
  expect(received.hasChanges).toBe(false);
  received.receive('b', config('b'));
  expect(received.hasChanges).toBe(true);
  received.begin();
  expect(received.hasChanges).toBe(false);
  expect(received.delayMs('b', 0, 200)).toBeLessThanOrEqual(0);
  expect([...received.all.keys()]).toEqual(['a', 'b']);
});

test('the order is that of the providers, not that in which they published', () => {
  const received = new ReceivedConfigs();
  for (const name of ['c', 'a', 'b']) received.receive(name, config(name));
  received.sort(['a', 'b', 'c', 'd']);
  expect([...received.all.keys()]).toEqual(['a', 'b', 'c']);
});

test('a patch of endpoints is compiled alone unless more has changed before it is taken', () => {
  const received = new ReceivedConfigs();
  received.receive('a', config('a'));
  expect(received.take(0)).toBeNull();
  expect(received.take(0)).toEqual([]);
  received.receive('a', { endpoints: [] });
  expect(received.take(0)).toEqual([]);
  received.receive('a', { endpoints: [] });
  received.compileAll();
  expect(received.take(0)).toBeNull();
});
