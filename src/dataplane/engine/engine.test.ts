import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import tls from 'node:tls';
import { beforeEach, expect, test } from 'vitest';
import {
  entryPointSpecs,
  fixedSpec,
  listen,
  loadBalancer,
  makeEngine,
  routeSpec,
  rowsOf,
  snapshotOf,
  tcpRouteSpec,
  tlsOptionsSpec,
} from '../../../test/support/data-plane.ts';
import { certificateFor, tlsGet } from '../../../test/support/tls-client.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';
import { allocateTables, SharedTables } from '../../core/shared-table.ts';
import type { RouteSpec } from '../../model/route.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { Secrets } from '../../model/secrets.ts';
import type { CertificateSpec } from '../../model/tls.ts';
import { Subrequest } from '../http/subrequest.ts';
import { endpointTable } from '../upstream/endpoint-table.ts';
import type { Engine } from './engine.ts';
import { SHARED_TABLES } from './shared-tables.ts';

const SPECS = entryPointSpecs('{ web: { address: ":0" }, dns: { address: ":0/udp" }, later: { address: ":0" } }');
const [web, dns, later] = ['web', 'dns', 'later'].map((name) => SPECS[name]!);

function route(name: string, rule: string, service: string, middlewares: readonly string[] = []): RouteSpec {
  return routeSpec(name, rule, service, { middlewares, entryPoints: ['web', 'later'] });
}

const prefix = (name: string, text: string) => ({ name, kind: 'addPrefix', options: { prefix: text } });

const FIRST = snapshotOf({
  entryPoints: { web: web!, dns: dns! },
  routes: { a: route('a', 'PathPrefix(`/a`)', 's'), b: route('b', 'PathPrefix(`/b`)', 's', ['m']) },
  middlewares: { m: prefix('m', '/m') },
  services: { s: fixedSpec('s', 'old') },
});

function delta(changed: SnapshotDelta['changed'], removed: SnapshotDelta['removed'] = {}, version = 2): SnapshotDelta {
  return { baseVersion: version - 1, version, digest: `digest ${version}`, changed, removed };
}

let engine: Engine;
beforeEach(() => {
  engine = makeEngine();
  engine.start(FIRST, {}, rowsOf(['web', 'dns']));
});

/** Status, body and the path that the service has seen. */
function answer(target: string, entryPoint = 'web'): string {
  const told: string[] = [];
  const request = new Subrequest(
    null,
    { method: 'GET', target },
    {
      startResponse: ({ status, routerName }) => void told.push(`${status} ${routerName}`),
      write: (chunk, start, end) => told.push(chunk.latin1Slice(start, end)) > 0,
      flush: () => {},
      end: () => void told.push(request.exchange.forwardPath),
      abort: ({ flag }) => void told.push(flag),
      handlerFailed: (error) => void told.push(String(error)),
    },
  );
  const { plain } = engine.entryPoints.streams.get(entryPoint)!;
  request.send((exchange) => plain.handler(exchange));
  return told.join(' ');
}

/** Everything that a request can notice. */
function everything(): unknown {
  return {
    answers: ['/a', '/b', '/c'].map((target) => answer(target)),
    entryPoints: [...engine.entryPoints.streams.keys(), ...engine.entryPoints.datagrams.keys()],
    version: engine.version,
    digest: engine.digest,
  };
}

test('it serves what the snapshot says', () => {
  expect(everything()).toEqual({
    answers: ['200 a old /a', '200 b old /m/b', '404  404 page not found\n /c'],
    entryPoints: ['web', 'dns'],
    version: 1,
    digest: 'first',
  });
});

/** Changes something of every part that is visible. */
const VISIBLE: SnapshotDelta['changed'] = {
  entryPoints: { later: later!, web: { ...web!, middlewares: ['fresh'] } },
  routes: { a: route('a', 'PathPrefix(`/c`)', 's'), c: route('c', 'PathPrefix(`/c/d`)', 'fresh', ['fresh']) },
  middlewares: { m: prefix('m', '/other'), fresh: prefix('fresh', '/fresh') },
  services: { s: fixedSpec('s', 'new'), fresh: fixedSpec('fresh', 'fresh') },
};

const tcpRoute = tcpRouteSpec('t', 'HostSNI(`*`)', 'absent');

test.each<[string, SnapshotDelta['changed'], string]>([
  ['a router without its service', { routes: { x: route('x', 'Path(`/x`)', 'absent') } }, 'service absent is not in the snapshot'],
  ['a router without its middleware', { routes: { x: route('x', 'Path(`/x`)', 's', ['absent']) } }, 'middleware absent'],
  ['a rule that does not parse', { routes: { x: route('x', 'Nonsense', 's') } }, 'router x: '],
  [
    'a known service with a child that is not there',
    { services: { s: { kind: 'weighted', name: 's', sticky: null, followsHealth: false, children: [{ service: 'absent', weight: 1 }] } } },
    'service s: absent is not in the snapshot',
  ],
  ['a middleware whose secret has not come', { middlewares: { x: { ...prefix('x', 'xxxx'), secret: 'of x' } } }, 'what x hides is not here'],
  ['a TCP router without its service', { tcpRoutes: { t: tcpRoute } }, 'TCP router t: there is no service absent'],
  ['a TCP router without its middleware', { tcpRoutes: { t: { ...tcpRoute, isDisabled: true, middlewares: ['absent'] } } }, 'there is no TCP middleware absent'],
  ['a UDP router without its service', { udpRoutes: { u: { name: 'u', entryPoints: ['dns'], service: 'absent', isDisabled: false } } }, 'UDP router u: there is no service absent'],
] as const)('%s leaves everything as it was', async (_, wrong, message) => {
  const before = everything();
  const changed = { ...VISIBLE } as Record<string, object>;
  for (const [section, objects] of Object.entries(wrong)) changed[section] = { ...changed[section], ...objects };
  await expect(engine.advance(delta(changed), {}, { later: 2 })).rejects.toThrow(message);
  expect(everything()).toEqual(before);
  // And in such a way that the next delta finds it so.
  await engine.advance(delta({ routes: { c: route('c', 'Path(`/c`)', 's') } }), {});
  expect([answer('/a'), answer('/b'), answer('/c')]).toEqual(['200 a old /a', '200 b old /m/b', '200 c old /c']);
}); // prettier-ignore

test('a delta changes all parts at once', async () => {
  const change = engine.advance(delta(VISIBLE, { routes: ['b'] }), {}, { later: 2 });
  expect(answer('/a')).toBe('200 a old /a');
  await change;
  expect(everything()).toEqual({
    answers: ['404  404 page not found\n /a', '404  404 page not found\n /b', '200 a new /fresh/c'],
    entryPoints: ['web', 'later', 'dns'],
    version: 2,
    digest: 'digest 2',
  });
  expect(answer('/c/d')).toBe('200 c fresh /fresh/fresh/c/d');
  expect(answer('/c/d', 'later')).toBe('200 c fresh /fresh/c/d');
  expect(answer('/b', 'later')).toContain('404');
});

test('a delta to another version does not fit', async () => {
  await expect(engine.advance(delta({}, {}, 3), {})).rejects.toThrow('delta for version 2 does not fit version 1');
});

test('what a control plane has beside the snapshot comes into effect with its next use', async () => {
  const port = await listen(engine, 'web');
  const { certificate, key } = certificateFor(['a.example']);
  const spec: CertificateSpec = { name: 'own', hosts: ['a.example'], keyType: 'ec', isDefault: false };
  const secret = { id: 'x', certificate, key, notBefore: 0, notAfter: Date.now() + 1e9 };
  const staple = Buffer.from('a response');
  await engine.advance(
    delta({ certificates: { own: spec }, tlsOptions: { default: tlsOptionsSpec('default') }, routes: { s: routeSpec('s', 'PathPrefix(`/`)', 's', { tls: true }) } }),
    {},
  );
  const subject = async (): Promise<string> => (await tlsGet(port)).subject;
  const give = (changed: Secrets, removed: readonly string[], isWhole: boolean): void =>
    engine.take({ cell: 'secrets', version: 1, isWhole, changed, removed });
  expect(await subject()).toBe('fallback');
  give({ own: secret }, [], false);
  expect(await subject()).toBe('a.example');
  engine.take({ cell: 'staples', version: 1, isWhole: true, staples: [{ certificate: 'x', response: staple }] });
  expect(await stapleOf(port)).toEqual(staple);
  engine.take({ cell: 'staples', version: 2, isWhole: true, staples: [] });
  expect(await stapleOf(port)).toBeNull();
  const { session } = await tlsGet(port, { maxVersion: 'TLSv1.2' });
  const resume = async (): Promise<boolean> => (await tlsGet(port, { maxVersion: 'TLSv1.2', session: session! })).isResumed;
  expect(await resume()).toBe(true);
  engine.take({ cell: 'ticketKeys', version: 2, keys: randomBytes(48) });
  expect(await resume()).toBe(false);
  give({}, [], true);
  expect(await subject()).toBe('fallback');
  engine.destroy();
}); // prettier-ignore

/** What the router says of its certificate's state. */
async function stapleOf(port: number): Promise<Buffer | null> {
  // Missing in the declarations.
  const asking = { requestOCSP: true };
  const socket = tls.connect({ ...asking, port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false });
  const isOpen = once(socket, 'secureConnect');
  const [response] = (await once(socket, 'OCSPResponse')) as [Buffer | null];
  await isOpen;
  socket.end();
  await once(socket.resume(), 'close');
  return response;
} // prettier-ignore

test('services look at the health of their servers when they are told to, each by its protocol', async () => {
  const tables = new SharedTables(SHARED_TABLES, allocateTables(SHARED_TABLES, { workerSlots: 1 }), 0, 1);
  const own = makeEngine({ tables });
  const { services, endpointSets } = loadBalancer('lb', 1);
  own.start(
    snapshotOf({
      entryPoints: { web: web! },
      routes: { r: route('r', 'PathPrefix(`/`)', 'lb') },
      services,
      endpointSets,
    }),
    { lb: { 'http://127.0.0.1:1': 3 } },
    rowsOf(['web']),
  );
  const { plain } = own.entryPoints.streams.get('web')!;
  const told = (): string => {
    const { exchange, client } = exchangeFor();
    void plain.handler(exchange);
    return client.noted().join(' ');
  };
  tables.of(endpointTable).setDown(3, true);
  own.take({ cell: 'health', version: 1, services: ['lb', 'lb@@tcp', 'unknown'] });
  expect(told()).toMatch(/^\(begin 503\)/);
  own.destroy();
});

test('what a snapshot hides is built as it was sent', async () => {
  engine.take({
    cell: 'secrets',
    version: 1,
    isWhole: true,
    changed: { hidden: { object: prefix('m', '/hidden') } },
    removed: [],
  });
  await engine.advance(delta({ middlewares: { m: { ...prefix('m', 'xxxx'), secret: 'hidden' } } }), {});
  expect(answer('/b')).toBe('200 b old /hidden/b');
});
