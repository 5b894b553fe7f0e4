import { rename, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';
import {
  connectPlain,
  connectTls,
  echo,
  Gatherer,
  plainServer,
  subjectOf,
  tlsServer,
  type TestServer,
} from '../support/tcp-servers.ts';
import { certificateFor, tlsGet } from '../support/tls-client.ts';

const one = certificateFor(['one.example']);
const two = certificateFor(['two.example']);
const own = certificateFor(['term.example', 'strict.example', 'web.example', '*.wild.example']);
const visitor = certificateFor(['visitor']);

let router: RouterProcess;
let servers: readonly TestServer[];
let banner: TestServer;
let plain: TestServer;
let other: TestServer;
let answers: TestServer;
let breaks: TestServer;
let headers: TestServer;
let secureOne: TestServer;
let routing = '';

/** Says what it was sent, once the client has ended. */
function answering(socket: net.Socket): void {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('end', () => socket.end(`all: ${text}`));
}

/** Everything up to the end, by one chunk in a turn of the event loop: more slowly than the router could give it. */
function readSlowly(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    socket.pause();
    setImmediate(() => socket.resume());
  });
  return new Promise((resolve, reject) => {
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
}

beforeAll(async () => {
  banner = await plainServer((socket) => {
    socket.write('220 ready\r\n');
    echo('banner')(socket);
  });
  plain = await plainServer(echo('plain'));
  other = await plainServer(echo('other'));
  answers = await plainServer(answering);
  breaks = await plainServer((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  headers = await plainServer(answering);
  secureOne = await tlsServer(
    one,
    (socket) => {
      socket.write(`${socket.alpnProtocol || 'none'};`);
      echo('one')(socket);
    },
    { ALPNProtocols: ['h2', 'http/1.1'] },
  );
  const secureTwo = await tlsServer(two, echo('two'));
  const origin = await plainServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhttp'));
  });
  const closed = await plainServer(() => {});
  await closed.close();
  servers = [banner, plain, other, answers, breaks, headers, secureOne, secureTwo, origin];
  const service = (name: string, ...ports: readonly number[]): string =>
    `    ${name}: { loadBalancer: { servers: [${ports.map((port) => `{ address: "127.0.0.1:${port}" }`).join(', ')}] } }`;
  routing = `
http:
  routers:
    web: { rule: "PathPrefix(\`/\`)", service: web, entryPoints: [mixed] }
    secure: { rule: "Host(\`web.example\`)", service: web, tls: {}, entryPoints: [mixed] }
  services:
    web: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
tcp:
  routers:
    banner: { rule: "HostSNI(\`*\`)", service: banner, entryPoints: [banner] }
    answers: { rule: "HostSNI(\`*\`)", service: answers, entryPoints: [answers] }
    breaks: { rule: "HostSNI(\`*\`)", service: breaks, entryPoints: [breaks] }
    shared: { rule: "HostSNI(\`*\`)", service: shared, entryPoints: [shared] }
    spare: { rule: "HostSNI(\`*\`)", service: spare, entryPoints: [spare] }
    gone: { rule: "HostSNI(\`*\`)", service: gone, entryPoints: [gone] }
    guarded: { rule: "HostSNI(\`*\`)", service: plain, entryPoints: [guarded], middlewares: [few, known] }
    v1: { rule: "HostSNI(\`*\`)", service: v1, entryPoints: [v1] }
    v2: { rule: "HostSNI(\`*\`)", service: v2, entryPoints: [v2] }
    proxied: { rule: "ClientIP(\`192.0.2.1\`)", service: v1, entryPoints: [proxied] }
    upstreamTls: { rule: "HostSNI(\`*\`)", service: overTls, entryPoints: [tls] }
    one: { rule: "HostSNI(\`one.example\`)", service: one, tls: { passthrough: true }, entryPoints: [mixed] }
    two: { rule: "HostSNIRegexp(\`^two[.]\`)", service: two, tls: { passthrough: true }, entryPoints: [mixed] }
    term: { rule: "HostSNI(\`term.example\`)", service: plain, tls: {}, entryPoints: [mixed] }
    wild: { rule: "HostSNI(\`*.wild.example\`)", service: answers, tls: {}, entryPoints: [mixed] }
    mqtt: { rule: "HostSNI(\`term.example\`) && ALPN(\`mqtt\`)", service: other, tls: { options: mqtt }, entryPoints: [mixed] }
    strict: { rule: "HostSNI(\`strict.example\`)", service: plain, tls: { options: strict }, entryPoints: [mixed] }
    here: { rule: "HostSNI(\`term.example\`) && ClientIP(\`127.0.0.9\`)", service: other, tls: {}, entryPoints: [mixed] }
  middlewares:
    known: { ipAllowList: { sourceRange: ["127.0.0.0/29"] } }
    few: { inFlightConn: { amount: 2 } }
  services:
${service('banner', banner.port)}
${service('plain', plain.port)}
${service('other', other.port)}
${service('answers', answers.port)}
${service('breaks', breaks.port)}
${service('one', secureOne.port)}
${service('two', secureTwo.port)}
${service('spare', closed.port, plain.port)}
${service('gone', closed.port)}
    shared: { weighted: { services: [{ name: plain, weight: 3 }, { name: other, weight: 1 }] } }
    v1: { loadBalancer: { serversTransport: v1, servers: [{ address: "127.0.0.1:${headers.port}" }] } }
    v2: { loadBalancer: { serversTransport: v2, servers: [{ address: "127.0.0.1:${headers.port}" }] } }
    overTls: { loadBalancer: { serversTransport: trusted, servers: [{ address: "127.0.0.1:${secureTwo.port}", tls: true }] } }
  serversTransports:
    v1: { proxyProtocol: { version: 1 } }
    v2: { proxyProtocol: {} }
    trusted: { tls: { serverName: two.example, rootCAs: [DIR/two.pem] } }
tls:
  certificates: [{ certFile: DIR/own.pem, keyFile: DIR/own.key }]
  options:
    mqtt: { alpnProtocols: [mqtt] }
    strict: { clientAuth: { caFiles: [DIR/visitor.pem], clientAuthType: RequireAndVerifyClientCert } }
`;
  const names = 'banner answers breaks shared spare gone guarded v1 v2 tls mixed proxied'.split(' ');
  router = await startRouter({
    install: `
entryPoints:
${names.map((name) => `  ${name}: { address: "127.0.0.1:0"${name === 'proxied' ? ', proxyProtocol: { insecure: true }' : ''} }`).join('\n')}
  traefik: { address: "127.0.0.1:0" }
providers: { file: { filename: DIR/routing.yml } }
accessLog: { format: json }
api: {}
metrics: { prometheus: { addRoutersLabels: true } }
`,
    workers: 2,
    files: {
      'routing.yml': routing,
      'own.pem': own.certificate,
      'own.key': own.key,
      'two.pem': two.certificate,
      'visitor.pem': visitor.certificate,
    },
  });
});

afterAll(async () => {
  await router[Symbol.asyncDispose]();
  for (const server of servers) await server.close();
});

test('a server that speaks first is heard', async () => {
  const client = await connectPlain(router.ports['banner']!);
  await client.has('220 ready\r\n');
  client.socket.write('quit');
  await client.has('banner:quit');
  client.socket.end();
  await client.ended();
  expect(client.error).toBeNull();
});

test('an answer after the end of the request comes whole', async () => {
  const client = await connectPlain(router.ports['answers']!);
  client.socket.end('question');
  await client.has('all: question');
  await client.ended();
  expect(client.error).toBeNull();
});

test('the end is carried over TLS as well', async () => {
  const client = await connectTls(router.ports['mixed']!, 'a.wild.example');
  client.socket.end('question');
  await client.has('all: question');
  await client.ended();
});

test('a broken connection does not look like an ended one', async () => {
  const client = await connectPlain(router.ports['breaks']!);
  client.socket.write('x');
  await client.closed();
  expect(client.error?.code).toBe('ECONNRESET');
});

test('passthrough leaves TLS to the server that the client names', async () => {
  const first = await connectTls(router.ports['mixed']!, 'one.example', { ALPNProtocols: ['h2'] });
  await first.has('h2;');
  expect(subjectOf(first)).toBe('one.example');
  first.socket.write('ping');
  await first.has('one:ping');
  first.socket.destroy();
  const second = await connectTls(router.ports['mixed']!, 'two.other.example');
  expect(subjectOf(second)).toBe('two.example');
  second.socket.destroy();
});

test('HTTP, HTTPS and TCP share a port', async () => {
  const port = router.ports['mixed']!;
  const http = await connectPlain(port);
  http.socket.write('GET / HTTP/1.1\r\nHost: web.example\r\n\r\n');
  await http.has('http');
  http.socket.destroy();
  expect((await tlsGet(port, { host: 'web.example' })).body).toBe('http');
  expect((await tlsGet(port, { host: 'nobody.example' })).status).toBe(404);
  const term = await connectTls(port, 'term.example');
  expect(subjectOf(term)).toBe('term.example');
  term.socket.write('hi');
  await term.has('plain:hi');
  term.socket.destroy();
});

test('the protocol the client offers chooses the router', async () => {
  const client = await connectTls(router.ports['mixed']!, 'term.example', { ALPNProtocols: ['mqtt'] });
  expect(client.socket.alpnProtocol).toBe('mqtt');
  client.socket.write('hi');
  await client.has('other:hi');
  client.socket.destroy();
});

test('so does the address of the client', async () => {
  const raw = await connectPlain(router.ports['mixed']!, '127.0.0.1', '127.0.0.9');
  raw.socket.removeAllListeners('data');
  const client = await connectTls(0, 'term.example', { socket: raw.socket });
  client.socket.write('hi');
  await client.has('other:hi');
  client.socket.destroy();
});

test('client certificates are asked for by the options of the router', async () => {
  const port = router.ports['mixed']!;
  const known = await connectTls(port, 'strict.example', { cert: visitor.certificate, key: visitor.key });
  known.socket.write('hi');
  await known.has('plain:hi');
  known.socket.destroy();
  // TLS 1.2: the client learns of the refusal within the handshake.
  await expect(connectTls(port, 'strict.example', { maxVersion: 'TLSv1.2' })).rejects.toThrow();
});

test('services get connections by their weights', async () => {
  const counts: Record<string, number> = { plain: 0, other: 0 };
  // Each worker has turns of its own: whole rounds on each tell the shares, as connections do in the long run.
  for (let index = 0; index < 40; index++) {
    const client = await connectPlain(router.ports['shared']!);
    client.socket.write('x');
    await client.until(() => client.text.length > 0);
    counts[client.text.split(':')[0]!]!++;
    client.socket.destroy();
  }
  expect(counts['other']).toBeGreaterThanOrEqual(9);
  expect(counts['other']).toBeLessThanOrEqual(11);
});

test('a server that does not answer is passed over before the client notices', async () => {
  for (let index = 0; index < 4; index++) {
    const client = await connectPlain(router.ports['spare']!);
    client.socket.write('x');
    await client.has('plain:x');
    client.socket.destroy();
  }
});

test('without a server the client is told by the end of the connection', async () => {
  const client = await connectPlain(router.ports['gone']!);
  await client.ended();
  expect(client.text).toBe('');
});

test('servers learn who the client is', async () => {
  const first = await connectPlain(router.ports['v1']!, '127.0.0.1', '127.0.0.7');
  const { localPort } = first.socket;
  first.socket.end('x');
  await first.has(`all: PROXY TCP4 127.0.0.7 127.0.0.1 ${localPort} ${router.ports['v1']}\r\nx`);
  const second = await connectPlain(router.ports['v2']!, '127.0.0.1', '127.0.0.7');
  second.socket.end('x');
  await second.ended();
  const bytes = Buffer.from(second.text.slice('all: '.length), 'utf8');
  expect(bytes.subarray(0, 12).toString('latin1')).toBe('\r\n\r\n\0\r\nQUIT\n');
  expect(second.text.endsWith('x')).toBe(true);
});

test('also when another proxy has said so, with everything in one piece', async () => {
  const client = await connectPlain(router.ports['proxied']!);
  const header = 'PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n';
  client.socket.end(`${header}question`);
  await client.has(`all: ${header}question`);
  await client.ended();
});

test('servers are spoken to over TLS where the configuration says so', async () => {
  const client = await connectPlain(router.ports['tls']!);
  client.socket.write('x');
  await client.has('two:x');
  client.socket.end();
  await client.ended();
});

test('only known addresses get in, and only so many connections of each, over all workers', async () => {
  const port = router.ports['guarded']!;
  const stranger = await connectPlain(port, '127.0.0.1', '127.0.0.99');
  await stranger.ended();
  const clients: Gatherer[] = [];
  for (let index = 0; index < 2; index++) {
    const client = await connectPlain(port, '127.0.0.1', '127.0.0.5');
    client.socket.write('x');
    await client.has('plain:x');
    clients.push(client);
  }
  const third = await connectPlain(port, '127.0.0.1', '127.0.0.5');
  await third.ended();
  expect(third.text).toBe('');
  const neighbour = await connectPlain(port, '127.0.0.1', '127.0.0.6');
  neighbour.socket.write('x');
  await neighbour.has('plain:x');
  for (const client of [...clients, neighbour]) {
    client.socket.end();
    await client.ended();
  }
  await router.prints((text) => text.includes('"ResponseFlag":"too_many_connections"'));
});

test('every byte arrives, also when one side is slow', async () => {
  const size = 24 * 1024 * 1024;
  const chunk = Buffer.alloc(size);
  for (let index = 0; index < size; index += 4) chunk.writeUInt32LE((index * 2_654_435_761) >>> 0, index);
  const accepted = answers.accepted();
  const client = net.connect({ port: router.ports['answers']!, host: '127.0.0.1', allowHalfOpen: true });
  const server = await accepted;
  server.removeAllListeners('data');
  server.removeAllListeners('end');
  const there = readSlowly(server);
  client.end(chunk);
  expect((await there).equals(chunk)).toBe(true);
  const back = readSlowly(client);
  server.end(chunk);
  expect((await back).equals(chunk)).toBe(true);
  client.destroy();
});

test('a change of the configuration leaves open connections alone', async () => {
  const client = await connectPlain(router.ports['banner']!);
  await client.has('220 ready\r\n');
  const changed = routing.replace(
    `banner: { rule: "HostSNI(\`*\`)", service: banner`,
    `banner: { rule: "HostSNI(\`*\`)", service: other`,
  );
  await writeFile(join(router.directory, 'next.yml'), changed.replaceAll('DIR', router.directory));
  await rename(join(router.directory, 'next.yml'), join(router.directory, 'routing.yml'));
  await router.sees('configuration changed');
  client.socket.write('still');
  await client.has('banner:still');
  client.socket.destroy();
  const fresh = await connectPlain(router.ports['banner']!);
  fresh.socket.write('new');
  await fresh.has('other:new');
  fresh.socket.destroy();
});

test('connections are in the access log and the metrics', async () => {
  const client = await connectPlain(router.ports['answers']!);
  client.socket.end('twelve bytes');
  await client.ended();
  await router.prints((text) => text.includes('"RequestContentSize":12,'));
  const line = router
    .stdout()
    .split('\n')
    .find((text) => text.includes('"RequestContentSize":12,'))!;
  expect(JSON.parse(line)).toMatchObject({
    EntryPointName: 'answers',
    RouterName: 'answers@file',
    ServiceName: 'answers@file',
    ServiceURL: `127.0.0.1:${answers.port}`,
    RequestProtocol: 'TCP',
    DownstreamContentSize: 17,
    ResponseFlag: '',
    ClientHost: '127.0.0.1',
  });
  const metrics = await (await fetch(`http://127.0.0.1:${router.ports['traefik']}/metrics`)).text();
  const value = (series: string): number => Number(new RegExp(`^${series} (.*)$`, 'm').exec(metrics)?.[1]);
  expect(value('signalbox_entrypoint_connections_total\\{entrypoint="answers",protocol="tcp"\\}')).toBeGreaterThan(0);
  expect(value('signalbox_service_received_bytes_total\\{service="answers@file",protocol="tcp"\\}')).toBeGreaterThan(
    11,
  );
  expect(
    value('signalbox_router_sent_bytes_total\\{router="answers@file",service="answers@file",protocol="tcp"\\}'),
  ).toBeGreaterThan(16);
  expect(metrics).toMatch(
    /signalbox_service_dial_failures_total\{service="gone@file",url="127.0.0.1:\d+",flag="upstream_connect_refused",protocol="tcp"\} \d/,
  );
  expect(metrics).toMatch(/signalbox_service_server_up\{service="plain@file",url="127.0.0.1:\d+"\} 1/);
});
