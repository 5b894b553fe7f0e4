// Which providers the section `providers` switches on, each with what its own schema has decoded.

import type { ConfiguredProvider } from '../../providers/define.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import type { InstallOptions } from './install-options.ts';

export function configuredProviders(options: InstallOptions): readonly ConfiguredProvider[] {
  const given: Readonly<Record<string, unknown>> = options.providers;
  return PROVIDERS.flatMap((definition) => {
    const own = given[definition.kind];
    return own === undefined ? [] : [{ definition, options: own as object }]; // Its own schema has decoded them.
  });
}
