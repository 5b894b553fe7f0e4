// Packages that few configurations need. Each is loaded when something first asks for it, and at once, since those who
// ask cannot wait: `yaml` alone is a twentieth of the time that a start takes.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** `T` is the type of the package as `typeof import` has it. */
export function onDemand<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => (loaded ??= require(name) as T); // Its declarations say so.
}
