// What a request passes before its router, in order: each of these tests sends one that only the step before would have
// let go on.

import { expect, test } from 'vitest';
import { entryPointSpecs } from '../../../test/support/data-plane.ts';
import { HandDrivenWheel } from '../../../test/support/recorded-traffic.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import { entryPointSettings, entryPointState } from '../downstream/entry-point-state.ts';
import type { Exchange } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';
import { runAtOnce } from '../live/slices.ts';
import { buildRouteTable } from '../match/route-table.ts';
import { parseRule } from '../match/rule/rule.ts';
import { TlsHosts } from '../tls/tls-hosts.ts';
import { Challenges, CHALLENGE_PATH } from './challenges.ts';
import type { CompiledRoute } from './compiled-route.ts';
import { HttpRouting } from './http-routing.ts';

const SPEC = entryPointSpecs('{ web: { address: ":1" } }')['web']!;

function routing(spec: Partial<EntryPointSpec> = {}, hosts: TlsHosts | null = null): HttpRouting {
  const challenges = new Challenges();
  challenges.set({ token: 'proof' }, []);
  const unused = (): never => {
    throw new Error('nobody is called here');
  };
  const made = new HttpRouting({
    entryPoint: entryPointState(entryPointSettings({ ...SPEC, ...spec }, { finished: unused })),
    wheel: new HandDrivenWheel(),
    challenges,
    hosts,
    handlerFailed: unused,
    switchToHttp2: unused,
    closed: unused,
  });
  const value: CompiledRoute = { name: 'r', handler: (exchange) => respond(exchange, 200, 'r'), observed: 'seen' };
  const entry = { name: 'r', rule: parseRule('Host(`a.example`)').rule!, priority: 1, providerRank: 0, value };
  made.routes = runAtOnce(buildRouteTable<CompiledRoute>(null, new Map([['r', entry]]), ['r'], []));
  return made;
}

function ask(
  one: HttpRouting,
  prepare: (exchange: Exchange) => void = () => {},
): { readonly exchange: Exchange; readonly told: string } {
  const { exchange, client } = exchangeFor();
  exchange.host = 'a.example';
  prepare(exchange);
  void one.handler(exchange);
  return { exchange, told: client.noted().join(' ') };
}

test('a router that matches gets the request, and the log its name', () => {
  const { exchange, told } = ask(routing());
  expect([told, exchange.routerName, exchange.observed]).toEqual(['(begin 200) r (end)', 'r', 'seen']);
  expect(exchange.appendForwardedFor).toBe(true);
});

test('a request that no router matches has no router’s name', () => {
  const { exchange, told } = ask(routing(), (one) => void (one.host = 'b.example'));
  expect([told, exchange.routerName]).toEqual(['(begin 404) 404 page not found\n (end)', '']);
});

test('fields that Connection names are removed; those that may stay are said by the entry point', () => {
  const prepare = (one: Exchange): void => {
    one.connectionNames = new Set(['x-hop', 'x-kept']);
    one.requestHeaders.append('X-Hop', '1');
    one.requestHeaders.append('X-Kept', '1');
  };
  const { exchange } = ask(
    routing({ forwardedHeaders: { ...SPEC.forwardedHeaders, connection: ['x-kept'] } }),
    prepare,
  );
  expect([exchange.requestHeaders.has('x-hop'), exchange.requestHeaders.has('x-kept')]).toEqual([false, true]);
});

test('the address of the client is added to those of proxies unless the entry point says otherwise', () => {
  const forwardedHeaders = { ...SPEC.forwardedHeaders, notAppendXForwardedFor: true };
  expect(ask(routing({ forwardedHeaders })).exchange.appendForwardedFor).toBe(false);
});

test.each([
  ['all', 'token', '(begin 200) proof (end)'],
  ['own', 'token', '(begin 200) proof (end)'],
  ['all', 'other', '(begin 404) 404 page not found\n (end)'],
  ['own', 'other', '(begin 200) r (end)'],
  ['none', 'token', '(begin 200) r (end)'],
] as const)('with challenges of %s, %s is answered before any router', (httpChallenges, token, expected) => {
  const { told } = ask(routing({ httpChallenges }), (one) => void (one.path = CHALLENGE_PATH + token));
  expect(told).toBe(expected);
});

test('a host whose handshake would have had other options is misdirected, and no router is asked', () => {
  const hosts = new TlsHosts();
  const tls = (options: string) => ({ options }) as Exchange['client']['tls']; // What is looked at.
  const over = (options: string) => (one: Exchange) => void Object.assign(one.client, { tls: tls(options) });
  expect(ask(routing({}, hosts), over('strict')).told).toBe('(begin 200) r (end)');
  hosts.set({ name: 'web/a.example', entryPoint: 'web', host: 'a.example', options: 'strict' });
  expect(ask(routing({}, hosts), over('strict')).told).toBe('(begin 200) r (end)');
  const { exchange, told } = ask(routing({}, hosts), over('default'));
  expect([exchange.status, exchange.routerName, told.startsWith('(begin 421)')]).toEqual([421, '', true]);
});
