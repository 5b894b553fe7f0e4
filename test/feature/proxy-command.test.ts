// `signalbox proxy` as the built program runs it.

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http, { type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { NamedOrigin } from '../support/named-origin.ts';
import { holdPort } from '../support/ports.ts';
import { tlsGet } from '../support/tls-client.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

let home: string;
let origin: NamedOrigin;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-home-'));
  origin = await NamedOrigin.start('hello');
});

afterAll(async () => {
  await origin?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

class Proxy {
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  #watchers = new Set<() => void>();
  said = '';
  printed = '';

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [MAIN, 'proxy', '--workers', '1', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment({ HOME: home }),
      cwd: home,
    });
    const wake = (): void => {
      for (const watcher of this.#watchers) watcher();
    };
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.said += chunk.toString();
      wake();
    });
    this.#child.stdout!.on('data', (chunk: Buffer) => {
      this.printed += chunk.toString();
      wake();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        resolve(code);
        wake();
      });
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.said}${this.printed}`);
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  async ready(): Promise<this> {
    await this.until(() => this.said.includes('Ctrl-C ends it.'));
    return this;
  }

  /** Of HTTPS, or of the redirection to it. */
  port(scheme: 'http' | 'https'): number {
    return Number(new RegExp(`^ *${scheme}://\\S+?:(\\d+)`, 'm').exec(this.said)![1]);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

const ANY = ['--port', '0', '--http-port', '0'];
const root = (): string => readFileSync(join(home, '.local/share/signalbox/authority/root.pem'), 'utf8');

test('several names with HTTPS that the authority’s users trust, a redirection, and a line for each request', async () => {
  const closed = holdPort();
  const pairs = ['app.localhost', String(origin.port), 'api.test', `127.0.0.1:${closed}`];
  await using proxy = await new Proxy(...pairs, ...ANY).ready();
  const port = proxy.port('https');
  expect(proxy.said).toContain(`https://app.localhost:${port}  to http://localhost:${origin.port}\n`);
  expect(proxy.said).toContain(`https://api.test:${port}       to http://127.0.0.1:${closed}\n`);
  expect(proxy.said).toContain('until "signalbox trust" has been run');
  await proxy.until(() => /api\.test (?:is not known|leads to)/.test(proxy.said));
  expect(proxy.said).toContain('add the line "127.0.0.1 api.test" to /etc/hosts');

  const trusting = { ca: root(), rejectUnauthorized: true };
  const app = await tlsGet(port, { host: 'app.localhost', path: '/a?b=c', ...trusting });
  expect(app).toMatchObject({ status: 200, body: expect.stringContaining('hello'), subject: 'app.localhost' });
  const api = await tlsGet(port, { host: 'api.test', ...trusting });
  expect(api).toMatchObject({ status: 502, subject: 'api.test' });
  expect((await tlsGet(port, { host: 'other.localhost' })).status).toBe(404);
  await proxy.until(() => proxy.printed.split('\n').length > 3);
  expect(proxy.printed).toMatch(/^\d\d:\d\d:\d\d {2}200 {2}GET {6}app\.localhost\/a\?b=c {2}[\d.]+ m?s$/m);
  expect(proxy.printed).toMatch(/502 .*\(nothing listens on 127\.0\.0\.1:\d+; is the server started\?\)$/m);
  expect(proxy.printed).toMatch(/404 .*\(no name that is served here\)$/m);
  expect(proxy.printed).not.toContain('\x1b');

  const options = { port: proxy.port('http'), path: '/x?y', headers: { Host: 'app.localhost' } };
  const plain = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ host: '127.0.0.1', ...options }, resolve).once('error', reject);
  });
  plain.resume();
  // For now: browsers would keep a permanent one for the next program on the port.
  expect(plain.statusCode).toBe(302);
  expect(plain.headers.location).toBe(`https://app.localhost:${port}/x?y`);
  proxy.signal('SIGINT');
  expect(await proxy.exited).toBe(0);
});

test('no configuration file is read', async () => {
  // One that would end any other command.
  writeFileSync(join(home, 'signalbox.yml'), 'nonsense: [');
  await using proxy = await new Proxy(String(origin.port), ...ANY).ready();
  const answer = await tlsGet(proxy.port('https'), { host: 'localhost', ca: root(), rejectUnauthorized: true });
  expect(answer).toMatchObject({ status: 200, subject: 'localhost' });
});

test('a port that is taken is told of, and what to do', async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const taken = String((server.address() as AddressInfo).port);
  try {
    const options = { environment: { HOME: home } };
    const https = await runCommand(['proxy', '3000', '--port', taken], options);
    expect([https.code, https.stderr]).toEqual([
      2,
      `proxy: nowhere to listen for HTTPS: port ${taken} is taken by another program. Name a port that is free with --port\n`,
    ]);
    const redirect = await runCommand(['proxy', '3000', '--port', '0', '--http-port', taken], options);
    expect([redirect.code, redirect.stderr]).toEqual([
      2,
      `proxy: port ${taken} is taken by another program. Name another one with --http-port, or leave it out\n`,
    ]);
    const text = await runCommand(['proxy', '3000', '--port', 'https'], options);
    expect([text.code, text.stderr]).toEqual([2, expect.stringContaining('--port takes a port from 1 to 65535')]);
    const homeless = await runCommand(['proxy', '3000']);
    expect([homeless.code, homeless.stderr]).toEqual([2, expect.stringContaining('set HOME or XDG_DATA_HOME')]);
  } finally {
    server.close();
  }
});

/**
 * What Vite’s server does with a WebSocket: looks at Host and Origin, and speaks `vite-hmr` or answers a `vite-ping`.
 */
function viteLike(allowed: (host: string) => boolean): Server {
  const server = http.createServer((request, response) => response.end(request.headers.host));
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    const { host = '', origin: from = '', 'sec-websocket-protocol': protocol = '' } = request.headers;
    const isSame = URL.canParse(from) && new URL(from).host === host;
    if (!allowed(host.replace(/:\d+$/, '')) || !isSame || !['vite-hmr', 'vite-ping'].includes(protocol)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const key = `${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
    );
    const message = Buffer.from('{"type":"connected"}');
    socket.write(Buffer.concat([Buffer.from([0x81, message.length]), message]));
    socket.on('data', () => {
      const update = Buffer.from('{"type":"update"}');
      socket.write(Buffer.concat([Buffer.from([0x81, update.length]), update]));
    });
  });
  return server;
}

describe('hot reload', () => {
  let vite: Server;
  let proxy: Proxy;

  beforeAll(async () => {
    vite = viteLike((host) => host === 'localhost' || host.endsWith('.localhost'));
    await new Promise<void>((resolve) => vite.listen(0, '127.0.0.1', resolve));
    const target = String((vite.address() as AddressInfo).port);
    proxy = await new Proxy('app.localhost', target, 'app.test', target, ...ANY).ready();
  });

  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    vite?.closeAllConnections();
    vite?.close();
  });

  function connect(host: string, protocol: string, from = `https://${host}:${proxy.port('https')}`): tls.TLSSocket {
    const port = proxy.port('https');
    const socket = tls.connect({ host: '127.0.0.1', port, servername: host, ca: root() }, () => {
      socket.write(
        `GET /?token=abc HTTP/1.1\r\nHost: ${host}:${port}\r\nOrigin: ${from}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
      );
    });
    socket.setEncoding('latin1');
    return socket;
  }

  function received(socket: tls.TLSSocket, text: string): Promise<string> {
    let all = '';
    return new Promise((resolve, reject) => {
      socket.on('data', (chunk: string) => {
        all += chunk;
        if (all.includes(text)) resolve(all);
      });
      socket.once('end', () => reject(new Error(`only ${all}`)));
      socket.once('error', reject);
    });
  }

  test.each(['vite-hmr', 'vite-ping'])('the socket of %s opens, and carries messages both ways', async (protocol) => {
    const socket = connect('app.localhost', protocol);
    const head = await received(socket, '{"type":"connected"}');
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(head.toLowerCase()).toContain(`sec-websocket-protocol: ${protocol}`);
    // "x", masked with zeros.
    socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x78]));
    await received(socket, '{"type":"update"}');
    socket.destroy();
  });

  test('a name or an origin that the server does not want is refused by the server', async () => {
    for (const socket of [
      connect('app.test', 'vite-hmr'),
      connect('app.localhost', 'vite-hmr', 'https://evil.example'),
    ]) {
      expect(await received(socket, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
      socket.destroy();
    }
  });

  test('open sockets do not hold up the end', async () => {
    const socket = connect('app.localhost', 'vite-hmr');
    await received(socket, '{"type":"connected"}');
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    proxy.signal('SIGINT');
    expect(await proxy.exited).toBe(0);
    await ended;
  });
});
