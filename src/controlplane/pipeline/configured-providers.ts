// The sources of the install configuration: its own routing sections, and the providers that it switches on.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import type { Provider } from '../providers/define.ts';
import { InstallProvider } from '../providers/install/install-provider.ts';
import { createProviders } from '../providers/registry.ts';
import type { SourceStates } from './source-states.ts';

export function configuredProviders(
  { install, log, clock }: { readonly install: InstallConfig; readonly log: Log; readonly clock: Clock },
  sources: SourceStates,
): readonly Provider[] {
  const { providers, routing, readRoutingAgain, keepLastGood, substitutions, plugins } = install;
  const own = routing === null ? [] : [new InstallProvider(routing, readRoutingAgain, log)];
  const sourceOf: Parameters<typeof createProviders>[1]['sourceOf'] = (provider) => sources.of(provider);
  const resources = { log, clock, keepLastGood, substitutions, plugins: plugins.known, sourceOf };
  return [...own, ...createProviders(providers, resources)];
}
