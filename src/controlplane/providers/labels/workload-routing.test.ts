import { expect, test } from 'vitest';
import { after, labelRouting, saidOf, sampleWorkload, shownRouting } from '../../../../test/support/workloads.ts';
import { isWhole, type RoutingPatch } from '../../config/routing/patch-routing.ts';

const RULE = { 'traefik.http.routers.shop.rule': 'Host(`shop`)' };

function shop(id: string, more: Readonly<Record<string, string>> = {}, createdMs = 0) {
  return sampleWorkload({ id, serviceName: 'shop', labels: { ...RULE, ...more }, createdMs });
}

function patchOf(change: unknown): RoutingPatch {
  if (change === null || isWhole(change as RoutingPatch)) throw new Error('this is no patch');
  return change as RoutingPatch;
}

test('a workload without labels is a service and a router by the default rule', () => {
  const config = labelRouting().update([
    sampleWorkload({ id: 'a', serviceName: 'web_shop', ports: [8080, { port: 53, protocol: 'udp' }, 443] }),
  ]);
  expect(shownRouting(config)).toEqual({
    routers: { 'web-shop': { rule: 'Host(`web-shop`)', service: 'web-shop' } },
    services: { 'web-shop': { loadBalancer: {} } },
    endpoints: { 'services web-shop': { 'a:443': { url: 'http://10.0.0.1:443', preservePath: false, weight: 1 } } },
  });
});

test('labels say the port, the scheme and the weight; a router without a service gets the only one', () => {
  const labels = {
    ...RULE,
    'traefik.http.services.api.loadBalancer.server.PORT': '8443',
    'traefik.http.services.api.loadbalancer.server.scheme': 'https',
    'traefik.http.services.api.loadbalancer.server.weight': '3',
    'traefik.http.services.api.loadbalancer.passhostheader': 'false',
  };
  expect(shownRouting(labelRouting().update([sampleWorkload({ id: 'a', labels, ports: [] })]))).toEqual({
    routers: { shop: { rule: 'Host(`shop`)', service: 'api' } },
    services: { api: { loadBalancer: { passHostHeader: 'false' } } },
    endpoints: { 'services api': { 'a:8443': { url: 'https://10.0.0.1:8443', preservePath: false, weight: 3 } } },
  });
});

test('two services and a router that names none: the router alone is left out, and told what to write', () => {
  const labels = {
    ...RULE,
    'traefik.http.services.a.loadbalancer.server.port': '1',
    'traefik.http.services.b.loadbalancer.server.port': '2',
  };
  const config = after(null, labelRouting().update([sampleWorkload({ id: 'x', labels })]));
  expect([...config.routers.keys()]).toEqual([]);
  expect([...config.services.keys()]).toEqual(['a', 'b']);
  expect(saidOf(config)).toEqual([
    'error container x, label traefik.http.routers.shop.rule [http.routers.shop.service] the router "shop" names no service, and there are several: a, b; say which with the label traefik.http.routers.shop.service',
  ]);
});

test('replicas share their objects; one that comes or goes changes endpoints alone', () => {
  const routing = labelRouting();
  const whole = after(null, routing.update([shop('a'), shop('b', {}, 1)]));
  expect([...whole.endpoints!.get('services shop')!.endpoints].map(({ key }) => key)).toEqual(['a:80', 'b:80']);
  expect(routing.update([shop('a'), shop('b', {}, 1)])).toBeNull();
  const third = patchOf(routing.update([shop('a'), shop('b', {}, 1), shop('c', {}, 2)]));
  expect(Object.keys(third)).toEqual(['endpoints']);
  expect(third.endpoints![0]).toMatchObject({ service: 'shop', changed: [{ key: 'c:80' }], removed: [] });
  // The oldest is the one that its objects are named after: they stay as they are without it.
  const first = patchOf(routing.update([shop('b', {}, 1), shop('c', {}, 2)]));
  expect(first).toEqual({ endpoints: [{ section: 'services', service: 'shop', changed: [], removed: ['a:80'] }] });
  const none = patchOf(routing.update([]));
  expect(none.removed).toEqual([
    { section: 'routers', name: 'shop' },
    { section: 'services', name: 'shop' },
  ]);
  const left = after(after(after(whole, third), first), none);
  expect(shownRouting(left)).toEqual({});
});

test('of two that say different things the oldest keeps the name, until it goes', () => {
  const other = { 'traefik.http.routers.shop.rule': 'Host(`other`)' };
  const routing = labelRouting();
  let config = after(null, routing.update([shop('young', other, 5), shop('old', {}, 1)]));
  expect(config.routers.get('shop')!.value!.rule).toBe('Host(`shop`)');
  // The service says the same in both.
  expect(config.endpoints!.get('services shop')!.endpoints.map(({ key }) => key)).toEqual(['young:80', 'old:80']);
  expect(saidOf(config)).toEqual([
    'warning container young, label traefik.http.routers.shop.rule [http.routers.shop] the router "shop" of container old says something else, is older and counts; what container young says of it is left out: give one of them another name, or let both say the same',
  ]);
  expect(routing.outcomes.map(({ place, objects, leftOut }) => [place, objects, leftOut])).toEqual([
    ['container young', ['service shop'], ['router shop is taken by container old']],
    ['container old', ['router shop', 'service shop'], []],
  ]);
  config = after(config, routing.update([shop('young', other, 5)]));
  expect(config.routers.get('shop')!.value!.rule).toBe('Host(`other`)');
  expect(saidOf(config)).toEqual([]);
});

test('a service of which another says something else has none of the other’s endpoints', () => {
  const sticky = { 'traefik.http.services.shop.loadbalancer.sticky.cookie.name': 'c' };
  const config = after(null, labelRouting().update([shop('a', sticky, 1), shop('b', {}, 2)]));
  expect(config.endpoints!.get('services shop')!.endpoints.map(({ key }) => key)).toEqual(['a:80']);
});

test('different words with the same meaning are no contradiction', () => {
  const one = { 'traefik.http.routers.shop.entrypoints': 'web, websecure', 'traefik.http.routers.shop.tls': 'true' };
  const other = { 'traefik.http.routers.shop.entrypoints[0]': 'web', 'traefik.http.routers.shop.entrypoints.1': 'websecure', 'traefik.http.routers.shop.tls': 'True' }; // prettier-ignore
  expect(saidOf(after(null, labelRouting().update([shop('a', one, 1), shop('b', other, 2)])))).toEqual([]);
});

test('a bad label costs the object it is in, and is told at its place', () => {
  const labels = {
    'traefik.http.routers.shop.rulee': 'Host(`shop`)',
    'traefik.http.routers.shop.rule': 'Host(`shop`)',
    'traefik.http.routers.good.rule': 'Host(`good`)',
    'traefik.http.middlewares.m.buffering.maxRequestBodyBytes': 'many',
    'traefik.http.rooters.x.rule': 'Host(`x`)',
  };
  const config = after(null, labelRouting().update([sampleWorkload({ id: 'a', labels })]));
  expect([...config.routers.values()].map(({ name, value }) => [name, value !== null])).toEqual([
    ['good', true],
    ['shop', false],
  ]);
  expect(saidOf(config)).toEqual([
    'error container a, label traefik.http.middlewares.m.buffering.maxRequestBodyBytes [http.middlewares.m.buffering.maxRequestBodyBytes] expected a whole number, found "many"',
    'error container a, label traefik.http.routers.shop.rulee [http.routers.shop.rulee] unknown option "rulee"; did you mean "rule"?',
    'error container a, label traefik.http.rooters.x.rule [http.rooters] unknown option "rooters"; did you mean "routers"?',
  ]);
});

test('where an option belongs is told by its name', () => {
  const labels = {
    'traefik.http.services.s.loadbalancer.port': '80',
    'traefik.http.services.t.loadbalancer.interval': '5s',
    'traefik.http.services.u.loadbalancer.sticky.cookie.passhostheader': 'true',
    'traefik.http.routers.rule': 'Host(`a`)',
    'traefik.tcp.services.s.loadbalancer.port': '80',
  };
  const config = after(null, labelRouting().update([sampleWorkload({ id: 'a', labels })]));
  expect(
    saidOf(config)
      .map((one) => one.replace(/^error container a, label (\S+) \[\S*\] /, '$1: '))
      .toSorted(),
  ).toEqual([
    'traefik.http.routers.rule: "rule" stands where a name should, and is an option of what has the name; write "http.routers.<name>.rule"',
    'traefik.http.services.s.loadbalancer.port: "port" is part of the URL of a server; as a label it is "server.port"',
    'traefik.http.services.t.loadbalancer.interval: "interval" belongs below "healthCheck:"; write "http.services.t.loadBalancer.healthCheck.interval"',
    'traefik.http.services.u.loadbalancer.sticky.cookie.passhostheader: "passhostheader" belongs beside "sticky", not below it; write "http.services.u.loadBalancer.passhostheader"',
    'traefik.tcp.services.s.loadbalancer.port: "port" is part of the address of a server; as a label it is "server.port"',
  ]);
});

test('what was said of a label is said no more once it is right', () => {
  const routing = labelRouting();
  const wrong = shop('a', { 'traefik.http.routers.shop.priority': 'high', 'traefik.htp.x': '1' });
  let config = after(null, routing.update([wrong]));
  expect(saidOf(config)).toHaveLength(2);
  config = after(config, routing.update([shop('a', { 'traefik.http.routers.shop.priority': '3' })]));
  expect(saidOf(config)).toEqual([]);
  expect(config.routers.get('shop')!.value!.priority).toBe(3);
});

test('of two prefixes ours counts', () => {
  const labels = {
    'traefik.http.routers.shop.rule': 'Host(`a`)',
    'Signalbox.HTTP.Routers.shop.Rule': 'Host(`b`)',
    'signalbox.http.routers.shop.entrypoints': 'web',
    'traefik.http.routers.shop.entrypoints': 'web',
  };
  const config = after(null, labelRouting().update([sampleWorkload({ id: 'a', labels })]));
  expect(config.routers.get('shop')!.value!.rule).toBe('Host(`b`)');
  expect(saidOf(config)).toEqual([
    'warning container a, label traefik.http.routers.shop.rule [http.routers.shop.rule] the label Signalbox.HTTP.Routers.shop.Rule says something else, and counts; this one is left out',
  ]);
});

test('who is left out, and why', () => {
  const routing = labelRouting({ exposedByDefault: false, constraints: 'Label(`team`, `a`)' });
  const on = { 'traefik.enable': 'true', team: 'a' };
  const config = after(
    null,
    routing.update([
      sampleWorkload({ id: 'hidden' }),
      sampleWorkload({ id: 'off', labels: { ...on, 'signalbox.enable': 'false' } }),
      sampleWorkload({ id: 'odd', labels: { ...on, 'traefik.enable': 'yes' } }),
      sampleWorkload({ id: 'foreign', labels: { ...on, team: 'b' } }),
      sampleWorkload({ id: 'ill', labels: on, state: 'unavailable', stateReason: 'unhealthy' }),
      sampleWorkload({ id: 'portless', labels: on, ports: [] }),
      sampleWorkload({ id: 'away', labels: on, addressOf: () => ({ problem: 'on no network of the router' }) }),
      sampleWorkload({ id: 'leaving', labels: on, state: 'draining' }),
    ]),
  );
  expect(routing.outcomes.map(({ id, objects, leftOut }) => [id, objects, leftOut])).toEqual([
    ['hidden', [], ['not exposed: exposedByDefault is false and no label says enable=true']],
    ['off', [], ['disabled by signalbox.enable=false']],
    ['odd', [], ['traefik.enable is neither true nor false']],
    ['foreign', [], ['the constraints are not met']],
    ['ill', [], ['unhealthy']],
    [
      'portless',
      [],
      [
        'no port is exposed: expose one, or say it with the label traefik.http.services.portless.loadBalancer.server.port',
      ],
    ],
    ['away', [], ['on no network of the router']],
    ['leaving', ['router leaving', 'service leaving'], []],
  ]);
  expect(config.endpoints!.get('services leaving')!.endpoints[0]).toMatchObject({
    state: 'draining',
    sourceId: 'leaving',
  });
  expect(saidOf(config)).toEqual([
    'error container odd, label traefik.enable [enable] expected true or false, found "yes"; until it is one of them, it is taken for false',
    'error container portless [http.services.portless.loadBalancer] the service "portless" has no port, since no port is exposed: expose one, or say it with the label traefik.http.services.portless.loadBalancer.server.port',
    'error container away [http.services.away.loadBalancer] the service "away" has no address: on no network of the router',
  ]);
});

test('what is not ready keeps its objects where empty services are allowed', () => {
  const routing = labelRouting({ allowEmptyServices: true });
  const ill = { ...shop('a'), state: 'unavailable', stateReason: 'unhealthy' } as const;
  const config = after(null, routing.update([ill]));
  expect(shownRouting(config)).toEqual({
    routers: { shop: { rule: 'Host(`shop`)', service: 'shop' } },
    services: { shop: { loadBalancer: {} } },
  });
  const well = patchOf(routing.update([shop('a')]));
  expect(Object.keys(well)).toEqual(['endpoints']);
});

test('an address that changes is a change, though the labels say the same', () => {
  const routing = labelRouting();
  routing.update([shop('a')]);
  const moved = { ...shop('a'), addressOf: () => ({ host: 'fd00::2', port: 81 }) };
  expect(patchOf(routing.update([moved])).endpoints![0]!.changed[0]).toMatchObject({
    key: 'a:80',
    server: { url: 'http://[fd00::2]:81' },
  });
});

test('TCP and UDP have services and no routers of their own; HTTP is not implied beside them', () => {
  const labels = {
    'traefik.tcp.routers.db.rule': 'HostSNI(`*`)',
    'traefik.tcp.services.db.loadbalancer.server.port': '5432',
    'traefik.tcp.services.db.loadbalancer.server.tls': 'true',
    'traefik.udp.routers.dns.entrypoints': 'dns',
  };
  const ports = [80, { port: 53, protocol: 'udp' as const }];
  expect(shownRouting(labelRouting().update([sampleWorkload({ id: 'a', labels, ports })]))).toEqual({
    tcpRouters: { db: { rule: 'HostSNI(`*`)', service: 'db' } },
    tcpServices: { db: { loadBalancer: {} } },
    udpRouters: { dns: { entryPoints: 'dns', service: 'a' } },
    udpServices: { a: { loadBalancer: {} } },
    endpoints: {
      'tcpServices db': { 'a:5432': { address: '10.0.0.1:5432', tls: true } },
      'udpServices a': { 'a:53': { address: '10.0.0.1:53', weight: 1 } },
    },
  });
});

test('certificates and TLS options are the operator’s', () => {
  const labels = { ...RULE, 'traefik.tls.stores.default.defaultgeneratedcert.resolver': 'le' };
  const [said] = saidOf(after(null, labelRouting().update([sampleWorkload({ id: 'a', labels })])));
  expect(said).toMatch(/^error container a, label traefik\.tls\.stores.* are set by whoever runs the router/);
});
