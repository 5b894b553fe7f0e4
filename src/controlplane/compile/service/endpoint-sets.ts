// The endpoints of a service: the servers in its options, and those that its provider gives it. One that cannot be used
// costs itself while another one is left.

import { WRITTEN_FACTS, type EndpointProtocol, type EndpointSetSpec } from '../../../model/endpoint-set.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import { DecodeContext, type PathSegment } from '../../../schema/decode-context.ts';
import { indexInSource } from '../../../schema/forgiving.ts';
import { INVALID } from '../../../schema/invalid.ts';
import type { Place, ProvidedEndpoint, ServiceSection } from '../../config/routing/provided-endpoints.ts';
import type { SayOfServer, ServiceProtocol, WrittenServers } from '../../config/service/define.ts';
import type { Compilation } from '../compilation.ts';
import type { ReadEndpoint } from '../compile-memory.ts';
import type { Compiled } from '../compiled.ts';

type Server = Pick<ReadEndpoint, 'url' | 'weight'>;

/** What a set is made of. */
export interface SetSource<P extends ServiceProtocol> {
  readonly section: ServiceSection;
  readonly protocol: EndpointProtocol;
  /** The kind of the service, and its options. */
  readonly kind: string;
  readonly options: object;
  readonly written: WrittenServers<P, object, unknown>;
}

interface Unusable {
  readonly code: Diagnostic['code'];
  readonly message: string;
  readonly option: readonly PathSegment[];
  readonly at?: Place;
}

/** Reports what is wrong with servers and endpoints. Where nothing was, the set of the same options is the same one. */
export function compileEndpointSet<P extends ServiceProtocol>(
  name: string,
  service: Compiled<unknown>,
  source: SetSource<P>,
  compilation: Compilation,
): EndpointSetSpec {
  const { endpointSets } = compilation.memory;
  const provided = compilation.providedTo(service, source.section);
  const before = provided.length === 0 ? endpointSets.get(source.options) : undefined;
  if (before?.name === name) return before;
  const saidBefore = compilation.findings.diagnostics.length;
  const set = makeSet(name, service, source, provided, compilation);
  const hasSaid = compilation.findings.diagnostics.length > saidBefore;
  if (provided.length === 0 && !hasSaid) endpointSets.set(source.options, set);
  return set;
}

function makeSet<P extends ServiceProtocol>(
  name: string,
  service: Compiled<unknown>,
  { protocol, kind, options, written }: SetSource<P>,
  provided: readonly ProvidedEndpoint[],
  { findings, memory }: Compilation,
): EndpointSetSpec {
  const given = written.of(options);
  if (given.length === 0 && provided.length === 0) {
    findings.report(service, 'warning', 'no-servers', `the service has no servers: ${written.without}`, [kind]);
  }
  const endpoints = new Map<string, ReadEndpoint>();
  const unusable: Unusable[] = [];
  for (const [index, one] of given.entries()) {
    const option = [kind, 'servers', indexInSource(given, index), written.option];
    const server = written.read(one, (severity, code, message) => {
      if (severity === 'error') unusable.push({ code, message, option });
      else findings.report(service, severity, code, message, option);
    });
    if (server !== null) addWritten(endpoints, server);
  }
  for (const one of provided) {
    const option = [kind, 'servers', one.key];
    let hasSaid = false;
    const before = memory.providedEndpoints.get(one);
    const endpoint =
      before?.written === written
        ? before.endpoint
        : readProvided(one, written, (severity, code, message) => {
            hasSaid = true;
            if (severity === 'error') unusable.push({ code, message, option, at: one.place });
            else findings.report(service, severity, code, message, option, { at: one.place });
          });
    if (endpoint === null) continue;
    if (before === undefined && !hasSaid) memory.providedEndpoints.set(one, { written, endpoint });
    endpoints.set(one.key, endpoint);
  }
  for (const { code, message, option, at } of unusable) {
    const details = at === undefined ? {} : { at };
    if (endpoints.size === 0) findings.report(service, 'error', code, message, option, details);
    else findings.report(service, 'warning', code, `${message}; this server is left out`, option, details);
  }
  return { protocol, name, endpoints: [...endpoints.values()] } as unknown as EndpointSetSpec; // Servers are of the protocol.
}

/**
 * The same server again is one endpoint with both shares; another one at the same address is told apart by counting.
 */
function addWritten(endpoints: Map<string, ReadEndpoint>, server: Server): void {
  for (let occurrence = 1; ; occurrence++) {
    const key = occurrence === 1 ? server.url : `${server.url}#${occurrence}`;
    const before = endpoints.get(key);
    if (before === undefined) {
      // A spread takes 9 µs here, this 0.6, and there may be a hundred thousand.
      endpoints.set(key, Object.assign({}, server, WRITTEN_FACTS, { key }));
      return;
    }
    if (!isSameServer(before, server)) continue;
    if (before.weight !== undefined) endpoints.set(key, { ...before, weight: before.weight + (server.weight ?? 0) });
    return;
  }
}

function isSameServer(endpoint: ReadEndpoint, server: Server): boolean {
  const known: Readonly<Record<string, unknown>> = { ...endpoint };
  return Object.entries(server).every(([name, value]) => name === 'weight' || known[name] === value);
}

/**
 * Null for one that cannot be used, of which `say` has been told why. What it says is plain text: it substitutes
 * nothing.
 */
export function readProvided<P extends ServiceProtocol>(
  { server: raw, key, place, ...facts }: ProvidedEndpoint,
  written: WrittenServers<P, object, unknown>,
  say: SayOfServer,
): ReadEndpoint | null {
  const context = new DecodeContext(place.source, () => null);
  const decoded = written.schema.decode(raw, context);
  for (const { severity, code, message } of context.diagnostics) say(severity, code, message);
  if (decoded === INVALID || context.errorCount > 0) return null;
  const server = written.read(decoded, say);
  return server === null ? null : Object.assign({}, server, WRITTEN_FACTS, facts, { key });
}
