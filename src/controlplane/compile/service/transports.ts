// The transport that a service names.

import type { PathSegment } from '../../../schema/decode-context.ts';
import type { ObjectOptions } from '../../config/routing/object-kinds.ts';
import type { Compilation } from '../compilation.ts';
import type { Compiled } from '../compiled.ts';

type TransportSection = 'serversTransports' | 'tcpServersTransports';

/** Its name and options; null when the service names none, or one that cannot be used, which is reported. */
export function resolveTransport<S extends TransportSection>(
  { objects, references }: Compilation,
  section: S,
  service: Compiled<unknown>,
  reference: string | undefined,
  option: readonly PathSegment[],
): { readonly name: string; readonly options: ObjectOptions[S] } | null {
  if (reference === undefined) return null;
  const transports: ReadonlyMap<string, Compiled<ObjectOptions[S]>> = objects[section];
  const valueOf = (name: string): ObjectOptions[S] | null => transports.get(name)?.object.value ?? null;
  const { name } = references.follow(section, reference, service, option, (one) => valueOf(one) !== null);
  const options = valueOf(name);
  return options === null ? null : { name, options };
}
