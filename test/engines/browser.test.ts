// A real browser in front of the router: HTTP/2 over TLS, WebSocket over it, and bodies in both directions.

import { createHash } from 'node:crypto';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram, missingPrograms } from '../support/engine.ts';
import { logLines } from '../support/laboratory.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { certificateFor } from '../support/tls-client.ts';

const missing = missingPrograms('chromium');
const PAGE = '<!doctype html><title>a page</title><p id="said">hello</p>';

/** Sends WebSocket messages of up to 125 bytes back. */
function echoServer(): Server {
  const server = http.createServer((request, response) => {
    if (request.url === '/length') {
      let length = 0;
      request.on('data', (chunk: Buffer) => (length += chunk.length));
      request.on('end', () => response.end(String(length)));
    } else if (request.url === '/large') response.end(Buffer.alloc(3_000_000, 'x'));
    else response.setHeader('Content-Type', 'text/html').end(PAGE);
  });
  server.on('upgrade', (request, socket) => {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => {});
    socket.on('data', (frame: Buffer) => {
      const opcode = frame[0]! & 15;
      const length = frame[1]! & 127;
      const mask = frame.subarray(2, 6);
      const text = frame.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index & 3]!);
      socket.write(Buffer.concat([Buffer.from([0x80 | opcode, length]), text]));
      if (opcode === 8) socket.end();
    });
  });
  return server;
}

describe.skipIf(missing !== null)(`Chromium${missing === null ? '' : ` (${missing})`}`, () => {
  let origin: Server;
  let router: RouterProcess;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    origin = echoServer();
    await new Promise<void>((resolve) => {
      origin.listen(0, '127.0.0.1', resolve);
    });
    const { certificate, key } = certificateFor(['localhost']);
    router = await startRouter({
      install: `
entryPoints: { web: { address: "127.0.0.1:0", http: { tls: {} } } }
accessLog: { format: json }
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: origin } }
  services: { origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${(origin.address() as AddressInfo).port}" }] } } }
tls: { certificates: [{ certFile: DIR/own.pem, keyFile: DIR/own.key }] }
`,
      files: { 'own.pem': certificate, 'own.key': key },
    });
    browser = await chromium.launch({
      executablePath: findProgram('chromium')!,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(`https://localhost:${router.ports['web']!}/`);
  });

  afterAll(async () => {
    await browser?.close();
    await router?.[Symbol.asyncDispose]();
    origin?.closeAllConnections();
    origin?.close();
  });

  test('shows a page that came over HTTP/2', async () => {
    expect(await page.locator('#said').textContent()).toBe('hello');
    // As text: the types of tests are those of Node.js.
    const protocol = await page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol');
    expect(protocol).toBe('h2');
  });

  test('sends and receives bodies larger than any window', async () => {
    const sizes = await page.evaluate(async () => {
      const sent = await fetch('/length', { method: 'POST', body: 'x'.repeat(5_000_000) });
      const received = await fetch('/large');
      return [await sent.text(), (await received.arrayBuffer()).byteLength];
    });
    expect(sizes).toEqual(['5000000', 3_000_000]);
  });

  test('talks WebSocket over the same HTTP/2 connection', async () => {
    const said = await page.evaluate(
      (url) =>
        new Promise<string[]>((resolve, reject) => {
          const heard: string[] = [];
          const socket = new WebSocket(url);
          socket.onerror = () => reject(new Error('the WebSocket failed'));
          socket.onopen = () => socket.send('one');
          socket.onmessage = ({ data }) => {
            heard.push(String(data));
            if (heard.length === 1) socket.send('two');
            else socket.close(1000);
          };
          socket.onclose = ({ code }) => resolve([...heard, String(code)]);
        }),
      `wss://localhost:${router.ports['web']!}/socket`,
    );
    expect(said).toEqual(['one', 'two', '1000']);
    await router.prints((printed) => printed.includes('"/socket"'));
    const line = logLines(router).find(({ RequestPath }) => RequestPath === '/socket');
    expect(line).toMatchObject({ RequestProtocol: 'HTTP/2.0' });
  });
});
