// Whatever comes, goes and changes: the patches one after the other come to what everything at once comes to.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileEndpointPatches } from '../../compile/service/endpoint-patches.ts';
import { after, compiledWith, labelRouting, saidOf, sampleWorkload } from '../../../../test/support/workloads.ts';
import { OBJECT_SECTIONS } from '../../config/routing/object-kinds.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import { isWhole } from '../../config/routing/patch-routing.ts';
import type { Workload } from './workload.ts';

/** What a workload may say: alike, contradicting, wrong, and nothing. */
const LABELS: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'traefik.enable': 'false' },
  { 'traefik.http.routers.r.rule': 'Host(`r`)' },
  { 'traefik.http.routers.r.rule': 'Host(`other`)', 'traefik.http.routers.q.rule': 'Host(`q`)' },
  { 'traefik.http.routers.r.rule': 'Host(`r`)', 'traefik.http.routers.r.wrong': 'x' },
  { 'traefik.http.services.s.loadbalancer.server.port': '81', 'traefik.http.middlewares.m.addprefix.prefix': '/m' },
  { 'traefik.http.services.s.loadbalancer.passhostheader': 'false', 'traefik.htp.x': 'y' },
  {
    'traefik.http.services.s.loadbalancer.server.port': 'none',
    'traefik.tcp.services.s.loadbalancer.server.port': '5',
  },
];

const workload = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    service: fc.constantFrom('s', 't'),
    labels: fc.nat(LABELS.length - 1),
    state: fc.constantFrom('ready' as const, 'ready' as const, 'draining' as const, 'unavailable' as const),
    host: fc.constantFrom('10.0.0.1', '10.0.0.2', ''),
    ports: fc.constantFrom([80], [90, 70], []),
  })
  .map(({ id, service, labels, state, host, ports }) =>
    sampleWorkload({
      id,
      serviceName: service,
      labels: LABELS[labels]!,
      state,
      ports,
      createdMs: id.charCodeAt(0) % 3,
      addressOf: ({ port }) => (host === '' ? { problem: 'it is nowhere' } : { host, port }),
    }),
  );

const moment = fc.uniqueArray(workload, { selector: ({ id }) => id, maxLength: 5 });

/** Without places of objects, which may be those of a workload that has said the same and has gone. */
function shown(config: RoutingConfig): unknown {
  const objects = OBJECT_SECTIONS.map((section) =>
    Object.fromEntries([...config[section]].map(([name, { text, value, errors }]) => [name, { text, value, errors }])),
  );
  const sets = [...(config.endpoints ?? [])].map(([service, { endpoints }]) => [
    service,
    Object.fromEntries(endpoints.map((endpoint) => [endpoint.key, endpoint])),
  ]);
  // An empty set says as much as none.
  const filled = sets.filter(([, endpoints]) => Object.keys(endpoints!).length > 0);
  return { objects, sets: Object.fromEntries(filled) as unknown, said: saidOf(config).toSorted() };
}

test.each([false, true])('patches come to the whole, with empty services allowed: %s', (allowEmptyServices) => {
  fc.assert(
    fc.property(fc.array(moment, { minLength: 2, maxLength: 6 }), (moments) => {
      const routing = labelRouting({ allowEmptyServices });
      let config: RoutingConfig | null = null;
      for (const workloads of moments) {
        config = after(config, routing.update(workloads));
        const whole = labelRouting({ allowEmptyServices });
        expect(shown(config)).toEqual(shown(after(null, whole.update(workloads))));
        expect(routing.update(workloads.map((one) => ({ ...one })))).toBeNull();
        expect(sorted(routing.outcomes)).toEqual(sorted(whole.outcomes));
      }
      // Nothing is left behind of what has gone.
      const none = after(config, routing.update([]));
      expect(shown(none)).toEqual(shown(after(null, labelRouting().update([]))));
      expect(routing.outcomes).toEqual([]);
    }),
    { seed: 4, numRuns: 80 },
  );
});

function sorted(outcomes: readonly { readonly id: string }[]): readonly unknown[] {
  return outcomes.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function replicas(count: number, from = 0): readonly Workload[] {
  return Array.from({ length: count }, (_, index) =>
    sampleWorkload({
      id: `web-${from + index}`,
      serviceName: 'web',
      createdMs: from + index,
      labels: { 'traefik.http.routers.web.rule': 'Host(`web`)' },
    }),
  );
}

test('replicas that are replaced one by one change endpoints alone, and places follow with the next change', () => {
  const routing = labelRouting();
  let config = after(null, routing.update(replicas(3)));
  for (let from = 1; from < 4; from++) {
    const change = routing.update(replicas(3, from));
    expect(Object.keys(change!)).toEqual(['endpoints']);
    config = after(config, change);
  }
  expect(config.routers.get('web')!.document.source).toBe('container web-0');
  const change = routing.update([...replicas(3, 3), sampleWorkload({ id: 'new' })]);
  config = after(config, change);
  expect(config.routers.get('web')!.document.source).toBe('container web-3');
  expect(isWhole(change!)).toBe(false);
});

test('what one replica does costs its own service: nothing else is compiled', () => {
  const routing = labelRouting();
  const others = sampleWorkload({ id: 'other' });
  const config = after(null, routing.update([others, ...replicas(3)]));
  const result = compiledWith(config);
  const patched = (workloads: readonly Workload[]) => {
    const change = routing.update(workloads);
    if (change === null || isWhole(change) || Object.keys(change).join() !== 'endpoints')
      throw new Error('more has changed');
    return compileEndpointPatches(
      result,
      change.endpoints!.map((one) => ({ ...one, provider: 'docker' })),
    );
  };
  expect(patched([others, ...replicas(4)])).toMatchObject({ 'web@docker': { changed: [{ key: 'web-3:80' }] } });
  const leaving = replicas(4).map((one, at) => (at === 2 ? { ...one, state: 'draining' as const } : one));
  expect(patched([others, ...leaving])).toMatchObject({
    'web@docker': { changed: [{ key: 'web-2:80', state: 'draining' }] },
  });
  expect(patched([others, ...replicas(1)])).toEqual({
    'web@docker': { changed: [], removed: ['web-1:80', 'web-2:80', 'web-3:80'] },
  });
});

test('a definition with a mistake follows its workload at once, since it is told where it stands', () => {
  const wrong = (id: string, createdMs: number): Workload =>
    sampleWorkload({ id, serviceName: 'web', createdMs, labels: { 'traefik.http.routers.web.rulee': 'x' } });
  const routing = labelRouting();
  let config = after(null, routing.update([wrong('one', 1), wrong('two', 2)]));
  expect(saidOf(config)[0]).toContain('container one, label');
  config = after(config, routing.update([wrong('two', 2)]));
  expect(saidOf(config)).toHaveLength(1);
  expect(saidOf(config)[0]).toContain('container two, label');
});

test('thousands of mistakes are told up to a number', () => {
  const wrong = Array.from({ length: 1_500 }, (_, at) =>
    sampleWorkload({ id: `w${at}`, labels: { 'traefik.enable': 'maybe' } }),
  );
  const config = after(null, labelRouting().update(wrong));
  expect(config.notes).toHaveLength(1_001);
  expect(config.notes!.at(-1)!.message).toContain('499 more like this are not told');
});

test('the network of a label is asked for, that of the provider before the one of Docker', () => {
  const asked: string[] = [];
  const at = (labels: Readonly<Record<string, string>>): Workload =>
    sampleWorkload({
      id: 'a',
      labels,
      addressOf: ({ port }, network) => {
        asked.push(network);
        return { host: '10.0.0.1', port };
      },
    });
  labelRouting().update([at({})]);
  labelRouting().update([at({ 'traefik.docker.network': 'edge' })]);
  labelRouting().update([at({ 'traefik.docker.network': 'edge', 'Signalbox.Docker.Network': 'inner' })]);
  expect(asked).toEqual(['', 'edge', 'inner']);
});

test('labels that nobody knows are told where they look like a slip', () => {
  const labels = {
    'traefik.docker.netwrok': 'edge',
    'traefik.docker.allownonrunning': 'true',
    'traefik.frontend.rule': 'Host:a.test',
    'traefik.enabled': 'true',
    'traefik.constraint-label': 'mine',
    'traefik.swarm.network': 'x',
    'signalbox.mine': 'x',
    'signalbox.team': 'x',
    'traefik.http.services.a.loadbalancer.server.url': 'http://a.test',
    'traefik.http.services.a.loadbalancer.server.port': '1',
  };
  const routing = labelRouting({ constraints: 'Label(`signalbox.team`, `x`)' });
  const said = saidOf(after(null, routing.update([sampleWorkload({ id: 'a', labels })])));
  expect(said.map((one) => one.replace(/^(\w+) container a, label \S+ \[\S*\] /, '$1 '))).toEqual([
    'warning unknown label "traefik.docker.netwrok"; did you mean "network"?',
    'warning unknown label "traefik.enabled"; did you mean "enable"?',
    'warning "traefik.frontend.rule" is a label of Traefik 1, which has no effect; routers, services and middlewares are below "http"',
    'warning unknown label "signalbox.mine"; known here: enable, http, tcp, udp, docker',
    'warning "url" says where the server is: port and scheme have no effect beside it',
  ]);
});
