// The extension unit of services. A kind of service is a definition in the list of its protocol: options, the services
// that it names, and what the data plane runs of it; how that is made live is the definition of the same kind on the
// other side (`dataplane/balance/service-registry.ts`, and in the folders of TCP and UDP).

import type { Diagnostic, Severity } from '../../../model/diagnostic.ts';
import type { DiagnosticCode } from '../../../model/diagnostic-codes.ts';
import type { ChildSpec, ServerSpec, ServiceSpec, UpstreamTransportSpec } from '../../../model/service.ts';
import type { TcpServerSpec, TcpServiceSpec, TcpTransportSpec } from '../../../model/tcp.ts';
import type { UdpServerSpec, UdpServiceSpec } from '../../../model/udp.ts';
import type { PathSegment } from '../../../schema/decode-context.ts';
import { list } from '../../../schema/collection.ts';
import { required, withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { integer, string } from '../../../schema/scalar.ts';
import type { Schema } from '../../../schema/schema.ts';

/** What services of a protocol are made of. */
export interface ServiceProtocol {
  readonly server: { readonly url: string };
  readonly spec: object;
  readonly transport: object | null;
}

export interface HttpServices extends ServiceProtocol {
  readonly server: ServerSpec;
  readonly spec: ServiceSpec;
  readonly transport: UpstreamTransportSpec;
}

export interface TcpServices extends ServiceProtocol {
  readonly server: TcpServerSpec;
  readonly spec: TcpServiceSpec;
  readonly transport: TcpTransportSpec;
}

export interface UdpServices extends ServiceProtocol {
  readonly server: UdpServerSpec;
  readonly spec: UdpServiceSpec;
  /** A datagram needs none. */
  readonly transport: null;
}

/** Another service, as the options name it. */
export interface ServiceReference {
  readonly name: string;
  /** Its share; 1 where there are no shares. */
  readonly weight: number;
  /** Where the name stands, below the kind. */
  readonly path: readonly PathSegment[];
}

/** Tells of something; an error leaves the server out. */
export type SayOfServer = (severity: Severity, code: Diagnostic['code'], message: string) => void;

/** Servers that stand in the options. */
export interface WrittenServers<P extends ServiceProtocol, Options, Given> {
  /** The option of a server that has its address. */
  readonly option: string;
  readonly schema: Schema<Given>;
  of(options: Options): readonly Given[];
  /** Null for one that cannot be used, of which `say` has been told why. */
  read(given: Given, say: SayOfServer): P['server'] | null;
  /** What becomes of traffic while there are none. */
  readonly without: string;
}

/** What a definition is compiled with. Functions need no `this`. */
export interface ServiceContext<P extends ServiceProtocol> {
  /** Qualified. */
  readonly name: string;
  /** Name of the set of its endpoints, which are its servers and those that its provider gives it. */
  readonly endpointSet: string;
  /** What `references` has named: qualified, each once. */
  readonly children: readonly ChildSpec[];
  /** The transport that the option `serversTransport` names; the usual one for none, or one that cannot be used. */
  readonly transport: (reference: string | undefined) => P['transport'];
  readonly qualify: (reference: string) => string;
  /** The path is one below the kind. */
  readonly warn: (code: DiagnosticCode, message: string, option: readonly PathSegment[]) => void;
}

export interface ServiceDefinition<P extends ServiceProtocol, Options extends object = object, Given = unknown> {
  /** Key in configuration, camelCase. */
  readonly kind: string;
  /** One sentence for the reference page. */
  readonly doc: string;
  readonly options: Schema<Options>;
  readonly servers?: WrittenServers<P, Options, Given>;
  /** Services that it hands on to; left out by one with servers of its own. */
  references?(options: Options): readonly ServiceReference[];
  /** Whatever names other services has them in `children`, and stages of its own in `middlewares`. */
  compile(options: Options, context: ServiceContext<P>): P['spec'];
}

/** Ties the parts to the type of the options schema. */
export function defineService<P extends ServiceProtocol, Options extends object, Given = unknown>(
  definition: ServiceDefinition<P, Options, Given>,
): ServiceDefinition<P> {
  // What reaches its functions has passed `options`: compiling is the only caller.
  return definition as unknown as ServiceDefinition<P>;
}

/** What labels say of a server, and people look for in its service: for `gone` of its options. */
export function ofServer(address: string, ...options: readonly string[]): Readonly<Record<string, string>> {
  const said = options.map((option) => [
    option,
    `is part of ${address} of a server; as a label it is "server.${option}"`,
  ]);
  return Object.fromEntries(said) as Readonly<Record<string, string>>;
}

export const weight = integer({ min: 0, max: 1_000_000, clamp: 'above' });

/** The option `services` of kinds that divide; `none` is what a weight of 0 gets. */
export function shares(none: string) {
  return list(
    object({
      name: required(string(), 'The service; `name` or `name@provider`.'),
      weight: withDefault(weight, 1, `Its share; 0 gets ${none}.`),
    }),
  );
}

export function referencesOfShares(
  services: readonly { readonly name: string; readonly weight: number }[],
): readonly ServiceReference[] {
  return services.map((one, index) => ({ ...one, path: ['services', index, 'name'] }));
}

/** `without` is what becomes of traffic that nobody has a share of. */
export function warnWithoutShares<P extends ServiceProtocol>(
  { children, warn }: Pick<ServiceContext<P>, 'children' | 'warn'>,
  without: string,
): void {
  if (children.some((child) => child.weight > 0)) return;
  const reason = children.length === 0 ? 'there are no services' : 'every weight is 0';
  warn('option-without-effect', `${reason}: ${without}`, ['services']);
}
