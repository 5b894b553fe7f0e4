import { expect, test } from 'vitest';
import { readContainer, type Container } from './container.ts';
import { isKeptWhileStopped, meaningOf, readEvent } from './container-events.ts';

const STARTED_MS = Date.UTC(2026, 10, 28, 22);
const LATER_NANO = (STARTED_MS + 60_000) * 1e6;

function container(more: object = {}, config: object = {}): Container {
  const known = readContainer({
    Id: 'a1',
    Name: '/web',
    State: { Status: 'running', StartedAt: new Date(STARTED_MS).toISOString() },
    Config: { Labels: {}, ...config },
    NetworkSettings: { Networks: { front: { IPAddress: '198.18.64.2' } } },
  });
  return { ...known, ...more };
}

/** As the engine 20.10 writes them. */
function event(action: string, attributes: object = {}, more: object = {}) {
  return readEvent({
    status: action,
    id: 'a1',
    from: 'site',
    Type: 'container',
    Action: action,
    Actor: { ID: 'a1', Attributes: { image: 'site', name: 'web', ...attributes } },
    scope: 'local',
    time: Math.floor(LATER_NANO / 1e9),
    timeNano: LATER_NANO,
    ...more,
  })!;
}

test.each(['start', 'unpause', 'rename'])('%s is looked at', (action) => {
  expect(meaningOf(event(action), undefined)).toEqual({ kind: 'look' });
});

test.each(['exec_create: /bin/true', 'exec_start: /bin/true', 'exec_die', 'top', 'attach', 'resize', 'stop', 'create'])(
  '%s means nothing',
  (action) => {
    expect(meaningOf(event(action), container())).toEqual({ kind: 'nothing' });
  },
);

test('one that dies is known to have ended, without its addresses', () => {
  expect(meaningOf(event('die', { exitCode: '137' }), container({ health: 'healthy' }))).toMatchObject({
    kind: 'changed',
    container: { status: 'exited', health: '', exitCode: 137, networks: [{ name: 'front', ipv4: '', ipv6: '' }] },
  });
});

test('a death that is older than the run is another run’s', () => {
  const early = { time: STARTED_MS / 1000 - 1, timeNano: (STARTED_MS - 1_000) * 1e6 };
  expect(meaningOf(event('die', {}, early), container())).toEqual({ kind: 'nothing' });
  expect(meaningOf(event('kill', { signal: '15' }, early), container())).toEqual({ kind: 'nothing' });
});

test.each([
  ['SIGTERM, which is the signal where none is named', '15', {}, 'stopping'],
  ['SIGKILL', '9', {}, 'stopping'],
  ['SIGHUP, to read its configuration anew', '1', {}, 'nothing'],
  ['SIGTERM to one that ends with SIGQUIT', '15', { StopSignal: 'SIGQUIT' }, 'nothing'],
  ['SIGQUIT to one that ends with it', '3', { StopSignal: 'SIGQUIT' }, 'stopping'],
  ['SIGTERM to one that has a number for it', '15', { StopSignal: '15' }, 'stopping'],
])('%s', (_, signal, config, kind) => {
  expect(meaningOf(event('kill', { signal }), container({}, config)).kind).toBe(kind);
});

test('health is what the event says, behind the action or, as Podman has it, beside it', () => {
  const known = container({ health: 'starting' });
  const healthy = { kind: 'changed', container: { ...known, health: 'healthy' } };
  expect(meaningOf(event('health_status: healthy'), known)).toEqual(healthy);
  expect(meaningOf(event('health_status', {}, { HealthStatus: 'healthy' }), known)).toEqual(healthy);
  expect(meaningOf(event('health_status: healthy'), container({ health: 'healthy' }))).toEqual({ kind: 'nothing' });
  expect(meaningOf(event('health_status'), known)).toEqual({ kind: 'look' });
});

test('one that is paused is known to be', () => {
  expect(meaningOf(event('pause'), container({ health: 'healthy' }))).toMatchObject({
    kind: 'changed',
    container: { status: 'paused', health: '' },
  });
});

test.each(['destroy', 'remove'])('one that is gone with %s is gone', (action) => {
  expect(meaningOf(event(action), container())).toEqual({ kind: 'gone' });
});

test('another network is looked at while the container runs', () => {
  const connect = readEvent({
    Type: 'network',
    Action: 'connect',
    Actor: { ID: 'n1', Attributes: { container: 'a1' } },
  })!;
  expect(connect).toMatchObject({ id: 'a1', action: 'network connect' });
  expect(meaningOf(connect, container())).toEqual({ kind: 'look' });
  expect(meaningOf(connect, undefined)).toEqual({ kind: 'nothing' });
});

test('one that is created is looked at where it is kept while it does not run', () => {
  expect(meaningOf(event('create', { 'Traefik.Docker.AllowNonRunning': 'TRUE' }), undefined)).toEqual({ kind: 'look' });
  expect(isKeptWhileStopped({ 'signalbox.docker.allownonrunning': 'true' })).toBe(true);
  expect(isKeptWhileStopped({ 'traefik.docker.allownonrunning': 'false', 'traefik.enable': 'true' })).toBe(false);
});

test.each([null, 4711, {}, { Type: 'image', Action: 'pull' }, { Type: 'container', Action: 'start' }])(
  '%j is about no container',
  (value) => {
    expect(readEvent(value)).toBeNull();
  },
);
