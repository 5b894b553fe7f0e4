// A service's reference to a transport of its own.

import { qualify, type Compiled, type Findings } from './compilation.ts';

/** The transport's name and options; null when the service names none, or one that cannot be used, which is reported. */
export function resolveTransport<Options>(
  service: Compiled<unknown>,
  reference: string | undefined,
  transports: ReadonlyMap<string, Compiled<Options>>,
  findings: Findings,
): { readonly name: string; readonly options: Options } | null {
  if (reference === undefined) return null;
  const option = ['loadBalancer', 'serversTransport'];
  const transport = transports.get(qualify(reference, service.provider));
  transport?.usedBy.add(service.name);
  if (transport === undefined) {
    const message = findings.dangling('serversTransport', reference, service.provider, transports);
    findings.report(service, 'error', 'dangling-reference', message, option);
    return null;
  }
  const { value } = transport.object;
  if (value !== null) return { name: transport.name, options: value };
  findings.report(service, 'error', 'unusable-reference', `the transport "${reference}" is disabled`, option);
  return null;
}
