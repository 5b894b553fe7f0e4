// A workload as the server of one of its services: which port, where that is reached, and what the endpoint says.

import type { ProvidedEndpoint } from '../../config/routing/provided-endpoints.ts';
import { labelPlace } from './label-place.ts';
import { pathOf, type WorkloadServer } from './label-objects.ts';
import type { Workload, WorkloadAddress, WorkloadPort } from './workload.ts';

/** The endpoint, or why there is none: `message` for a diagnostic, `reason` for a list. */
export type ServerOutcome =
  | { readonly endpoint: ProvidedEndpoint }
  | { readonly code: 'no-port' | 'no-address'; readonly message: string; readonly reason: string };

interface AsServer {
  readonly server: WorkloadServer;
  readonly options: Readonly<Record<string, unknown>>;
  readonly workload: Workload;
  /** Of a label; '' for none. */
  readonly network: string;
  /** Begins labels in hints. */
  readonly prefix: string;
}

/** What a workload has said of where it is reached. */
export interface AskedAddress {
  readonly port: WorkloadPort;
  readonly network: string;
  readonly answer: WorkloadAddress;
}

export function isSameAddress(a: WorkloadAddress, b: WorkloadAddress): boolean {
  if ('problem' in a || 'problem' in b) return 'problem' in a && 'problem' in b && a.problem === b.problem;
  return a.host === b.host && a.port === b.port;
}

/** Notes what it has asked the workload in `asked`. */
export function serverEndpoint(
  { server, options, workload, network, prefix }: AsServer,
  asked: AskedAddress[],
): ServerOutcome {
  const { section, service, row, labels } = server;
  const { port: wanted, scheme, [row.address]: written, ...rest } = options;
  const path = `${pathOf(section, service)}.${row.kind}.server`;
  const label = labels[0]?.label;
  const place = {
    source: workload.place,
    path,
    line: 0,
    column: 0,
    ...(label === undefined ? {} : labelPlace(workload.place, label)),
  };
  const facts = {
    state: workload.state === 'draining' ? 'draining' : 'ready',
    zone: workload.zone,
    sourceId: workload.id,
  } as const;
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  if (typeof written === 'string') {
    return { endpoint: { key: workload.id, server: { ...said, [row.address]: written }, place, ...facts } };
  }
  const protocol = section === 'udpServices' ? 'udp' : 'tcp';
  const port =
    typeof wanted === 'number' ? ({ port: wanted, protocol } as const) : choosePort(workload.ports, protocol);
  if (port === null) {
    const message = `the service "${service}" has no port, since none is exposed: expose one, or say it with the label ${prefix}${path}.port`;
    return { code: 'no-port', message, reason: 'no port' };
  }
  const address = workload.addressOf(port, network);
  asked.push({ port, network, answer: address });
  if ('problem' in address) {
    return {
      code: 'no-address',
      message: `the service "${service}" has no address: ${address.problem}`,
      reason: address.problem,
    };
  }
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const at = `${host}:${address.port}`;
  const value = section === 'services' ? `${typeof scheme === 'string' ? scheme : 'http'}://${at}` : at;
  const key = `${workload.id}:${port.port}`;
  return { endpoint: { key, server: { ...said, [row.address]: value }, place, ...facts } };
}

/** The lowest: what a workload listens on first of all is what it is for, and the others change less often. */
function choosePort(ports: readonly WorkloadPort[], protocol: 'tcp' | 'udp'): WorkloadPort | null {
  let lowest: WorkloadPort | null = null;
  for (const one of ports) {
    if (one.protocol === protocol && (lowest === null || one.port < lowest.port)) lowest = one;
  }
  return lowest;
}

/** Both say the same, wherever it was said. */
export function isSameEndpoint(a: ProvidedEndpoint, b: ProvidedEndpoint): boolean {
  if (a === b) return true;
  if (a.state !== b.state || a.zone !== b.zone || a.place.source !== b.place.source) return false;
  const before = Object.entries(a.server);
  return before.length === Object.keys(b.server).length && before.every(([name, value]) => b.server[name] === value);
}
