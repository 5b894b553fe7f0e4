// Puts a changed set of entry points into force: binds what is new or has moved, then publishes. An address that cannot
// be had costs its own entry point alone, which stays where it was.

import { SignalboxError } from '../core/errors.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { isSameAddress, type EntryPointSpec, type ListenAddress } from '../model/entry-point.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import type { DiagnosticCode } from '../model/diagnostic-codes.ts';

export interface EntryPointOwner {
  /** As configured, by entry point, of those in force at the moment. */
  inForce(): Readonly<Record<string, EntryPointSpec>>;
  /** What is really bound. */
  boundTo(name: string): ListenAddress | null;
  /** Rejects with a SignalboxError. */
  open(spec: EntryPointSpec): Promise<void>;
  /** Settles when every worker runs it. */
  publish(install: InstallConfig, diagnostics: readonly Diagnostic[]): Promise<void>;
}

/** Settles when everything is in force that can be; `diagnostics` are published with those that are added here. */
export async function changeEntryPoints(
  owner: EntryPointOwner,
  install: InstallConfig,
  diagnostics: readonly Diagnostic[],
): Promise<void> {
  const change = new EntryPointChange(owner, install);
  await change.open(Object.values(install.entryPoints));
  if (change.blocked.length > 0) {
    // Another entry point, or an earlier address of the same one, is in the way and goes: it has to be gone first.
    const blocked = change.blocked.splice(0);
    await owner.publish(change.without(blocked), [...diagnostics, ...change.diagnostics]);
    await change.open(blocked);
  }
  await owner.publish(change.without([]), [...diagnostics, ...change.diagnostics]);
}

class EntryPointChange {
  readonly blocked: EntryPointSpec[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly #owner: EntryPointOwner;
  readonly #install: InstallConfig;
  /** Where each was before. */
  readonly #before: Readonly<Record<string, EntryPointSpec>>;
  readonly #specs: Record<string, EntryPointSpec>;
  readonly #unbound = new Set<string>();

  constructor(owner: EntryPointOwner, install: InstallConfig) {
    this.#owner = owner;
    this.#install = install;
    this.#before = owner.inForce();
    this.#specs = { ...install.entryPoints };
  }

  /** The configuration as far as it can be had, without these. */
  without(specs: readonly EntryPointSpec[]): InstallConfig {
    const unbound = new Set([...this.#unbound, ...specs.map(({ name }) => name)]);
    return { ...this.#install, entryPoints: { ...this.#specs }, unboundEntryPoints: unbound };
  }

  async open(specs: readonly EntryPointSpec[]): Promise<void> {
    for (const spec of specs) {
      const inForce = this.#owner.inForce()[spec.name];
      if (inForce !== undefined && isSameAddress(inForce.address, spec.address)) this.#keepSocket(spec, inForce);
      else await this.#openOne(spec);
    }
  }

  #keepSocket(spec: EntryPointSpec, inForce: EntryPointSpec): void {
    if (spec.reusePort === inForce.reusePort) return;
    this.#specs[spec.name] = { ...spec, reusePort: inForce.reusePort };
    this.#report(
      'warning',
      'needs-restart',
      spec,
      'reusePort',
      'a socket that is bound keeps this option; it takes effect with the next start, or with another address',
    );
  }

  async #openOne(spec: EntryPointSpec): Promise<void> {
    try {
      await this.#owner.open(spec);
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      if (error.code === 'ERR_LISTEN_ADDRESS_IN_USE' && this.#isInOwnWay(spec)) this.blocked.push(spec);
      else await this.#fallBack(spec, error);
    }
  }

  /** A socket of this process has the port, and is about to be given up. */
  #isInOwnWay({ address: wanted }: EntryPointSpec): boolean {
    return Object.entries(this.#owner.inForce()).some(([name, { address }]) => {
      const next = this.#specs[name];
      const bound = this.#owner.boundTo(name);
      const isGivenUp = next === undefined || !isSameAddress(next.address, address);
      return isGivenUp && bound?.port === wanted.port && bound.protocol === wanted.protocol;
    });
  }

  async #fallBack(spec: EntryPointSpec, error: SignalboxError): Promise<void> {
    const { name } = spec;
    const before = this.#before[name];
    const prefix = `entryPoints.${name}.address: `;
    const reason = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
    let outcome = 'the entry point is not served until the configuration is read again';
    if (before === undefined) this.#unbound.add(name);
    else {
      const back = { ...spec, address: before.address, reusePort: before.reusePort };
      // It may have been given up already, to make room.
      const isThere =
        name in this.#owner.inForce() ||
        (await this.#owner.open(back).then(
          () => true,
          () => false,
        ));
      if (isThere) {
        this.#specs[name] = back;
        outcome = `the entry point stays on ${shown(before.address)}`;
      } else this.#unbound.add(name);
    }
    this.#report('error', 'not-bound', spec, 'address', `${reason}; ${outcome}`);
  }

  #report(
    severity: Diagnostic['severity'],
    code: DiagnosticCode,
    { name }: EntryPointSpec,
    option: string,
    message: string,
  ): void {
    const { source } = this.#install;
    const path = ['entryPoints', name, option];
    const place = this.#install.locate(path) ?? { line: 0, column: 0 };
    this.diagnostics.push({ severity, code, message, source, path: path.join('.'), ...place });
  }
}

/** Names of entry points that came, went and changed, for the log; kinds that are empty are left out. */
export function entryPointDifferences(
  before: Readonly<Record<string, EntryPointSpec>>,
  after: Readonly<Record<string, EntryPointSpec>>,
): Readonly<Record<string, readonly string[]>> {
  const kinds = {
    entryPointsAdded: Object.keys(after).filter((name) => !(name in before)),
    entryPointsRemoved: Object.keys(before).filter((name) => !(name in after)),
    // Objects with the same content are the same object from one snapshot to the next.
    entryPointsChanged: Object.keys(after).filter((name) => name in before && before[name] !== after[name]),
  };
  return Object.fromEntries(Object.entries(kinds).filter(([, names]) => names.length > 0));
}

function shown({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
