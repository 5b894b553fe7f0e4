// Control plane and edge as two processes that have one socket between them, on which nothing but messages goes.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DatagramClient, NamedDatagramServer } from '../support/datagrams.ts';
import { holdPort } from '../support/ports.ts';
import { connectPlain, echo, plainServer, type TestServer } from '../support/tcp-servers.ts';
import { certificateFor, tlsGet } from '../support/tls-client.ts';

type Said = Readonly<Record<string, unknown>> & { readonly said: string };

/** A control plane's process, as the test speaks to it. */
class Controller {
  readonly child: ChildProcess;
  readonly heard: Said[] = [];
  readonly #waiting = new Set<() => void>();
  #nextId = 1;
  /** Nothing more is to be heard, and why. */
  #ended = '';

  constructor(config: string, socket: string) {
    this.child = fork(join(import.meta.dirname, '../support/split/control-plane.mjs'), [config, socket]);
    this.child.on('message', (said) => {
      this.heard.push(said as Said); // Sent by that program.
      for (const wake of this.#waiting) wake();
    });
    this.child.once('exit', (code, signal) => this.end(`the control plane has ended with ${signal ?? code}`));
  }

  /** Whoever waits for something is told why it does not come. */
  end(reason: string): void {
    this.#ended = reason;
    for (const wake of this.#waiting) wake();
  }

  /** The first that fits, said before or to be said. */
  async hears(fits: (said: Said) => boolean): Promise<Said> {
    for (;;) {
      const found = this.heard.find(fits);
      if (found !== undefined) return found;
      if (this.#ended !== '') throw new Error(this.#ended);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  logs(message: string): Promise<Said> {
    return this.hears((one) => one.said === 'log' && one['message'] === message);
  }

  async ask(what: string, given?: unknown): Promise<unknown> {
    const id = this.#nextId++;
    this.child.send({ id, what, given });
    return (await this.hears((one) => one.said === 'answer' && one['id'] === id))['answer'];
  }

  /** The port that an edge has bound. */
  async portOf(entryPoint: string): Promise<number> {
    const { port } = await this.hears((one) => one.said === 'bound' && one['entryPoint'] === entryPoint);
    expect(await this.ask('addressOf', entryPoint)).toMatchObject({ host: '127.0.0.1', port });
    return Number(port);
  }
}

let directory = '';
let origin: Server;
/** Answers 500 to everything that is not asked for by a path. */
let faulty: Server;
let database: TestServer;
let names: NamedDatagramServer;
/** Refuses connections. */
const nobody = holdPort();
let edge: ChildProcess;
let control: Controller;
let web = 0;
let secure = 0;
const first = certificateFor(['a.example']);
const renewed = certificateFor(['a.example']);

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // It listens on TCP.
}

/** Whole at any moment: whoever reads it sees the one or the other. */
async function write(name: string, text: string): Promise<void> {
  await writeFile(join(directory, `${name}.new`), text);
  await rename(join(directory, `${name}.new`), join(directory, name));
}

function routing(path: string): string {
  return `
http:
  routers:
    all: { rule: "PathPrefix(\`${path}\`)", service: origin }
    over-tls: { rule: "PathPrefix(\`/\`)", service: origin, entryPoints: [secure], tls: {} }
    faulty: { rule: "PathPrefix(\`/faulty\`)", service: faulty }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${portOf(origin)}" }], sticky: { cookie: { name: at } } } }
    faulty:
      loadBalancer:
        passiveHealthCheck: { maxFailedAttempts: 1, failureWindow: 60s }
        servers: [{ url: "http://127.0.0.1:${portOf(faulty)}" }]
tcp:
  routers:
    db: { rule: "HostSNI(\`*\`)", service: shared, entryPoints: [db] }
    lost: { rule: "HostSNI(\`*\`)", service: gone, entryPoints: [lost] }
  services:
    shared: { weighted: { services: [{ name: db, weight: 1 }] } }
    db: { loadBalancer: { servers: [{ address: "127.0.0.1:${database.port}" }] } }
    gone: { loadBalancer: { servers: [{ address: "127.0.0.1:${nobody}" }] } }
udp:
  routers: { dns: { service: dns, entryPoints: [dns] } }
  services: { dns: { loadBalancer: { servers: [{ address: "127.0.0.1:${names.port}" }] } } }
tls: { certificates: [{ certFile: ${directory}/cert.pem, keyFile: ${directory}/key.pem }] }
`;
}

async function get(path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${web}${path}`);
  await response.arrayBuffer();
  return response.status;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'two-processes-'));
  origin = createServer((_, response) => response.end('of the origin'));
  database = await plainServer(echo('db'));
  names = await NamedDatagramServer.start('dns');
  faulty = createServer((request) => request.socket.destroy());
  for (const server of [origin, faulty]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  await writeFile(join(directory, 'cert.pem'), first.certificate);
  await writeFile(join(directory, 'key.pem'), first.key);
  await writeFile(join(directory, 'routing.yml'), routing('/one'));
  await writeFile(
    join(directory, 'signalbox.yml'),
    `
entryPoints:
  web: { address: "127.0.0.1:0" }
  secure: { address: "127.0.0.1:0" }
  db: { address: "127.0.0.1:0" }
  lost: { address: "127.0.0.1:0" }
  dns: { address: "127.0.0.1:0/udp", udp: { timeout: 1h } }
providers: { providersThrottleDuration: 0s, file: { filename: ${directory}/routing.yml } }
`,
  );
  // The edge is first: it looks for a control plane until there is one.
  edge = fork(join(import.meta.dirname, '../support/split/edge.mjs'), [join(directory, 'link'), directory]);
  control = new Controller(join(directory, 'signalbox.yml'), join(directory, 'link'));
  edge.once('exit', (code, signal) => control.end(`the edge has ended with ${signal ?? code}`));
  await control.hears(({ said }) => said === 'joined');
  web = await control.portOf('web');
  secure = await control.portOf('secure');
});

afterAll(async () => {
  control.child.kill('SIGKILL');
  const ended = once(edge, 'exit');
  edge.send('stop');
  await ended;
  await database.close();
  await names[Symbol.asyncDispose]();
  for (const server of [origin, faulty]) {
    server.closeAllConnections();
    server.close();
  }
  await rm(directory, { recursive: true, force: true });
});

test('the edge serves the snapshot of the control plane, with the certificates it names', async () => {
  expect(await get('/one')).toBe(200);
  expect(await get('/two')).toBe(404);
  expect((await tlsGet(secure)).subject).toBe('a.example');
  expect(await control.ask('delivered', 'snapshot')).toEqual({ acked: 1, nacks: [] });
});

test('a change goes as a delta, and all workers of the edge answer for it', async () => {
  await write('routing.yml', routing('/two'));
  expect(await control.logs('configuration changed')).toMatchObject({ fields: { version: 2, changed: 1, workers: 2 } });
  expect([await get('/one'), await get('/two')]).toEqual([404, 200]);
});

test('a renewed certificate goes without a version', async () => {
  const { serial } = await tlsGet(secure);
  await write('key.pem', renewed.key);
  await write('cert.pem', renewed.certificate);
  expect(await control.logs('certificates renewed')).toMatchObject({ fields: { workers: 2 } });
  expect((await tlsGet(secure)).serial).not.toBe(serial);
  expect(await control.ask('version')).toBe(2);
});

test('what one edge has signed another one of the same control plane believes', async () => {
  const other = fork(join(import.meta.dirname, '../support/split/edge.mjs'), [
    join(directory, 'link'),
    directory,
    'edge-2',
  ]);
  const { port } = await control.hears(
    (one) => one.said === 'bound' && one['edge'] === 'edge-2' && one['entryPoint'] === 'web',
  );
  // Workers have taken it at their start: there is nobody else to acknowledge it.
  expect(await control.ask('delivered', 'sharedSecret')).toMatchObject({ nacks: [] });
  const cookieAt = async (at: number): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${at}/two`);
    await response.arrayBuffer();
    return response.headers.get('set-cookie') ?? '';
  };
  const cookie = await cookieAt(web);
  expect(cookie).toMatch(/^at=.+/);
  expect(await cookieAt(Number(port))).toBe(cookie);
  const ended = once(other, 'exit');
  other.send('stop');
  await ended;
  await control.hears((one) => one.said === 'left' && one['edge'] === 'edge-2');
});

test('challenges, staples and ticket keys are had by every worker when they are delivered', async () => {
  const both = { acked: 2, nacks: [] };
  const { certificate: certPem, key: keyPem } = certificateFor(['proof']);
  const alpn = [{ serverName: 'a.example', certPem, keyPem }];
  expect(await control.ask('challenge', { http: { token: 'answer' }, alpn })).toEqual(both);
  const authority = tls.connect({
    host: '127.0.0.1',
    port: secure,
    servername: 'a.example',
    ALPNProtocols: ['acme-tls/1'],
    rejectUnauthorized: false,
  });
  await once(authority, 'secureConnect');
  expect(authority.getPeerCertificate().subject.CN).toBe('proof');
  authority.destroy();
  expect(await control.ask('staple', { certificate: 'some', text: 'good' })).toEqual(both);
  expect(await control.ask('ticketKeys')).toEqual(both);
});

/** A question to the edge's process. */
async function askEdge(what: string, given?: unknown): Promise<unknown> {
  const answered = once(edge, 'message') as Promise<[{ answer: unknown }]>;
  edge.send({ what, given });
  return (await answered)[0].answer;
}

interface Counted {
  requests: number;
  readonly inFlight: number;
  readonly failures: readonly (readonly [kind: string, count: number])[];
}

test('connections and sessions are counted in their services, in all workers', async () => {
  const [db, lost, dns] = [await control.portOf('db'), await control.portOf('lost'), await control.portOf('dns')];
  const keys = ['shared@file@@tcp', 'shared@file@@tcp\ndb@file', 'db@file@@tcp', 'gone@file@@tcp', 'dns@file@@udp'];
  await askEdge('open', keys);
  const open = await connectPlain(db);
  open.socket.write('one');
  await open.has('one');
  for (const text of ['two', 'three']) {
    const client = await connectPlain(db);
    client.socket.write(text);
    await client.has(text);
    client.socket.end();
    await client.ended();
  }
  const refused = await connectPlain(lost);
  await refused.ended();
  using asking = new DatagramClient(dns);
  expect(await asking.ask('name')).toMatch(/^dns name/);
  const ended = [0, 0, 0, 0, 0];
  const failures = new Set<string>();
  // The last byte is the client's before it is counted.
  const read = async (): Promise<unknown> => {
    const readings = (await askEdge('read')) as readonly Counted[];
    readings.forEach(({ requests, failures: kinds }, index) => {
      ended[index]! += requests;
      for (const [kind] of kinds) failures.add(`${keys[index]} ${kind}`);
    });
    return { ended, inFlight: readings.map(({ inFlight }) => inFlight) };
  };
  await expect.poll(read).toEqual({ ended: [2, 2, 2, 1, 0], inFlight: [1, 1, 1, 0, 1] });
  expect([...failures]).toEqual(['gone@file@@tcp upstream_connect_refused']);
  open.socket.destroy();
});

test('what the edge binds, or cannot, comes back', async () => {
  expect(await control.ask('bind', { entryPoint: 'web', port: 0 })).toBe('');
  expect(await control.ask('bind', { entryPoint: 'web', port: portOf(origin) })).toMatch(
    /^edge edge-1: .*another process listens on/,
  );
});

test('health, ejections, metrics and lines of the log come back', async () => {
  expect(await get('/faulty')).toBe(502);
  const url = `http://127.0.0.1:${portOf(faulty)}`;
  expect(await control.hears(({ said }) => said === 'ejected')).toMatchObject({
    edge: 'edge-1',
    service: 'faulty@file',
    endpoint: expect.any(String) as unknown,
  });
  expect(await control.hears(({ said }) => said === 'health')).toMatchObject({
    edge: 'edge-1',
    change: { service: 'faulty@file', url, isUp: false },
  });
  expect(
    await control.hears((one) => one.said === 'log' && (one['fields'] as { edge?: string }).edge === 'edge-1'),
  ).toBeDefined();
  const samples = (await control.ask('measure')) as readonly { readonly metric: string; readonly labels: object }[];
  expect(samples).toContainEqual(
    expect.objectContaining({
      metric: 'entrypoint_requests_total',
      labels: expect.objectContaining({ entrypoint: 'web', code: '200' }) as unknown,
    }),
  );
});

test('without its control plane the edge serves on, and the next one that is there brings it up to date', async () => {
  const ended = once(control.child, 'exit');
  control.child.kill('SIGKILL');
  await ended;
  expect(await get('/two')).toBe(200);
  expect((await tlsGet(secure)).subject).toBe('a.example');
  await write('routing.yml', routing('/three'));
  // It counts anew, and what the edge has of the other one's versions says nothing.
  control = new Controller(join(directory, 'signalbox.yml'), join(directory, 'link'));
  await control.hears(({ said }) => said === 'joined');
  await control.hears(({ said }) => said === 'ready');
  expect(await control.ask('delivered', 'snapshot')).toEqual({ acked: 2, nacks: [] });
  // What its workers have signed stays good.
  expect(await control.ask('delivered', 'sharedSecret')).toMatchObject({
    acked: 0,
    nacks: [expect.stringContaining('it keeps')],
  });
  expect([await get('/two'), await get('/three')]).toEqual([404, 200]);
  expect(await control.portOf('web')).toBe(web);
  // And goes on from there.
  await write('routing.yml', routing('/four'));
  expect(await control.logs('configuration changed')).toMatchObject({ fields: { version: 2, workers: 2 } });
  expect(await get('/four')).toBe(200);
});
