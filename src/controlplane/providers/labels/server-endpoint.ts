// A workload as the server of one of its services: which port, where that is reached, and what the endpoint says.

import type { ProvidedEndpoint } from '../../config/routing/provided-endpoints.ts';
import { labelSource } from '../../config/routing/label-source.ts';
import type { ServerSettings, WorkloadServer } from './label-objects.ts';
import type { Workload, WorkloadAddress, WorkloadPort } from './workload.ts';

/** The endpoint, or why there is none: `message` for a diagnostic, `reason` for a list. */
export type ServerOutcome =
  | { readonly endpoint: ProvidedEndpoint }
  | { readonly code: 'no-port' | 'no-address'; readonly message: string; readonly reason: string };

interface AsServer {
  readonly server: WorkloadServer;
  readonly settings: ServerSettings;
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
  { server, settings, workload, network, prefix }: AsServer,
  asked: AskedAddress[],
): ServerOutcome {
  const { section, service, row, path } = server;
  const label = server.labels[0]?.label;
  const source = label === undefined ? workload.place : labelSource(workload.place, label.label);
  const endpointAt = (key: string, address: string): ServerOutcome => ({
    endpoint: {
      key,
      server: { ...settings.more, [row.address]: address },
      place: { source, path, line: 0, column: 0 },
      state: workload.state === 'draining' ? 'draining' : 'ready',
      zone: workload.zone,
      sourceId: workload.id,
    },
  });
  if (settings.address !== null) return endpointAt(workload.id, settings.address);
  const protocol: WorkloadPort['protocol'] = section === 'udpServices' ? 'udp' : 'tcp';
  const port = settings.port === null ? choosePort(workload.ports, protocol) : { port: settings.port, protocol };
  if (port === null) {
    const reason = `no port is exposed: expose one, or say it with the label ${prefix}${path}.port`;
    return { code: 'no-port', message: `the service "${service}" has no port, since ${reason}`, reason };
  }
  const answer = workload.addressOf(port, network);
  asked.push({ port, network, answer });
  if ('problem' in answer) {
    const message = `the service "${service}" has no address: ${answer.problem}`;
    return { code: 'no-address', message, reason: answer.problem };
  }
  const host = answer.host.includes(':') ? `[${answer.host}]` : answer.host;
  const at = `${host}:${answer.port}`;
  const address = section === 'services' ? `${settings.scheme ?? 'http'}://${at}` : at;
  return endpointAt(`${workload.id}:${port.port}`, address);
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
