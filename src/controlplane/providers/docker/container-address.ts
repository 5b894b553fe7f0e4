// Where a port of a container is reached. The router may run on the host, which reaches every bridge, or in a container
// itself, which reaches the networks that it is on.

import type { WorkloadAddress, WorkloadPort } from '../labels/workload.ts';
import type { Container, ContainerNetwork } from './container.ts';

/** Where the router itself is, as far as the engine knows it. */
export interface RouterPlace {
  /** The networks of the router's own container; null where it runs on a host, or is not among the engine's. */
  readonly networks: ReadonlySet<string> | null;
  /** Address of the engine's host, for containers that have its network. */
  readonly hostAddress: string;
}

export interface AddressingOptions {
  /** Network to use where a container is on several; '' for none. */
  readonly network: string;
  readonly useBindPortIP: boolean;
}

export interface Addressing {
  readonly place: RouterPlace;
  readonly options: AddressingOptions;
  /** By id or name. */
  find(container: string): Container | undefined;
  /** Told once of each container: what was taken though something else may have been meant. */
  warn(container: Container, message: string): void;
}

/** Containers that share the network of another one that shares the network of … */
const MAX_SHARED = 5;

export function addressOf(
  container: Container,
  port: WorkloadPort,
  network: string,
  addressing: Addressing,
): WorkloadAddress {
  if (addressing.options.useBindPortIP) {
    const bound = boundAddress(container, port);
    if (bound !== null) return bound;
  }
  const found = hostOf(container, network, addressing, 0);
  return 'problem' in found ? found : { host: found.host, port: port.port };
}

/** A port that is published on every address of the host, or on none, is reached inside: no address of it is said. */
function boundAddress({ bindings }: Container, { port, protocol }: WorkloadPort): WorkloadAddress | null {
  const bound = bindings.filter(
    (one) =>
      one.port === port && one.protocol === protocol && one.hostPort > 0 && !['', '0.0.0.0', '::'].includes(one.hostIp),
  );
  const one = bound.find(({ hostIp }) => !hostIp.includes(':')) ?? bound[0];
  return one === undefined ? null : { host: one.hostIp, port: one.hostPort };
}

type Found = { readonly host: string } | { readonly problem: string };

function hostOf(container: Container, label: string, addressing: Addressing, depth: number): Found {
  const { options, place } = addressing;
  const wanted = label === '' ? options.network : label;
  const named = wanted === '' ? undefined : networkNamed(container, wanted);
  if (named !== undefined) return addressOn(named);
  const { networkMode } = container;
  if (networkMode === 'host') return { host: place.hostAddress };
  if (networkMode.startsWith('container:')) {
    const other = networkMode.slice('container:'.length);
    const shared = addressing.find(other);
    if (shared === undefined || depth >= MAX_SHARED) {
      return { problem: `it has the network of the container ${other.slice(0, 12)}, which does not run` };
    }
    const own = networkLabel(shared);
    return hostOf(shared, own === '' ? label : own, addressing, depth + 1);
  }
  const reached = container.networks.filter(({ ipv4, ipv6 }) => ipv4 !== '' || ipv6 !== '');
  if (wanted !== '' && reached.length > 0) {
    const names = reached.map(({ name }) => name).join(', ');
    const consequence = `${reached[0]!.name} is taken`;
    addressing.warn(container, `it is not on the network "${wanted}", but on ${names}; ${consequence}`);
  }
  const chosen = choose(container, reached, wanted, addressing);
  if (chosen !== undefined) return addressOn(chosen);
  return {
    problem:
      networkMode === 'none'
        ? 'it has no network; connect it to one: docker network connect NETWORK CONTAINER'
        : 'it has no address on any network',
  };
}

/** With the project of a compose file in front, too: that is what compose makes of the names in a file. */
function networkNamed({ networks, labels }: Container, wanted: string): ContainerNetwork | undefined {
  const project = labels['com.docker.compose.project'];
  return (
    networks.find(({ name }) => name === wanted) ??
    (project === undefined ? undefined : networks.find(({ name }) => name === `${project}_${wanted}`))
  );
}

function addressOn({ name, ipv4, ipv6 }: ContainerNetwork): Found {
  const host = ipv4 === '' ? ipv6 : ipv4;
  return host === '' ? { problem: `it has no address on the network "${name}"` } : { host };
}

/** The router reaches what shares a network with it; beyond that, the first by name, which is the same every time. */
function choose(
  container: Container,
  reached: readonly ContainerNetwork[],
  wanted: string,
  addressing: Addressing,
): ContainerNetwork | undefined {
  const { networks } = addressing.place;
  if (networks === null) return reached[0];
  const shared = reached.filter(({ name }) => networks.has(name));
  const names = (some: Iterable<string>): string => [...some].join(', ');
  if (shared.length === 0 && reached.length > 0 && wanted === '') {
    const on = names(reached.map(({ name }) => name));
    addressing.warn(container, `it is on ${on}, and the router on ${names(networks)}: they may not reach each other`);
  }
  return shared[0] ?? reached[0];
}

/** The network that the labels of a container name; '' for none. */
function networkLabel({ labels }: Container): string {
  for (const prefix of ['signalbox', 'traefik']) {
    const found = Object.entries(labels).find(([name]) => name.toLowerCase() === `${prefix}.docker.network`);
    if (found !== undefined) return found[1].trim();
  }
  return '';
}
