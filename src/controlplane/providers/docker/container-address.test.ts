import { expect, test } from 'vitest';
import type { WorkloadAddress } from '../labels/workload.ts';
import { readContainer, type Container } from './container.ts';
import { addressOf, type Addressing } from './container-address.ts';
import { hostAddress, ownContainer, routerNetworks } from './router-place.ts';

interface Given {
  readonly networks?: Readonly<Record<string, object>>;
  readonly mode?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: object;
  readonly name?: string;
}

function container({ networks = {}, mode = 'bridge', labels = {}, ports = {}, name = 'web' }: Given = {}): Container {
  return readContainer({
    Id: name.padEnd(64, '0'),
    Name: `/${name}`,
    State: { Status: 'running' },
    HostConfig: { NetworkMode: mode },
    Config: { Labels: labels },
    NetworkSettings: { Networks: networks, Ports: ports },
  });
}

const BACK = { back: { IPAddress: '198.18.65.2' } };
const FRONT = { front: { IPAddress: '198.18.64.2' } };
const SIX = { six: { IPAddress: '', GlobalIPv6Address: 'fd00::2' } };

interface Around {
  readonly network?: string;
  readonly useBindPortIP?: boolean;
  readonly own?: readonly string[];
  readonly others?: readonly Container[];
}

function ask(of: Container, label = '', { network = '', useBindPortIP = false, own, others = [] }: Around = {}) {
  const warnings: string[] = [];
  const addressing: Addressing = {
    place: { networks: own === undefined ? null : new Set(own), hostAddress: '192.0.2.1' },
    options: { network, useBindPortIP },
    find: (id) => others.find((one) => one.id === id || one.name === id),
    warn: (_, message) => warnings.push(message),
  };
  const address: WorkloadAddress = addressOf(of, { port: 80, protocol: 'tcp' }, label, addressing);
  return { address: 'problem' in address ? address.problem : `${address.host} ${address.port}`, warnings };
}

test.each<readonly [string, Container, string, Around, string]>([
  ['the only network', container({ networks: FRONT }), '', {}, '198.18.64.2 80'],
  ['IPv6 where there is nothing else', container({ networks: SIX }), '', {}, 'fd00::2 80'],
  [
    'the first by name of several, from the host',
    container({ networks: { ...FRONT, ...BACK } }),
    '',
    {},
    '198.18.65.2 80',
  ],
  [
    'the network of the option',
    container({ networks: { ...FRONT, ...BACK } }),
    '',
    { network: 'front' },
    '198.18.64.2 80',
  ],
  [
    'the network of the label before it',
    container({ networks: { ...FRONT, ...BACK } }),
    'back',
    { network: 'front' },
    '198.18.65.2 80',
  ],
  [
    'the network that the router is on',
    container({ networks: { ...FRONT, ...BACK } }),
    '',
    { own: ['front', 'x'] },
    '198.18.64.2 80',
  ],
  [
    'the network of a compose file, as it is called there',
    container({
      networks: { ...BACK, shop_front: { IPAddress: '198.18.66.2' } },
      labels: { 'com.docker.compose.project': 'shop' },
    }),
    'front',
    {},
    '198.18.66.2 80',
  ],
  [
    'the host, of a container with its network',
    container({ mode: 'host', networks: { host: {} } }),
    '',
    {},
    '192.0.2.1 80',
  ],
  [
    'the container whose network it has, by id',
    container({ mode: `container:${'pod'.padEnd(64, '0')}` }),
    '',
    { others: [container({ name: 'pod', networks: FRONT })] },
    '198.18.64.2 80',
  ],
  [
    'that container’s own network label before its own',
    container({ mode: 'container:pod' }),
    'front',
    {
      others: [
        container({ name: 'pod', networks: { ...FRONT, ...BACK }, labels: { 'Traefik.Docker.Network': 'back' } }),
      ],
    },
    '198.18.65.2 80',
  ],
])('reaches %s', (_, of, label, around, address) => {
  expect(ask(of, label, around)).toEqual({ address, warnings: [] });
});

test.each<readonly [string, Container, Around, RegExp]>([
  ['has no network', container({ mode: 'none', networks: { none: {} } }), {}, /docker network connect/],
  ['has no address', container({ networks: { front: { IPAddress: '' } } }), {}, /no address on any network/],
  [
    'has the network of one that does not run',
    container({ mode: 'container:pod' }),
    {},
    /container pod, which does not run/,
  ],
  [
    'goes round in a circle',
    container({ mode: 'container:web' }),
    { others: [container({ mode: 'container:web' })] },
    /does not run/,
  ],
])('says why one is not reached that %s', (_, of, around, problem) => {
  expect(ask(of, '', around).address).toMatch(problem);
});

test('a network that is not there is told, and another one taken', () => {
  expect(ask(container({ networks: FRONT }), 'proxy')).toEqual({
    address: '198.18.64.2 80',
    warnings: ['it is not on the network "proxy", but on front; front is taken'],
  });
});

test('a router on none of the container’s networks is told of', () => {
  expect(ask(container({ networks: FRONT }), '', { own: ['edge'] })).toEqual({
    address: '198.18.64.2 80',
    warnings: ['it is on front, and the router on edge: they may not reach each other'],
  });
});

test.each([
  ['one address of the host', [{ HostIp: '127.0.0.5', HostPort: '8080' }], '127.0.0.5 8080'],
  [
    'IPv4 before IPv6',
    [
      { HostIp: '::1', HostPort: '8081' },
      { HostIp: '127.0.0.5', HostPort: '8080' },
    ],
    '127.0.0.5 8080',
  ],
  [
    'all addresses',
    [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
    '198.18.64.2 80',
  ],
  ['none', null, '198.18.64.2 80'],
])('useBindPortIP with a port that is published on %s', (_, bindings, address) => {
  const of = container({
    networks: FRONT,
    ports: { '80/tcp': bindings, '80/udp': [{ HostIp: '127.0.0.9', HostPort: '1' }] },
  });
  expect(ask(of, '', { useBindPortIP: true }).address).toBe(address);
});

const ID = 'c0de'.padEnd(64, '0');
const MOUNT = `600 500 0:50 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`;

test.each([
  ['on a host', '', [], { isInContainer: false, id: '' }],
  ['in a container of Docker', `x\n${MOUNT}\ny`, ['/.dockerenv'], { isInContainer: true, id: ID }],
  [
    'in a container of Podman',
    MOUNT.replace('/docker/containers/', '/x/overlay-containers/').replace('/hostname /', '/userdata/hostname /'),
    ['/run/.containerenv'],
    { isInContainer: true, id: ID },
  ],
  // Somebody has mounted the engine's folder.
  [
    'on a host that looks into containers',
    MOUNT.replace('/etc/hostname', '/mnt/x'),
    [],
    { isInContainer: false, id: '' },
  ],
])('knows that it runs %s', (_, mounts, files: readonly string[], expected) => {
  expect(
    ownContainer(
      () => mounts,
      (path) => files.includes(String(path)),
    ),
  ).toEqual(expected);
});

test.each([
  ['on a host', { isInContainer: false, id: '' }, undefined, '127.0.0.1'],
  ['in a container', { isInContainer: true, id: ID }, container(), '192.0.2.7'],
  ['in a container with the host’s network', { isInContainer: true, id: ID }, container({ mode: 'host' }), '127.0.0.1'],
])('the host is reached, by a router that runs %s', async (_, own, of, expected) => {
  const asked: string[] = [];
  const lookUp = (name: string): Promise<string | null> => {
    asked.push(name);
    return Promise.resolve(name === 'host.containers.internal' ? '192.0.2.7' : null);
  };
  expect(await hostAddress(own, { kind: 'unix', path: '/s' }, of, lookUp)).toBe(expected);
  expect(asked).toEqual(expected === '127.0.0.1' ? [] : ['host.docker.internal', 'host.containers.internal']);
  const ssh = { kind: 'ssh', user: '', host: 'far.test', port: '', path: '' } as const;
  expect(await hostAddress(own, ssh, of, lookUp)).toBe('far.test');
});

test('the networks of the router are those of its container', () => {
  expect(routerNetworks(undefined)).toBeNull();
  expect(routerNetworks(container({ mode: 'host', networks: { host: {} } }))).toBeNull();
  expect(routerNetworks(container({ networks: { ...FRONT, ...BACK } }))).toEqual(new Set(['front', 'back']));
});
