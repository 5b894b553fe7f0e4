// A router inside of another program: started, reconfigured and stopped by calls, for tests and applications. It is the
// same router as `signalbox run`, without its command line and signals.

import { SignalboxError } from '../core/errors.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import { decodeInstallDocument } from '../controlplane/config/install/load-install.ts';
import { operatorSubstitutions } from '../controlplane/config/install/operator-substitutions.ts';
import { loadInstalledPlugins } from '../controlplane/config/install/plugins.ts';
import { decodeRouting, type RoutingConfig } from '../controlplane/config/routing/routing-config.ts';
import type { ConfigDocument } from '../controlplane/config/document/document.ts';
import { INSTALL_PROVIDER } from '../controlplane/providers/install/install-provider.ts';
import type { InstallInput, RoutingInput } from './input-types.ts';
import { Standalone } from './standalone.ts';
import type { Scheme } from './summary.ts';

export interface StartOptions {
  /** Worker threads, 1 when left out. */
  readonly workers?: number;
  /** For `${NAME}` in values and for DNS providers; empty when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** False for no application log, which goes to the standard error of this process otherwise. */
  readonly log?: boolean;
  /** Called with what is newly wrong in the routing configuration. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
}

export interface RouterAddress {
  readonly host: string;
  readonly port: number;
  /**
   * As clients of the entry point begin: `http://127.0.0.1:8000`, `https://…` where all of its routers are over TLS,
   * `tcp://…` and `udp://…`.
   */
  readonly url: string;
}

export interface Router extends AsyncDisposable {
  /** By entry point; `traefik` is the internal one. */
  readonly addresses: Readonly<Record<string, RouterAddress>>;
  /** What is wrong with the routing configuration as it stands. */
  readonly diagnostics: readonly Diagnostic[];
  /**
   * Replaces the routing configuration that was given inline; other sources stay. Settles when every worker runs it,
   * with what is wrong with it: an object with errors is disabled and costs the others nothing.
   */
  reconfigure(routing: RoutingInput): Promise<readonly Diagnostic[]>;
  /**
   * Accepts no more, answers what is in flight, ends idle connections, and settles when all workers have ended: after
   * the longest `graceTimeOut` at the latest, when what is left is cut off. Calls after the first wait for that end.
   */
  stop(): Promise<void>;
}

/** Gives `signalbox.config.ts` its types. */
export function defineConfig(config: InstallInput): InstallInput {
  return config;
}

/**
 * Rejects with a SignalboxError: ERR_CONFIG_INVALID lists what is wrong, ERR_LISTEN_… an address that cannot be had,
 * ERR_PLUGIN_LOAD a plugin. Paths of plugins are relative to the working directory.
 */
export async function startRouter(config: InstallInput, options: StartOptions = {}): Promise<Router> {
  const substitutions = operatorSubstitutions(options.environment ?? {});
  const document = inline(config);
  const plugins = await loadInstalledPlugins(document, '.', substitutions);
  const { value: install, diagnostics } = decodeInstallDocument(document, substitutions, plugins);
  if (install === null) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    const list = errors.map(({ path, message }) => `  ${path}: ${message}`).join('\n');
    throw new SignalboxError('ERR_CONFIG_INVALID', `the configuration has errors:\n${list}`);
  }
  const router = await Standalone.create({
    install: options.log === false ? { ...install, log: { ...install.log, level: 'silent' } } : install,
    workers: options.workers ?? 1,
    environment: options.environment ?? {},
    onDiagnostics: (found) => options.onDiagnostics?.(found),
  });
  const bound = await router.start();
  let ending: Promise<void> | null = null;
  const stop = (): Promise<void> => (ending ??= router.ending.stop());
  const { schemeOf } = router.controlPlane.summary;
  return {
    addresses: Object.fromEntries(bound.map(({ name, address }) => [name, toAddress(address, schemeOf(name))])),
    get diagnostics() {
      return router.controlPlane.diagnostics;
    },
    async reconfigure(routing) {
      const decoded: RoutingConfig = decodeRouting(INSTALL_PROVIDER, inline(routing), {
        substitutions,
        plugins: plugins.known,
      });
      await router.controlPlane.replace(decoded);
      return router.controlPlane.diagnostics;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function inline(value: unknown): ConfigDocument {
  // A copy: what the caller changes afterwards is not the router's.
  return { source: 'inline', text: '', value: structuredClone(value), diagnostics: [], locate: () => null };
}

function toAddress({ host, port }: ListenAddress, scheme: Scheme): RouterAddress {
  const shown = host === '' ? '127.0.0.1' : host;
  return { host, port, url: `${scheme}://${shown.includes(':') ? `[${shown}]` : shown}:${port}` };
}
