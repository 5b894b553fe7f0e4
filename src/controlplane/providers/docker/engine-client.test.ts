import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { makePair } from '../../../../test/support/certificates.ts';
import { CannotFollow } from '../source/source.ts';
import { EngineClient, type EngineClientOptions } from './engine-client.ts';

const HOUR = 3_600_000;
const SIGNAL = new AbortController().signal;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const servers: (Server | SecureServer)[] = [];
const clients: EngineClient[] = [];
const directory = mkdtempSync(join(tmpdir(), 'signalbox-engine-'));
let sockets = 0;
afterAll(() => rmSync(directory, { recursive: true }));

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function engine(answer: Answer): Promise<{ path: string; asked: string[]; server: Server }> {
  const asked: string[] = [];
  const path = join(directory, `${++sockets}.sock`);
  const server = createServer((request, response) => {
    asked.push(request.url!);
    answer(request, response);
  });
  server.listen(path);
  servers.push(server);
  await once(server, 'listening');
  return { path, asked, server };
}

function clientOf(path: string, more: Partial<EngineClientOptions> = {}): EngineClient {
  const endpoint = { kind: 'unix', path } as const;
  const client = new EngineClient({ endpoint, username: '', password: '', tls: null, timeoutMs: HOUR, ...more });
  clients.push(client);
  return client;
}

/** As the engine 29.0 answers, which takes nothing below 1.44; `newest` and `oldest` are its versions. */
const dockerOf =
  (newest: string, oldest: string): Answer =>
  ({ url = '' }, response) => {
    response.setHeader('Api-Version', newest);
    response.setHeader('Docker-Experimental', 'false');
    response.setHeader('Ostype', 'linux');
    response.setHeader('Server', 'Docker/29.0.0 (linux)');
    const [, version = newest] = /^\/v([\d.]+)\//.exec(url) ?? [];
    const isTooOld = Number(version.split('.')[1]) < Number(oldest.split('.')[1]);
    const isTooNew = Number(version.split('.')[1]) > Number(newest.split('.')[1]);
    if (isTooOld || isTooNew) {
      const message = isTooOld
        ? `client version ${version} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`
        : `client version ${version} is too new. Maximum supported API version is ${newest}`;
      response.writeHead(400, { 'Content-Type': 'application/json' }).end(JSON.stringify({ message }));
    } else if (url === '/_ping') response.end('OK');
    else response.end('[]');
  };

test.each([
  ['20.10', '1.41', '1.12', ['/_ping', '/v1.41/containers/json']],
  ['29.0', '1.52', '1.44', ['/_ping', '/v1.52/containers/json']],
  // Of one that is newer than anything known here, what it says it takes.
  ['a later one', '1.61', '1.55', ['/_ping', '/v1.52/containers/json', '/v1.55/containers/json', '/v1.55/info']],
])('asks the engine %s in a version that both know', async (_, newest, oldest, expected) => {
  const { path, asked } = await engine(dockerOf(newest, oldest));
  const client = clientOf(path);
  expect(await client.meet(SIGNAL)).toMatchObject({ isPodman: false });
  expect(await client.get('/containers/json', SIGNAL)).toEqual([]);
  if (expected.length > 3) await client.get('/info', SIGNAL);
  expect(asked).toEqual(expected);
});

test('knows Podman by its answer', async () => {
  const { path } = await engine((_, response) => {
    response.setHeader('API-Version', '1.41');
    response.setHeader('Libpod-API-Version', '4.3.1');
    response.setHeader('Server', 'Libpod/4.3.1 (linux)');
    response.end('OK');
  });
  expect(await clientOf(path).meet(SIGNAL)).toMatchObject({ isPodman: true, apiVersion: '1.41' });
});

test('a proxy that lets nobody ping is asked without a version', async () => {
  const { path, asked } = await engine(({ url }, response) => {
    if (url === '/_ping') response.writeHead(403).end('<html><body><h1>403 Forbidden</h1></body></html>');
    else response.end('[]');
  });
  const client = clientOf(path);
  await client.meet(SIGNAL);
  expect(await client.get('/containers/json', SIGNAL)).toEqual([]);
  expect(asked).toEqual(['/_ping', '/containers/json']);
});

test.each([
  [
    403,
    '<html>403</html>',
    /refuses GET \/containers\/json with 403; a socket proxy in between lets it through with CONTAINERS=1$/,
  ],
  [401, '', /with 401; give "username" and "password"$/],
  [400, 'Client sent an HTTP request to an HTTPS server.\n', /write the endpoint with https:\/\/, or give it "tls"$/],
  [500, '{"message":"something is\\nwrong"}', /with 500: something is wrong$/],
])('a refusal with %i says what to do', async (status, body, message) => {
  const { path } = await engine((_, response) => response.writeHead(status).end(body));
  await expect(clientOf(path).get('/containers/json?all=1', SIGNAL)).rejects.toThrow(message);
});

test('what is no answer of an engine is told as it begins', async () => {
  const { path } = await engine((_, response) => response.end('<!doctype html><title>Welcome</title>'));
  await expect(clientOf(path).get('/containers/json', SIGNAL)).rejects.toThrow(
    /is no JSON; it begins with "<!doctype html>/,
  );
});

test('an engine that is not there is told of with the likely reason', async () => {
  await expect(clientOf(join(directory, 'none.sock')).meet(SIGNAL)).rejects.toThrow(
    /cannot be asked: there is no such socket; Docker is not running/,
  );
  const file = join(directory, 'file.sock');
  const server = net.createServer().listen(file);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  writeFileSync(file, '');
  await expect(clientOf(file).meet(SIGNAL)).rejects.toThrow(/cannot be asked: nobody listens on the socket/);
});

test('waits so long for an answer, and for the rest of one', async () => {
  const silent = await engine(() => {});
  await expect(clientOf(silent.path, { timeoutMs: 50 }).meet(SIGNAL)).rejects.toThrow(
    /no answer within 0.05 s to GET \/_ping/,
  );
  const slow = await engine((_, response) => response.write('['));
  await expect(clientOf(slow.path, { timeoutMs: 50 }).get('/containers/json', SIGNAL)).rejects.toThrow(
    /no whole answer to GET \/containers\/json within 0.05 s/,
  );
});

test('ends at once when it is told to', async () => {
  const { path, server } = await engine(() => {});
  const ending = new AbortController();
  const asked = once(server, 'request');
  const answer = clientOf(path).get('/containers/json', ending.signal);
  await asked;
  ending.abort();
  await expect(answer).rejects.toThrow();
});

test('shows user and password to the engine, and to nobody else', async () => {
  const seen: (string | undefined)[] = [];
  const { path } = await engine(({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(403).end();
  });
  const refused: unknown = await clientOf(path, { username: 'some', password: 'body-4711' })
    .get('/info', SIGNAL)
    .catch((error: unknown) => error);
  expect(seen).toEqual([`Basic ${Buffer.from('some:body-4711').toString('base64')}`]);
  expect(String(refused)).not.toContain('4711');
});

test('a kept connection that the engine has closed costs no answer', async () => {
  const { path, asked, server } = await engine((_, response) => response.end('[]'));
  const client = clientOf(path);
  await client.get('/one', SIGNAL);
  server.keepAliveTimeout = 1;
  server.closeAllConnections();
  expect(await client.get('/two', SIGNAL)).toEqual([]);
  expect(asked).toEqual(['/one', '/two']);
});

const FILTERS = { type: ['container'] };

test('events come as they are written, whatever pieces they come in', async () => {
  const { path, asked } = await engine((_, response) => {
    response.write('{"Action":"sta');
    response.write('rt"}\n{"Action":"die"}\n\n{"Act');
    response.end('ion":"ü"}\n');
  });
  const events: unknown[] = [];
  let begun = 0;
  await clientOf(path).events(FILTERS, 1_700_000_001_999, SIGNAL, {
    begun: () => begun++,
    event: (event) => events.push(event),
  });
  expect(events).toEqual([{ Action: 'start' }, { Action: 'die' }, { Action: 'ü' }]);
  expect([begun, asked]).toEqual([1, ['/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D&since=1700000001']]);
});

test('an event without an end is not gathered without an end', async () => {
  const { path } = await engine((_, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  const events = clientOf(path).events(FILTERS, null, SIGNAL, { begun: () => {}, event: () => {} });
  await expect(events).rejects.toThrow(/an event is longer than 1024 KiB/);
});

test('a proxy that lets nobody follow says so with the switch', async () => {
  const { path } = await engine((_, response) => response.writeHead(403).end());
  const events = clientOf(path).events(FILTERS, null, SIGNAL, { begun: () => {}, event: () => {} });
  await expect(events).rejects.toThrow(CannotFollow);
  await expect(events).rejects.toThrow(/GET \/events with 403; .*EVENTS=1/);
});

test('an engine over TLS is believed by its authority, and shown a certificate', async () => {
  const [own, theirs] = [makePair(['router.test']), makePair(['127.0.0.1'])];
  const seen: string[] = [];
  const server = createSecureServer(
    { cert: theirs.certPem, key: theirs.keyPem, ca: own.certPem, requestCert: true },
    ({ socket }, response) => {
      seen.push((socket as TLSSocket).getPeerCertificate().subject?.CN?.toString() ?? 'nobody'); // Of such a server.
      response.end('OK');
    },
  );
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo; // It listens on a port.
  const endpoint = { kind: 'tcp', host: '127.0.0.1', port, isTls: true, base: '' } as const;
  const tls = { ca: theirs.certPem, cert: own.certPem, key: own.keyPem, insecureSkipVerify: false };
  await clientOf('', { endpoint, tls }).meet(SIGNAL);
  await clientOf('', { endpoint, tls: { ...tls, ca: undefined, insecureSkipVerify: true } }).meet(SIGNAL);
  expect(seen).toEqual(['router.test', 'router.test']);
  await expect(clientOf('', { endpoint, tls: { ...tls, ca: undefined } }).meet(SIGNAL)).rejects.toThrow(
    /give the authority of its certificate as "tls\.ca"$/,
  );
  const plain = { ...endpoint, isTls: false };
  await expect(clientOf('', { endpoint: plain }).meet(SIGNAL)).rejects.toThrow(/cannot be asked/);
});

test('an engine without TLS is told from one with it', async () => {
  const server = createServer((_, response) => response.end('OK'));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo; // It listens on a port.
  const endpoint = { kind: 'tcp', host: '127.0.0.1', port, isTls: true, base: '' } as const;
  await expect(clientOf('', { endpoint }).meet(SIGNAL)).rejects.toThrow(/does not speak TLS there; write .*tcp:/);
});

test('an engine on another machine is asked over ssh, as the docker command does it', async () => {
  const { path } = await engine(dockerOf('1.41', '1.12'));
  // Stands for ssh: says how it was called, and connects its standard streams to the socket.
  const ssh = join(directory, 'ssh.mjs');
  const script = `#!${process.execPath}
import { appendFileSync } from 'node:fs';
import { connect } from 'node:net';
appendFileSync(${JSON.stringify(join(directory, 'calls'))}, process.argv.slice(2).join(' ') + '\\n');
process.stdin.pipe(connect(${JSON.stringify(path)})).pipe(process.stdout);
`;
  writeFileSync(ssh, script);
  chmodSync(ssh, 0o755);
  const endpoint = { kind: 'ssh', user: 'deploy', host: 'host.test', port: '2222', path: '' } as const;
  const client = clientOf('', { endpoint, ssh });
  expect(await client.meet(SIGNAL)).toMatchObject({ apiVersion: '1.41' });
  expect(await client.get('/containers/json', SIGNAL)).toEqual([]);
  expect(readFileSync(join(directory, 'calls'), 'utf8')).toBe(
    '-o BatchMode=yes -o ConnectTimeout=30 -T -l deploy -p 2222 -- host.test docker system dial-stdio\n',
  );
});

test('what ssh says when it fails is told', async () => {
  const ssh = join(directory, 'failing-ssh');
  writeFileSync(ssh, '#!/bin/sh\necho "Permission denied (publickey)." >&2\nexit 255\n');
  chmodSync(ssh, 0o755);
  const endpoint = { kind: 'ssh', user: '', host: 'host.test', port: '', path: '' } as const;
  await expect(clientOf('', { endpoint, ssh }).meet(SIGNAL)).rejects.toThrow(
    /ssh:\/\/host\.test cannot be asked: .*has ended with 255: Permission denied \(publickey\)\./,
  );
  await expect(clientOf('', { endpoint, ssh: join(directory, 'no-ssh') }).meet(SIGNAL)).rejects.toThrow(
    /cannot be run/,
  );
});
