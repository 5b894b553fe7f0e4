// Routers above others, routers that cannot be served, and what a change of one does to the rest.

import { expect, test } from 'vitest';
import type { RouteSpec } from '../../model/route.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { Subrequest } from '../http/subrequest.ts';
import type { Engine } from './engine.ts';
import {
  entryPointSpecs,
  fixedSpec,
  makeEngine,
  routeSpec,
  rowsOf,
  snapshotOf,
} from '../../../test/support/data-plane.ts';

const prefix = (name: string, text: string) => ({ name, kind: 'addPrefix', options: { prefix: text } });

function child(name: string, rule: string, rest: Partial<RouteSpec> = {}): RouteSpec {
  return routeSpec(name, rule, 's', { parents: ['top'], entryPoints: [], ...rest });
}

function start(routes: readonly RouteSpec[]): Engine {
  const engine = makeEngine();
  const snapshot = snapshotOf({
    entryPoints: entryPointSpecs('{ web: { address: ":0" } }'),
    routes: Object.fromEntries(routes.map((route) => [route.name, route])),
    middlewares: { m: prefix('m', '/m'), n: prefix('n', '/n') },
    services: { s: fixedSpec('s', 'answer') },
  });
  engine.start(snapshot, {}, rowsOf(['web']));
  return engine;
}

function delta(
  engine: Engine,
  changed: SnapshotDelta['changed'],
  removed: SnapshotDelta['removed'] = {},
): SnapshotDelta {
  return { baseVersion: engine.version, version: engine.version + 1, digest: '', changed, removed };
}

/** Status, router, and the path that the service has seen. */
function answer(engine: Engine, target: string): string {
  let head = '';
  const request = new Subrequest(
    null,
    { method: 'GET', target },
    {
      startResponse: ({ status, routerName }) => void (head = `${status} ${routerName}`),
      write: () => true,
      flush: () => {},
      end: () => {},
      abort: ({ flag }) => void (head = flag),
      handlerFailed: (error) => void (head = String(error)),
    },
  );
  request.send((exchange) => engine.entryPoints.streams.get('web')!.plain.handler(exchange));
  return `${head} ${request.exchange.forwardPath}`;
}

const TOP = routeSpec('top', 'PathPrefix(`/a`)', '', { middlewares: ['m'] });

test('routers below another match what its stages have made of the request', async () => {
  const engine = start([TOP, child('one', 'Path(`/m/a/1`)', { middlewares: ['n'] }), child('two', 'Path(`/m/a/2`)')]);
  const answers = (): readonly string[] => ['/a/1', '/a/2', '/a/3'].map((target) => answer(engine, target));
  expect(answers()).toEqual(['200 one /n/m/a/1', '200 two /m/a/2', '404 top /m/a/3']);
  await engine.advance(delta(engine, { routes: { two: child('two', 'Path(`/m/a/3`)') } }), {});
  expect(answers()).toEqual(['200 one /n/m/a/1', '404 top /m/a/2', '200 two /m/a/3']);
  await engine.advance(delta(engine, { middlewares: { n: prefix('n', '/fresh') } }), {});
  expect(answers()[0]).toBe('200 one /fresh/m/a/1');
  await engine.advance(delta(engine, {}, { routes: ['one'] }), {});
  expect(answers()[0]).toBe('404 top /m/a/1');
  engine.destroy();
});

test('a router that cannot be served keeps its place, with the status that it names and no stage before it', () => {
  const engine = start([
    routeSpec('off', 'PathPrefix(`/a`)', 'absent', { disabledStatus: 503, middlewares: ['absent'] }),
    routeSpec('gone', 'PathPrefix(`/b`)', 'absent', { disabledStatus: 500 }),
    routeSpec('all', 'PathPrefix(`/`)', 's', { priority: 1 }),
  ]);
  expect(['/a', '/b', '/c'].map((target) => answer(engine, target))).toEqual([
    '503 off /a',
    '500 gone /b',
    '200 all /c',
  ]);
  engine.destroy();
});

test('a change of an entry point’s middlewares reaches its routers', async () => {
  const engine = start([routeSpec('r', 'PathPrefix(`/`)', 's')]);
  const { web } = entryPointSpecs('{ web: { address: ":0" } }');
  await engine.advance(delta(engine, { entryPoints: { web: { ...web!, middlewares: ['m'] } } }), {});
  expect(answer(engine, '/x')).toBe('200 r /m/x');
  await engine.advance(delta(engine, { middlewares: { m: prefix('m', '/fresh') } }), {});
  expect(answer(engine, '/x')).toBe('200 r /fresh/x');
  engine.destroy();
});
