// Routers above others, routers that cannot be served, and what a change of one does to the rest.

import { expect, test } from 'vitest';
import type { MiddlewareSpec, RouteSpec } from '../../model/route.ts';
import type { ChildSpec, LoadBalancerSpec, WeightedSpec } from '../../model/service.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { Subrequest } from '../http/subrequest.ts';
import type { Engine, EngineOptions } from './engine.ts';
import {
  entryPointSpecs,
  fixedSpec,
  loadBalancer,
  makeEngine,
  routeSpec,
  rowsOf,
  snapshotOf,
} from '../../../test/support/data-plane.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';

const prefix = (name: string, text: string) => ({ name, kind: 'addPrefix', options: { prefix: text } });

function child(name: string, rule: string, rest: Partial<RouteSpec> = {}): RouteSpec {
  return routeSpec(name, rule, 's', { parents: ['top'], entryPoints: [], ...rest });
}

function start(
  routes: readonly RouteSpec[],
  reports: Partial<EngineOptions> = {},
  middlewares: Readonly<Record<string, MiddlewareSpec>> = {},
): Engine {
  const engine = makeEngine(reports);
  const snapshot = snapshotOf({
    entryPoints: entryPointSpecs('{ web: { address: ":0" } }'),
    routes: Object.fromEntries(routes.map((route) => [route.name, route])),
    middlewares: { m: prefix('m', '/m'), n: prefix('n', '/n'), ...middlewares },
    services: {
      s: fixedSpec('s', 'answer'),
      page: fixedSpec('page', 'first'),
      teapot: { ...fixedSpec('teapot', 'tea'), status: 418 },
    },
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

/** What a client with a connection of its own gets. */
function told(engine: Engine, target: string): string {
  const { exchange, client } = exchangeFor();
  exchange.target = exchange.path = exchange.forwardPath = target;
  void engine.entryPoints.streams.get('web')!.plain.handler(exchange);
  return client.noted().join(' ');
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

test('a router below two others leaves the one that it names no more, and goes on below the other', async () => {
  const other = routeSpec('other', 'PathPrefix(`/b`)', '');
  const engine = start([TOP, other, child('one', 'PathPrefix(`/`)', { parents: ['top', 'other'] })]);
  expect([answer(engine, '/a'), answer(engine, '/b')]).toEqual(['200 one /m/a', '200 one /b']);
  await engine.advance(delta(engine, { routes: { one: child('one', 'PathPrefix(`/`)', { parents: ['other'] }) } }), {});
  expect([answer(engine, '/a'), answer(engine, '/b')]).toEqual(['404 top /m/a', '200 one /b']);
  engine.destroy();
});

test('a change far below reaches the topmost router', async () => {
  const middle = child('middle', 'PathPrefix(`/`)', { service: '' });
  const engine = start([TOP, middle, child('leaf', 'PathPrefix(`/`)', { parents: ['middle'] })]);
  expect(answer(engine, '/a')).toBe('200 leaf /m/a');
  const changed = child('leaf', 'PathPrefix(`/`)', { parents: ['middle'], middlewares: ['n'] });
  await engine.advance(delta(engine, { routes: { leaf: changed } }), {});
  expect(answer(engine, '/a')).toBe('200 leaf /n/m/a');
  await engine.advance(delta(engine, { middlewares: { n: prefix('n', '/far') } }), {});
  expect(answer(engine, '/a')).toBe('200 leaf /far/m/a');
  engine.destroy();
});

test('a router that loses its entry point is gone from it; one whose parent is gone has nobody above', async () => {
  const engine = start([TOP, routeSpec('r', 'PathPrefix(`/r`)', 's'), child('one', 'PathPrefix(`/`)')]);
  await engine.advance(
    delta(
      engine,
      { routes: { r: routeSpec('r', 'PathPrefix(`/r`)', 's', { entryPoints: ['other'] }) } },
      { routes: ['top'] },
    ),
    {},
  );
  expect([answer(engine, '/r'), answer(engine, '/a')]).toEqual(['404  /r', '404  /a']);
  engine.destroy();
});

test('what an entry point is set to report reaches its routers, and other options of it touch none', async () => {
  const observed: string[] = [];
  const instrument = {
    needsOriginHeaders: false,
    observerOf: () => ({ finished: () => {} }),
    observeRoute: ({ name }: RouteSpec) => void observed.push(name),
  };
  const engine = start([routeSpec('r', 'PathPrefix(`/`)', 's')], { instrument: instrument as never }); // All that is asked.
  for (const options of [
    'http: { maxHeaderBytes: 2048 }',
    'observability: { accessLogs: false }',
    'observability: { accessLogs: false, metrics: false }',
  ]) {
    const entryPoints = entryPointSpecs(`{ web: { address: ":0", ${options} } }`);
    await engine.advance(delta(engine, { entryPoints }), {});
    observed.push('|');
  }
  expect(observed.join(' ')).toBe('r | r | r |');
  engine.destroy();
});

test('TLS of an entry point takes its routers from plain requests', async () => {
  const engine = start([routeSpec('r', 'PathPrefix(`/`)', 's')]);
  await engine.advance(
    delta(engine, { entryPoints: entryPointSpecs('{ web: { address: ":0", http: { tls: {} } } }') }),
    {},
  );
  const { plain, secure } = engine.entryPoints.streams.get('web')!;
  expect([answer(engine, '/'), plain.routes.size, secure.routes.size]).toEqual(['404  /', 0, 1]);
  engine.destroy();
});

test('many routers, and many below one, are built in slices, each to the end', async () => {
  const names = Array.from({ length: 1_100 }, (_, index) => `h${index}`);
  const engine = start([TOP]);
  const many = (rest: (name: string) => RouteSpec): Readonly<Record<string, RouteSpec>> =>
    Object.fromEntries(names.map((name) => [name, rest(name)]));
  await engine.advance(
    delta(engine, { routes: many((name) => routeSpec(name, `Path(\`/${name}\`)`, 's', { middlewares: ['n'] })) }),
    {},
  );
  expect([answer(engine, '/h0'), answer(engine, '/h1099')]).toEqual(['200 h0 /n/h0', '200 h1099 /n/h1099']);
  await engine.advance(delta(engine, { middlewares: { n: prefix('n', '/new') } }), {});
  expect(answer(engine, '/h1099')).toBe('200 h1099 /new/h1099');
  await engine.advance(delta(engine, { routes: many((name) => child(name, `Path(\`/m/a/${name}\`)`)) }), {});
  expect([answer(engine, '/a/h0'), answer(engine, '/a/h1099'), answer(engine, '/h0')]).toEqual([
    '200 h0 /m/a/h0',
    '200 h1099 /m/a/h1099',
    '404  /h0',
  ]);
  engine.destroy();
});

const pages = {
  name: 'pages',
  kind: 'errors',
  options: { status: [[418, 418]], statusRewrites: {}, service: 'page', query: '/sorry' },
};

test('a stage asks a service by name, whichever it is by then; one that is not there is a failure', async () => {
  const engine = start([routeSpec('r', 'PathPrefix(`/`)', 'teapot', { middlewares: ['pages'] })], {}, { pages });
  expect(told(engine, '/x')).toBe('(begin 418) first (end)');
  await engine.advance(delta(engine, { services: { page: fixedSpec('page', 'second') } }), {});
  expect(told(engine, '/x')).toBe('(begin 418) second (end)');
  await engine.advance(delta(engine, {}, { services: ['page'] }), {});
  expect(told(engine, '/x')).toBe("(begin 418) I'm a Teapot\n (end)");
  engine.destroy();
});

test('middlewares of a service are composed anew when one of them changes', async () => {
  const engine = start([]);
  const routes = { r: routeSpec('r', 'PathPrefix(`/`)', 'lb') };
  const { services, endpointSets } = loadBalancer('lb', 1);
  const spec = { ...services['lb']!, middlewares: ['stop'] } as LoadBalancerSpec;
  const stop = (status: number) => ({
    name: 'stop',
    kind: 'maintenance',
    options: { status, body: '', contentType: '' },
  });
  const rows = { lb: { 'http://127.0.0.1:1': 0 } };
  await engine.advance(
    delta(engine, { services: { lb: spec }, endpointSets, middlewares: { stop: stop(503) }, routes }),
    rows,
  );
  expect(answer(engine, '/x')).toBe('503 r /x');
  await engine.advance(delta(engine, { middlewares: { stop: stop(502) } }), {});
  expect(answer(engine, '/x')).toBe('502 r /x');
  const missing = { services: { lb: { ...spec, middlewares: ['absent'] } } };
  await expect(engine.advance(delta(engine, missing), {})).rejects.toThrow('middleware absent');
  engine.destroy();
});

test('a service that divides may name children of the same delta, and one that only answers for a missing child', async () => {
  const engine = start([]);
  const weighted = (name: string, children: readonly ChildSpec[]): WeightedSpec => ({
    kind: 'weighted',
    name,
    sticky: null,
    followsHealth: false,
    children,
  });
  const both = weighted('both', [
    { service: 'fresh', weight: 1 },
    { service: 'missing', weight: 0, disabledStatus: 503 },
  ]);
  const routes = { r: routeSpec('r', 'PathPrefix(`/`)', 'both') };
  await engine.advance(delta(engine, { services: { both, fresh: fixedSpec('fresh', 'new') }, routes }), {});
  expect(told(engine, '/')).toBe('(begin 200) new (end)');
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
