// What one compilation leaves to the next: rules that were parsed, and specifications that stay the same objects while
// they say the same. It belongs to whoever compiles again and again; two of them share nothing.

import { createHmac } from 'node:crypto';
import type { RuleLanguage } from '../../dataplane/match/rule/rule.ts';
import type { RuleProblems } from '../../dataplane/match/rule/rule-error.ts';
import type { EndpointFacts, EndpointSetSpec } from '../../model/endpoint-set.ts';
import type { MiddlewareSpec, RouteSpec } from '../../model/route.ts';
import type { TcpMiddlewareSpec, TcpRouteSpec } from '../../model/tcp.ts';
import type { KeyedCertificate } from '../../model/tls.ts';
import type { UdpRouteSpec } from '../../model/udp.ts';
import type { ProvidedEndpoint } from '../config/routing/provided-endpoints.ts';
import { LastMade } from './last-made.ts';

/** Problems kept of rules of one language before they are forgotten, those in use among them. */
const MAX_RULES = 100_000;
/** 128 bits. */
const NAME_DIGITS = 32;

/** A server with what is known of it as an endpoint; of which protocol, its set says. */
export type ReadEndpoint = EndpointFacts & { readonly url: string; readonly weight?: number };

/** Hosts that can be read off a rule; `isWhole` is false when it also takes requests for others. */
export interface RuleHosts {
  readonly hosts: readonly string[];
  readonly isWhole: boolean;
}

export class CompileMemory {
  readonly shownOptions = new Derived<object, object>();
  readonly hidden = new Derived<object, { readonly secret: string; readonly shown: object }>();
  readonly routes = new LastMade<object, RouteSpec>();
  readonly middlewares = new LastMade<object, MiddlewareSpec>();
  readonly services = new LastMade<object, object>();
  readonly tcpRoutes = new LastMade<object, TcpRouteSpec>();
  readonly tcpMiddlewares = new LastMade<object, TcpMiddlewareSpec>();
  readonly udpRoutes = new LastMade<object, UdpRouteSpec>();
  /** Sets of services with nothing but servers of their own, by the options of the service. */
  readonly endpointSets = new WeakMap<object, EndpointSetSpec>();
  /** What endpoints that providers give were read as, by the servers of the kind of service they were read for. */
  readonly providedEndpoints = new WeakMap<
    ProvidedEndpoint,
    { readonly written: object; readonly endpoint: ReadEndpoint }
  >();
  readonly certificates = new LastMade<object, KeyedCertificate>();
  readonly ruleHosts = new Derived<RouteSpec, RuleHosts>();
  readonly ruleDomains = new Derived<object, readonly string[]>();
  readonly #nameKey: Uint8Array;
  readonly #problems = new Map<RuleLanguage, Map<string, RuleProblems>>();

  /** `secret` is the process's: without it nobody can tell from the name of a secret what it is, by trying. */
  constructor(secret: Uint8Array = new Uint8Array()) {
    this.#nameKey = createHmac('sha256', secret).update('names of secrets').digest();
  }

  /** The name of a secret: another one for other content, and for the same content in another place. */
  secretName(section: string, object: { readonly name: string }): string {
    const content = [section, object.name, JSON.stringify(object)].join('\0');
    return createHmac('sha256', this.#nameKey).update(content).digest('hex').slice(0, NAME_DIGITS);
  }

  /** What is wrong with rules of a language, by their text. */
  problems(language: RuleLanguage): Map<string, RuleProblems> {
    let known = this.#problems.get(language);
    if (known === undefined) {
      known = new Map();
      this.#problems.set(language, known);
    }
    return known;
  }

  /** Before more rules come: those that nobody has any longer would stay for ever. */
  trim(): void {
    for (const known of this.#problems.values()) if (known.size > MAX_RULES) known.clear();
  }
}

/** What follows from an object, found out once. */
class Derived<Key extends object, Value> {
  readonly #values = new WeakMap<Key, Value>();

  of(key: Key, make: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = make();
    this.#values.set(key, value);
    return value;
  }
}
