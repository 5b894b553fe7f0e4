import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { RecordingLog } from '../../../../test/support/recording-log.ts';
import { ManualClock } from '../../../core/clock.ts';
import type { Workload } from '../labels/workload.ts';
import { ContainerSource } from './container-source.ts';
import { EngineClient } from './engine-client.ts';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-containers-'));
const ends: (() => void)[] = [];
let engines = 0;
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Given {
  readonly status?: string;
  readonly health?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ip?: string;
  readonly mode?: string;
  readonly startedAt?: string;
}

/** Answers what it is told to, as an engine does, and writes down which containers it is asked about. */
class FakeEngine {
  readonly path = join(directory, `${++engines}.sock`);
  readonly containers = new Map<string, Given>();
  readonly inspected: string[] = [];
  isPodman = false;
  failing = '';
  mostAtOnce = 0;
  #held: Promise<void> = Promise.resolve();
  #atOnce = 0;
  #stream: ServerResponse | null = null;

  async start(): Promise<void> {
    const server = createServer(({ url = '' }, response) => {
      response.setHeader('Api-Version', '1.41');
      if (this.isPodman) response.setHeader('Libpod-Api-Version', '4.3.1');
      const [, id] = /\/containers\/(\w+)\/json/.exec(url) ?? [];
      if (url === '/_ping') response.end('OK');
      else if (url.includes('/events')) {
        this.#stream = response;
        response.writeHead(200).flushHeaders();
      } else if (url.includes('/containers/json')) {
        response.end(JSON.stringify([...this.containers].map(([one, given]) => this.#listed(one, given))));
      } else void this.#inspect(id!, response);
    });
    server.listen(this.path);
    await once(server, 'listening');
    ends.push(() => {
      server.close();
      server.closeAllConnections();
    });
  }

  /** Answers to inspections wait until what this returns is called; they say what was true when they were asked for. */
  hold(): () => void {
    let release = (): void => {};
    this.#held = new Promise((resolve) => (release = resolve));
    return release;
  }

  event(action: string, id: string, attributes: object = {}): void {
    this.#stream!.write(
      `${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id, Attributes: attributes } })}\n`,
    );
  }

  async #inspect(id: string, response: ServerResponse): Promise<void> {
    const given = this.containers.get(id);
    this.inspected.push(id);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    await this.#held;
    this.#atOnce--;
    if (id === this.failing) response.writeHead(500).end('{"message":"something is wrong"}');
    else if (given === undefined) response.writeHead(404).end('{"message":"No such container"}');
    else response.end(JSON.stringify(this.#described(id, given)));
  }

  #listed(id: string, { status = 'running', health = '', labels = {}, ip = '198.18.0.2' }: Given): object {
    return {
      Id: id,
      Names: [`/${id}`],
      Labels: labels,
      State: status,
      Status: this.isPodman || health === '' ? 'Up 2 minutes' : `Up 2 minutes (${health})`,
      NetworkSettings: { Networks: { bridge: { IPAddress: ip } } },
    };
  }

  #described(id: string, given: Given): object {
    const { status = 'running', health = '', labels = {}, ip = '198.18.0.2', mode = 'bridge', startedAt = '' } = given;
    return {
      Id: id,
      Name: `/${id}`,
      State: { Status: status, StartedAt: startedAt, ...(health === '' ? {} : { Health: { Status: health } }) },
      HostConfig: { NetworkMode: mode },
      Config: { Labels: labels, ExposedPorts: { '80/tcp': {} } },
      NetworkSettings: { Networks: mode === 'bridge' ? { bridge: { IPAddress: ip } } : {} },
    };
  }
}

async function begin(containers: Readonly<Record<string, Given>> = {}, isPodman = false, ownId = '') {
  const engine = new FakeEngine();
  engine.isPodman = isPodman;
  for (const [id, given] of Object.entries(containers)) engine.containers.set(id, given);
  await engine.start();
  const endpoint = { kind: 'unix', path: engine.path } as const;
  const client = new EngineClient({ endpoint, username: '', password: '', tls: null, timeoutMs: 3_600_000 });
  const own = { isInContainer: ownId !== '', id: ownId };
  const [clock, log, ending] = [new ManualClock(), new RecordingLog(), new AbortController()];
  let workloads: readonly Workload[] = [];
  const source = new ContainerSource(
    { endpoint, network: '', useBindPortIP: false, isFollowed: true },
    { client, clock, log, own, publish: (seen) => (workloads = seen) },
  );
  const touched: (string | null)[] = [];
  const begun = new Promise<void>((resolve) => {
    const events = { begun: resolve, changed: (id: string | null) => void touched.push(id) };
    void source.follow!(ending.signal, events).catch(() => {});
  });
  ends.push(() => {
    ending.abort();
    client.close();
  });
  await begun;
  const list = (): Promise<void> => source.list(ending.signal);
  await list();
  engine.inspected.length = 0;
  return {
    engine,
    clock,
    log,
    list,
    look: (...ids: readonly string[]) => source.look(new Set(ids), ending.signal),
    /** What events have asked to be looked at. */
    touched,
    states: () => Object.fromEntries(workloads.map(({ id, state }) => [id, state])),
    get: (id: string) => workloads.find((one) => one.id === id)!,
    all: () => workloads,
  };
}

const HTTP = { port: 80, protocol: 'tcp' } as const;

test('a list in which nothing is new asks about no container, and tells the same workloads', async () => {
  const { engine, list, all } = await begin({ a: {}, b: { health: 'healthy' }, c: { status: 'exited' } });
  const before = all();
  await list();
  expect(engine.inspected).toEqual([]);
  expect(all().map((one, index) => one === before[index])).toEqual([true, true]);
});

test('what a list has new is asked about, and nothing else', async () => {
  const { engine, list, states } = await begin({ a: {}, b: {}, c: {} });
  engine.containers.set('a', { ip: '198.18.0.9' });
  engine.containers.delete('b');
  engine.containers.set('d', {});
  await list();
  expect(engine.inspected.toSorted()).toEqual(['a', 'd']);
  expect(states()).toEqual({ a: 'ready', c: 'ready', d: 'ready' });
});

test('many are asked about a few at a time', async () => {
  const { engine, list, all } = await begin();
  const release = engine.hold();
  for (let index = 0; index < 100; index++) engine.containers.set(`c${index}`, {});
  const listed = list();
  await expect.poll(() => engine.inspected.length).toBe(8);
  release();
  await listed;
  expect(all()).toHaveLength(100);
  expect(engine.mostAtOnce).toBe(8);
});

test('one that is asked to end drains at once, until it has ended', async () => {
  const { engine, states } = await begin({ a: {}, b: {} });
  engine.event('kill', 'a', { signal: '15' });
  await expect.poll(states).toEqual({ a: 'draining', b: 'ready' });
  engine.event('die', 'a', { exitCode: '0' });
  await expect.poll(states).toEqual({ b: 'ready' });
  // Nothing of it had to be asked for.
  expect(engine.inspected).toEqual([]);
});

test('one that was asked to end and is there long after is served again', async () => {
  const { engine, clock, list, states } = await begin({ a: {} });
  engine.event('kill', 'a', { signal: '15' });
  await expect.poll(states).toEqual({ a: 'draining' });
  clock.advance(59_000);
  await list();
  expect(states()).toEqual({ a: 'draining' });
  clock.advance(2_000);
  await list();
  expect(states()).toEqual({ a: 'ready' });
});

test('one that is started again is not about to end any longer', async () => {
  const { engine, look, states, touched } = await begin({ a: {} });
  engine.event('kill', 'a', { signal: '15' });
  engine.event('die', 'a');
  engine.event('start', 'a');
  await expect.poll(() => touched).toEqual(['a']);
  await look('a');
  expect(states()).toEqual({ a: 'ready' });
});

test('an answer that is older than an event is asked for once more', async () => {
  const { engine, look, states, touched } = await begin();
  const release = engine.hold();
  engine.containers.set('a', {});
  const looked = look('a');
  await expect.poll(() => engine.inspected).toEqual(['a']);
  // Its description is on the way already.
  engine.event('die', 'a');
  engine.event('start', 'heard');
  await expect.poll(() => touched).toEqual(['heard']);
  engine.containers.set('a', { status: 'exited' });
  release();
  await looked;
  expect(engine.inspected).toEqual(['a', 'a']);
  expect(states()).toEqual({});
});

test('one whose labels keep it stays while it does not run, and is gone when it is removed', async () => {
  const labels = { 'traefik.docker.allownonrunning': 'true' };
  const { engine, states, get } = await begin({ a: { labels }, stopped: { labels, status: 'exited' } });
  expect(states()).toEqual({ a: 'ready', stopped: 'unavailable' });
  engine.event('die', 'a', { exitCode: '3' });
  await expect.poll(() => get('a').stateReason).toBe('it does not run; its last run has ended with 3');
  expect(get('a')).toMatchObject({ isKept: true, state: 'unavailable' });
  engine.event('destroy', 'a');
  await expect.poll(states).toEqual({ stopped: 'unavailable' });
});

test('what the labels of the router itself say does not wait for its health', async () => {
  const { states } = await begin({ router: { health: 'starting' }, other: { health: 'starting' } }, false, 'router');
  expect(states()).toEqual({ router: 'ready', other: 'unavailable' });
});

test('health is followed by events, and of Podman, whose lists say nothing of it, also asked for', async () => {
  const docker = await begin({ a: { health: 'starting' } });
  expect(docker.states()).toEqual({ a: 'unavailable' });
  docker.engine.event('health_status: healthy', 'a');
  await expect.poll(docker.states).toEqual({ a: 'ready' });
  expect(docker.engine.inspected).toEqual([]);

  const podman = await begin({ a: { health: 'healthy' }, b: {} }, true);
  podman.engine.containers.set('a', { health: 'unhealthy' });
  await podman.list();
  expect(podman.engine.inspected).toEqual(['a']);
  expect(podman.states()).toEqual({ a: 'unavailable', b: 'ready' });
});

test('one that cannot be looked at costs itself, and is told once', async () => {
  const { engine, list, log, states } = await begin({ a: {} });
  engine.failing = 'b';
  engine.containers.set('b', {});
  engine.containers.set('c', {});
  await list();
  await list();
  expect(states()).toEqual({ a: 'ready', c: 'ready' });
  expect(log.records.filter(({ level }) => level === 'warn')).toHaveLength(1);
  expect(log.text()).toMatch(/something is wrong/);
});

test('one that has the network of another moves with it', async () => {
  const { engine, look, get } = await begin({ pod: { ip: '198.18.0.5' }, a: { mode: 'container:pod' } });
  expect(get('a').addressOf(HTTP, '')).toEqual({ host: '198.18.0.5', port: 80 });
  engine.containers.set('pod', { ip: '198.18.0.6' });
  await look('pod');
  expect(get('a').addressOf(HTTP, '')).toEqual({ host: '198.18.0.6', port: 80 });
  engine.event('die', 'pod');
  await expect
    .poll(() => get('a').addressOf(HTTP, ''))
    .toEqual({
      problem: 'it has the network of the container pod, which does not run',
    });
});
