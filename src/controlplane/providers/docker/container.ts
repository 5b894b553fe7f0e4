// A container as the engine describes it, in the words of this program. What is compared says the same in a list and in
// an inspection, so that a list alone tells which containers have to be looked at.

import type { WorkloadPort } from '../labels/workload.ts';
import { listOf, mapOf, numberOf, textOf, textsOf } from '../source/json-reading.ts';

/** `stopping` and other words of Podman's are brought to Docker's. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** '' for a container without a health check. */
export type ContainerHealth = '' | 'starting' | 'healthy' | 'unhealthy';

export interface ContainerNetwork {
  readonly name: string;
  /** '' where it has none, as while the container does not run. */
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What a list says of each. */
export interface ListedContainer {
  readonly id: string;
  readonly name: string;
  readonly status: ContainerStatus;
  /** Null where a list does not say it. */
  readonly health: ContainerHealth | null;
  readonly labels: Readonly<Record<string, string>>;
  /** By name. */
  readonly networks: readonly ContainerNetwork[];
}

/** A port of the container at an address of its host. */
export interface PortBinding extends WorkloadPort {
  readonly hostIp: string;
  readonly hostPort: number;
}

export interface Container extends ListedContainer {
  readonly health: ContainerHealth;
  /** `bridge`, `host`, `none`, `container:…`, or the name of a network. */
  readonly networkMode: string;
  readonly createdMs: number;
  /** 0 where it has never run. */
  readonly startedMs: number;
  readonly ports: readonly WorkloadPort[];
  readonly bindings: readonly PortBinding[];
  /** What asks it to end: a name or a number. */
  readonly stopSignal: string;
  /** How long it is given for that; null for the engine's choice. */
  readonly stopTimeoutMs: number | null;
  /** Of its last run. */
  readonly exitCode: number;
}

const STATUSES: Readonly<Record<string, ContainerStatus>> = {
  created: 'created',
  configured: 'created',
  initialized: 'created',
  running: 'running',
  // It answers until it has ended.
  stopping: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  stopped: 'exited',
  dead: 'dead',
};

export function statusOf(text: string): ContainerStatus {
  return STATUSES[text.toLowerCase()] ?? 'dead';
}

/** The answer to a list. Throws where it is none. */
export function readList(answer: unknown, isPodman: boolean): readonly ListedContainer[] {
  if (!Array.isArray(answer))
    throw new Error('the list of containers is no list: something else than an engine answers');
  return answer.map(mapOf).flatMap((entry) => {
    const id = textOf(entry['Id']);
    // Links of other containers are names with their own in front.
    const names = listOf(entry['Names']).map(textOf);
    const name = names.find((one) => one.lastIndexOf('/') <= 0) ?? names[0] ?? id.slice(0, 12);
    if (id === '') return [];
    return {
      id,
      name: name.replace(/^\//, ''),
      status: statusOf(textOf(entry['State'])),
      health: isPodman ? null : healthOfStatus(textOf(entry['Status'])),
      labels: textsOf(entry['Labels']),
      networks: readNetworks(mapOf(entry['NetworkSettings'])['Networks']),
    };
  });
}

/** `Up 5 minutes (healthy)`. */
function healthOfStatus(text: string): ContainerHealth {
  const [, word = ''] = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(text) ?? [];
  return word as ContainerHealth; // One of the three that the expression has, or none.
}

/** The answer to an inspection. Throws where it is none. */
export function readContainer(answer: unknown): Container {
  const inspected = mapOf(answer);
  const id = textOf(inspected['Id']);
  if (id === '') throw new Error('the description of a container has no id: something else than an engine answers');
  const [state, config, hostConfig, settings] = ['State', 'Config', 'HostConfig', 'NetworkSettings'].map((part) =>
    mapOf(inspected[part]),
  ) as [Values, Values, Values, Values];
  const bindings = readBindings(settings['Ports']);
  const stopTimeout = config['StopTimeout'];
  const status = statusOf(textOf(state['Status']));
  return {
    id,
    name: textOf(inspected['Name']).replace(/^\//, '') || id.slice(0, 12),
    status,
    // Of a paused one a list says none.
    health: status === 'running' ? healthOf(textOf(mapOf(state['Health'])['Status'])) : '',
    labels: textsOf(config['Labels']),
    networks: readNetworks(settings['Networks']),
    networkMode: textOf(hostConfig['NetworkMode']),
    createdMs: timeOf(inspected['Created']),
    startedMs: timeOf(state['StartedAt']),
    ports: readPorts(settings['Ports'], config['ExposedPorts']),
    bindings,
    stopSignal: signalOf(config['StopSignal']),
    stopTimeoutMs: typeof stopTimeout === 'number' ? stopTimeout * 1000 : null,
    exitCode: numberOf(state['ExitCode']),
  };
}

type Values = Readonly<Record<string, unknown>>;

/** Also the word of an event: `health_status: healthy`. */
export function healthOf(text: string): ContainerHealth {
  const word = text.toLowerCase().trim();
  return word === 'starting' || word === 'healthy' || word === 'unhealthy' ? word : '';
}

function readNetworks(given: unknown): readonly ContainerNetwork[] {
  return Object.entries(mapOf(given))
    .map(([name, one]) => {
      const network = mapOf(one);
      return { name, ipv4: textOf(network['IPAddress']), ipv6: textOf(network['GlobalIPv6Address']) };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function readPorts(...maps: readonly unknown[]): readonly WorkloadPort[] {
  const keys = new Set(maps.flatMap((map) => Object.keys(mapOf(map))));
  return [...keys].flatMap((key) => portOf(key) ?? []).toSorted((a, b) => a.port - b.port);
}

/** `80/tcp`. */
function portOf(key: string): WorkloadPort | null {
  const [, port = '', protocol = 'tcp'] = /^(\d+)(?:\/(\w+))?$/.exec(key) ?? [];
  return port !== '' && (protocol === 'tcp' || protocol === 'udp') ? { port: Number(port), protocol } : null;
}

function readBindings(given: unknown): readonly PortBinding[] {
  return Object.entries(mapOf(given)).flatMap(([key, bindings]) => {
    const port = portOf(key);
    if (port === null) return [];
    return listOf(bindings).map((one) => {
      const binding = mapOf(one);
      return { ...port, hostIp: textOf(binding['HostIp']), hostPort: Number(textOf(binding['HostPort'])) };
    });
  });
}

/** Podman has a number for it. */
function signalOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : textOf(value) || 'SIGTERM';
}

/** What has never been is the year 1. */
function timeOf(value: unknown): number {
  const ms = Date.parse(textOf(value));
  return Number.isNaN(ms) || ms < 0 ? 0 : ms;
}

/** Whether a list says of a container what is known of it. */
export function isAsListed(known: Container, listed: ListedContainer): boolean {
  return (
    known.name === listed.name &&
    known.status === listed.status &&
    (listed.health === null || known.health === listed.health) &&
    known.networks.length === listed.networks.length &&
    known.networks.every((network, index) => {
      const other = listed.networks[index]!;
      return network.name === other.name && network.ipv4 === other.ipv4 && network.ipv6 === other.ipv6;
    })
  );
}
