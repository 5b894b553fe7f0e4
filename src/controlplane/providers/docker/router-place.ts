// Whether this process runs in a container, and in which: what it reaches of an engine's networks depends on it.

import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import type { Container } from './container.ts';
import type { EngineEndpoint } from './engine-endpoint.ts';

export interface OwnContainer {
  readonly isInContainer: boolean;
  /** '' where it cannot be told. */
  readonly id: string;
}

export const LOOPBACK = '127.0.0.1';

const LOOKUP_MS = 2_000;
/** Names of the host inside of a container, of Docker and of Podman. */
const HOST_NAMES = ['host.docker.internal', 'host.containers.internal'];

/** From the files that engines put into containers. */
export function ownContainer(read: (path: string) => string = readText, exists = existsSync): OwnContainer {
  const isInContainer = exists('/.dockerenv') || exists('/run/.containerenv');
  // The engine's file behind /etc/hostname lies in the container's own folder.
  const mount = read('/proc/self/mountinfo')
    .split('\n')
    .find((line) => line.includes(' /etc/hostname '));
  const [, id = ''] = /\/(?:overlay-)?containers\/([0-9a-f]{64})\//.exec(mount ?? '') ?? [];
  return { isInContainer: isInContainer || id !== '', id };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The networks that the router shares with containers; null where it has those of a host, or nobody knows them. */
export function routerNetworks(container: Container | undefined): ReadonlySet<string> | null {
  if (container === undefined || container.networkMode === 'host') return null;
  return new Set(container.networks.map(({ name }) => name));
}

/** Where containers are reached that have the network of the engine's host. `container` is the router's own. */
export async function hostAddress(
  own: OwnContainer,
  endpoint: EngineEndpoint,
  container: Container | undefined,
  lookUp: (name: string) => Promise<string | null> = lookUpName,
): Promise<string> {
  if (endpoint.kind === 'ssh') return endpoint.host;
  if (!own.isInContainer || container?.networkMode === 'host') return LOOPBACK;
  for (const name of HOST_NAMES) {
    const address = await lookUp(name);
    if (address !== null) return address;
  }
  return LOOPBACK;
}

async function lookUpName(name: string): Promise<string | null> {
  const answer = lookup(name).then(
    ({ address }) => address,
    () => null,
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LOOKUP_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
