// A request that may not be repeated looks for the end of its connection first.

import { expect, test } from 'vitest';
import type { Exchange } from '../http/exchange.ts';
import { LateStart } from './late-start.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';

function begin(): {
  exchange: Exchange;
  connection: { isOpen: boolean; start(): void };
  heard: string[];
  late: LateStart<{ isOpen: boolean; start(): void }>;
} {
  const heard: string[] = [];
  const { exchange } = exchangeFor('POST');
  const connection = { isOpen: true, start: () => void heard.push('start') };
  const owner = { notStarted: () => void heard.push('not started'), send: () => void heard.push('elsewhere') };
  return { exchange, connection, heard, late: new LateStart(owner, connection, exchange) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('it starts after a second look at what has come', async () => {
  const { heard, exchange, late } = begin();
  await turn();
  expect([heard, exchange.responseSource === late]).toEqual([[], true]);
  await turn();
  expect([heard, exchange.responseSource]).toEqual([['start'], null]);
  late.resume();
  late.cancel();
  expect(heard).toEqual(['start']);
});

test('it goes elsewhere when the connection has ended meanwhile', async () => {
  const { heard, connection } = begin();
  connection.isOpen = false;
  await turn();
  await turn();
  expect(heard).toEqual(['not started', 'elsewhere']);
});

test('a client that leaves meanwhile gives the connection back, once', async () => {
  const { heard, late } = begin();
  late.cancel();
  late.cancel();
  await turn();
  await turn();
  expect(heard).toEqual(['not started']);
});
