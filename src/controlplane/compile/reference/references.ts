// What objects name, and what is to be said when that is not there or cannot be used: the one place that follows a
// reference, whichever object has it.

import type { PathSegment } from '../../../schema/decode-context.ts';
import type { ObjectKind, ObjectSection } from '../../config/routing/object-kinds.ts';
import { INTERNAL_PROVIDER } from '../../config/install/internal-routing.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import { qualify, type Compiled, type CompiledObjects } from '../compiled.ts';
import type { Findings } from '../findings.ts';
import { DanglingReferences } from './dangling.ts';

/** The words for one object of a section: whatever the protocol, people write "the service". */
interface Words {
  readonly kind: ObjectKind;
  readonly disabled: string;
}

const MIDDLEWARE: Words = { kind: 'middleware', disabled: 'the middleware "?" is disabled' };
const SERVICE: Words = { kind: 'service', disabled: 'the service "?" is disabled' };
const TRANSPORT: Words = { kind: 'serversTransport', disabled: 'the transport "?" is disabled' };

const WORDS = {
  routers: { kind: 'router', disabled: 'the router "?" is disabled' },
  middlewares: MIDDLEWARE,
  services: SERVICE,
  serversTransports: TRANSPORT,
  tlsOptions: { kind: 'tlsOptions', disabled: 'the TLS options "?" are disabled' },
  tcpMiddlewares: MIDDLEWARE,
  tcpServices: SERVICE,
  tcpServersTransports: TRANSPORT,
  udpServices: SERVICE,
} as const satisfies Partial<Readonly<Record<ObjectSection, Words>>>;

/** Sections whose objects are named by others. */
export type NamedSection = keyof typeof WORDS;

/** Who names something; a name without a provider is one of its own. */
export interface Referrer {
  readonly name: string;
  readonly provider: string;
}

/** Answers 418 and nothing else: what a router names that only redirects. */
const HARMLESS = `noop@${INTERNAL_PROVIDER}`;

export interface ReferenceProblem {
  readonly code: 'dangling-reference' | 'unusable-reference';
  readonly message: string;
}

export interface Resolved {
  /** Qualified. */
  readonly name: string;
  /** Null for what can be used. */
  readonly problem: ReferenceProblem | null;
}

export class References {
  readonly #objects: CompiledObjects;
  readonly #findings: Findings;
  readonly #dangling: DanglingReferences;
  /** Services of the router that objects of a provider may name, of providers that have a list of them. */
  readonly #allowed: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(objects: CompiledObjects, configs: readonly RoutingConfig[], findings: Findings) {
    this.#objects = objects;
    this.#findings = findings;
    this.#dangling = new DanglingReferences(new Map(configs.map(({ provider, unread = [] }) => [provider, unread])));
    this.#allowed = new Map(
      configs.flatMap(({ provider, internalServices }) =>
        internalServices === undefined ? [] : [[provider, new Set([...internalServices, HARMLESS])] as const],
      ),
    );
  }

  /**
   * What the reference leads to, which from now on is used by `from`. `isUsable` says of a qualified name whether it is
   * in force; what no configuration has defined may be, too.
   */
  resolve(section: NamedSection, reference: string, from: Referrer, isUsable: (name: string) => boolean): Resolved {
    const name = qualify(reference, from.provider);
    const target = this.#objects[section].get(name);
    target?.usedBy.add(from.name);
    return { name, problem: isUsable(name) ? null : this.problem(section, reference, from.provider) };
  }

  /** As `resolve`; what is wrong is an error of the object, at the option that names it. */
  follow(
    section: NamedSection,
    reference: string,
    from: Compiled<unknown>,
    option: readonly PathSegment[],
    isUsable: (name: string) => boolean,
  ): Resolved {
    const resolved = this.resolve(section, reference, from, isUsable);
    const { problem } = resolved;
    if (problem !== null) this.#findings.report(from, 'error', problem.code, problem.message, option);
    return resolved;
  }

  /** The objects of the provider are a tenant's, of whom the operator says what they may name. */
  isRestricted(provider: string): boolean {
    return this.#allowed.has(provider);
  }

  /**
   * An error of the object that names a service of the router itself which its provider's words may not name: a tenant
   * would publish the API. `name` is qualified.
   */
  refuseInternal(name: string, from: Compiled<unknown>, option: readonly PathSegment[]): void {
    const allowed = this.#allowed.get(from.provider);
    if (allowed === undefined || !name.endsWith(`@${INTERNAL_PROVIDER}`) || allowed.has(name)) return;
    const message = `"${name}" is a service of the router itself, which objects of the provider ${from.provider} may name only where the install configuration lists it: providers.${from.provider}.internalServices: [${name}]`;
    this.#findings.report(from, 'error', 'refused-reference', message, option);
  }

  /** Of a reference to what cannot be used: it is not there, or disabled. */
  problem(section: NamedSection, reference: string, provider: string): ReferenceProblem {
    const { kind, disabled } = WORDS[section];
    const known = this.#objects[section];
    return known.has(qualify(reference, provider))
      ? { code: 'unusable-reference', message: disabled.replace('?', () => reference) }
      : { code: 'dangling-reference', message: this.#dangling.message(kind, reference, provider, known) };
  }
}

/** A qualified name as an object of the provider would write it. */
export function asWritten(qualified: string, provider: string): string {
  return qualified.endsWith(`@${provider}`) ? qualified.slice(0, -provider.length - 1) : qualified;
}
