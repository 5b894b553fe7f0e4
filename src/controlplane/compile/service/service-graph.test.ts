// The seam for kinds of services, shown with one that names others by options of their own, as no kind of today does.

import { expect, test } from 'vitest';
import type { ChildSpec } from '../../../model/service.ts';
import { optional, required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { string } from '../../../schema/scalar.ts';
import { parseConfig } from '../../config/document/document.ts';
import { decodeInstall } from '../../config/install/load-install.ts';
import { decodeRouting, type RoutingObject } from '../../config/routing/routing-config.ts';
import { defineService, type ServiceDefinition, type ServiceProtocol } from '../../config/service/define.ts';
import type { ServiceOptions } from '../../config/service/registry.ts';
import { Compilation } from '../compilation.ts';
import { CompileMemory } from '../compile-memory.ts';
import type { Compiled } from '../compiled.ts';
import { ServiceGraph } from './service-graph.ts';
import { compileServices, type ServiceFamily } from './services.ts';

interface TestServices extends ServiceProtocol {
  readonly server: { readonly url: string };
  readonly spec: { readonly kind: string; readonly children?: readonly ChildSpec[] };
  readonly transport: null;
}

interface FailoverOptions {
  readonly service: string;
  readonly fallback: { readonly name: string };
}

const failover = defineService<TestServices, FailoverOptions>({
  kind: 'failover',
  doc: 'A second service when the first is down.',
  options: object({
    service: required(string(), ''),
    fallback: required(object({ name: required(string(), '') }), ''),
  }),
  references: ({ service, fallback }) => [
    { name: service, weight: 1, path: ['service'] },
    { name: fallback.name, weight: 1, path: ['fallback', 'name'] },
  ],
  compile: (_, { children }) => ({ kind: 'failover', children }),
});

const fixed = defineService<TestServices, object>({
  kind: 'fixed',
  doc: 'Needs nothing.',
  options: object({ text: optional(string(), '') }),
  compile: () => ({ kind: 'fixed' }),
});

const FAMILY: ServiceFamily<TestServices> = {
  section: 'services',
  protocol: 'http',
  definitions: [failover, fixed] as readonly ServiceDefinition<TestServices>[],
  setOf: (name) => name,
  lostShare: 'nobody gets it',
  transport: () => null,
};

/** As if services of these kinds had been decoded. */
function resolve(options: Readonly<Record<string, ServiceOptions>>) {
  const { value } = decodeInstall('signalbox.yml', '');
  const compilation = new Compilation(value!, [decodeRouting('p', parseConfig('f.yml', ''))], new CompileMemory());
  const services = compilation.objects.services as Map<string, Compiled<ServiceOptions>>; // Which collecting has made.
  for (const [name, of] of Object.entries(options)) {
    const document = parseConfig('f.yml', '');
    const one: RoutingObject<ServiceOptions> = { name, value: of, text: '', isClean: true, document, path: ['http', 'services', name], errors: [], substituted: [] }; // prettier-ignore
    services.set(`${name}@p`, { name: `${name}@p`, provider: 'p', object: one, errors: [], warnings: [], usedBy: new Set() }); // prettier-ignore
  }
  const resolved = new ServiceGraph(compilation, FAMILY, compileServices(compilation, FAMILY)).resolve();
  const said = compilation.findings.diagnostics.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
  return { specs: Object.fromEntries(resolved.services), said, services };
}

const both = (service: string, fallback: string): ServiceOptions => ({
  failover: { service, fallback: { name: fallback } },
});

test('what a kind names is followed, wherever its options say it', () => {
  const { specs, said, services } = resolve({ f: both('a', 'b'), a: { fixed: {} }, b: { fixed: {} } });
  expect(said).toEqual([]);
  expect(specs['f@p']).toEqual({
    kind: 'failover',
    children: [
      { service: 'a@p', weight: 1 },
      { service: 'b@p', weight: 1 },
    ],
  });
  expect([...services.get('b@p')!.usedBy]).toEqual(['f@p']);
});

test('one that cannot be used is told of at its own place, and has that as a field', () => {
  const { specs, said } = resolve({ f: both('a', 'nobody'), a: { fixed: {} } });
  expect(said).toEqual([
    'warning http.services.f.failover.fallback.name: there is no service "nobody"; nobody gets it',
  ]);
  expect(specs['f@p']!.children).toEqual([
    { service: 'a@p', weight: 1 },
    { service: 'nobody@p', weight: 1, disabledStatus: 503 },
  ]);
});

test('with none left it cannot be used, nor can who names it', () => {
  const { specs, said } = resolve({ f: both('nobody', 'either'), g: both('f', 'f') });
  expect(Object.keys(specs)).toEqual([]);
  expect(said).toEqual([
    'warning http.services.g.failover.fallback.name: the service "f" is named twice: its weight is the sum, 2',
    'error http.services.f.failover.service: there is no service "nobody"',
    'error http.services.f.failover.fallback.name: there is no service "either"',
    'error http.services.g.failover.service: the service "f" is disabled',
  ]);
});

test('one that leads back to itself is told of where it names what does', () => {
  const { specs, said } = resolve({ f: both('g', 'a'), g: both('f', 'a'), a: { fixed: {} } });
  expect(Object.keys(specs)).toEqual(['a@p']);
  expect(said).toEqual([
    'error http.services.f.failover.service: the service contains itself: f@p → g@p → f@p',
    'error http.services.g.failover.service: the service contains itself: g@p → f@p → g@p',
  ]);
});
