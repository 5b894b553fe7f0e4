import { expect, test } from 'vitest';
import { isAsListed, readContainer, readList } from './container.ts';

/** As engines answer, with what is read here and some of what is not. */
const INSPECTED = {
  Id: 'f00d'.padEnd(64, '0'),
  Created: '2026-11-28T22:00:00.123456789Z',
  Path: '/bin/sh',
  State: {
    Status: 'running',
    Running: true,
    Paused: false,
    Pid: 4711,
    ExitCode: 0,
    StartedAt: '2026-11-28T22:00:01.5Z',
    FinishedAt: '0001-01-01T00:00:00Z',
    Health: { Status: 'healthy', FailingStreak: 0, Log: [] },
  },
  Name: '/web-1',
  HostConfig: { NetworkMode: 'front' },
  Config: {
    ExposedPorts: { '9000/tcp': {}, '53/udp': {} },
    Labels: { 'traefik.enable': 'true' },
    StopSignal: 'SIGQUIT',
    StopTimeout: 30,
  },
  NetworkSettings: {
    Ports: {
      '80/tcp': [
        { HostIp: '127.0.0.5', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '9000/tcp': null,
      '132/sctp': null,
    },
    Networks: {
      front: { IPAddress: '198.18.64.2', GlobalIPv6Address: '' },
      back: { IPAddress: '', GlobalIPv6Address: 'fd00::2' },
    },
  },
};

const LISTED = {
  Id: INSPECTED.Id,
  Names: ['/other/alias', '/web-1'],
  Image: 'site',
  Created: 1_795_903_200,
  Labels: { 'traefik.enable': 'true' },
  State: 'running',
  Status: 'Up 5 minutes (healthy)',
  HostConfig: { NetworkMode: 'front' },
  NetworkSettings: {
    Networks: {
      back: { IPAddress: '', GlobalIPv6Address: 'fd00::2' },
      front: { IPAddress: '198.18.64.2', GlobalIPv6Address: '' },
    },
  },
};

const listed = (more: object = {}, isPodman = false) => readList([{ ...LISTED, ...more }], isPodman)[0]!;

test('reads what an inspection says', () => {
  expect(readContainer(INSPECTED)).toEqual({
    id: INSPECTED.Id,
    name: 'web-1',
    status: 'running',
    health: 'healthy',
    labels: { 'traefik.enable': 'true' },
    networks: [
      { name: 'back', ipv4: '', ipv6: 'fd00::2' },
      { name: 'front', ipv4: '198.18.64.2', ipv6: '' },
    ],
    networkMode: 'front',
    createdMs: Date.UTC(2026, 10, 28, 22, 0, 0, 123),
    startedMs: Date.UTC(2026, 10, 28, 22, 0, 1, 500),
    ports: [
      { port: 53, protocol: 'udp' },
      { port: 80, protocol: 'tcp' },
      { port: 9000, protocol: 'tcp' },
    ],
    bindings: [
      { port: 80, protocol: 'tcp', hostIp: '127.0.0.5', hostPort: 8080 },
      { port: 80, protocol: 'tcp', hostIp: '::', hostPort: 8080 },
    ],
    stopSignal: 'SIGQUIT',
    stopTimeoutMs: 30_000,
    exitCode: 0,
  });
});

test('an inspection that lacks half of it is read all the same', () => {
  expect(readContainer({ Id: 'abcdef0123456789', State: { Status: 'created' } })).toMatchObject({
    name: 'abcdef012345',
    status: 'created',
    health: '',
    networks: [],
    ports: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: null,
    startedMs: 0,
  });
});

test.each([null, [], {}, 'text', { Id: 4711 }])('%j is no description of a container', (answer) => {
  expect(() => readContainer(answer)).toThrow(/no id/);
});

test('an answer that is no list is none', () => {
  expect(() => readList({ message: 'hello' }, false)).toThrow(/no list/);
  expect(readList([null, {}, { Id: '' }], false)).toEqual([]);
});

test('a list says of a container what an inspection says', () => {
  const known = readContainer(INSPECTED);
  expect(isAsListed(known, listed())).toBe(true);
});

test.each([
  ['renamed', { Names: ['/web-2'] }],
  ['paused', { State: 'paused', Status: 'Up 5 minutes (Paused)' }],
  ['unhealthy', { Status: 'Up 5 minutes (unhealthy)' }],
  ['starting', { Status: 'Up 1 second (health: starting)' }],
  ['on one network less', { NetworkSettings: { Networks: { front: { IPAddress: '198.18.64.2' } } } }],
  [
    'at another address',
    {
      NetworkSettings: {
        Networks: { ...LISTED.NetworkSettings.Networks, front: { IPAddress: '198.18.64.9', GlobalIPv6Address: '' } },
      },
    },
  ],
])('a list tells of one that is %s', (_, more) => {
  expect(isAsListed(readContainer(INSPECTED), listed(more))).toBe(false);
});

test('a list of Podman says nothing of health', () => {
  const podman = listed({ Status: 'Up 5 minutes' }, true);
  expect(podman.health).toBeNull();
  expect(isAsListed(readContainer(INSPECTED), podman)).toBe(true);
});

test.each([
  ['configured', 'created'],
  ['stopping', 'running'],
  ['stopped', 'exited'],
  ['what nobody knows', 'dead'],
])('Podman’s %s is %s', (word, status) => {
  expect(listed({ State: word }, true).status).toBe(status);
});
