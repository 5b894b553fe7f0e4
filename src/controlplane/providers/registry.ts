// All providers. Adding one is a folder, a line here and a test.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import type { Provider } from './define.ts';
import { FileProvider } from './file/file-provider.ts';
import { InstallProvider } from './install/install-provider.ts';

/** Those that the install configuration switches on. */
export function createProviders(install: InstallConfig, log: Log, clock: Clock): readonly Provider[] {
  const providers: Provider[] = [];
  const { fileProvider, substitutions, plugins, routing, readRoutingAgain, keepLastGood } = install;
  if (routing !== null) providers.push(new InstallProvider(routing, readRoutingAgain, log));
  if (fileProvider !== null)
    providers.push(new FileProvider(fileProvider, { log, clock, substitutions, plugins: plugins.known, keepLastGood }));
  return providers;
}
