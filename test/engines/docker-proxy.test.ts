// A real engine behind a socket proxy that lets only some questions through, as people put one in front of it.

import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, expect, test } from 'vitest';
import { missingDocker } from '../support/docker-engine.ts';
import { createDocker, DockerFixture } from '../support/docker-fixture.ts';
import { Listener } from '../support/source-suite.ts';

const missing = missingDocker();
const proxyTest = test.skipIf(missing !== null);
if (missing !== null) test.skip(`Docker behind a socket proxy (${missing})`, () => {});

/** What it refuses, by its path. */
let refused = /^$/;
const asked = new Set<string>();

async function startProxy(socketPath: string): Promise<Server> {
  const server = createServer(({ method = '', url = '', headers }, response) => {
    asked.add(
      `${method} ${url
        .replace(/^\/v[\d.]+/, '')
        .replace(/\?.*/, '')
        .replace(/[0-9a-f]{64}/, 'ID')}`,
    );
    if (refused.test(url)) {
      response.writeHead(403, { 'Content-Type': 'text/html' }).end('<html><body><h1>403 Forbidden</h1></body></html>');
      return;
    }
    const onward = request({ socketPath, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    response.once('close', () => onward.destroy());
    onward.once('error', () => response.destroy());
    onward.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const fixture = missing === null ? await DockerFixture.start() : null;
const proxy = fixture === null ? null : await startProxy(fixture.engine.socket);
const listeners: Listener[] = [];

afterAll(async () => {
  proxy?.close();
  proxy?.closeAllConnections();
  await fixture?.[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.stop();
  await fixture?.clear();
  refused = /^$/;
});

function listen(): Listener {
  const { port } = proxy!.address() as AddressInfo; // It listens on a port.
  const options = `{ endpoint: "tcp://127.0.0.1:${port}", resyncInterval: 1s, httpClientTimeout: 1h }`;
  const listener = new Listener({ create: (context) => createDocker(options, context) });
  listeners.push(listener);
  return listener;
}

proxyTest('asks nothing but what the page says, and all of it with GET', async () => {
  await fixture!.put('one');
  const listener = listen();
  await listener.sees('one');
  await listener.hears('reached');
  const expected = ['GET /_ping', 'GET /containers/ID/json', 'GET /containers/json', 'GET /events'];
  expect([...asked].toSorted()).toEqual(expected);
});

proxyTest('without EVENTS changes are seen at the next look, and the log says what to switch on', async () => {
  refused = /\/events/;
  const listener = listen();
  await listener.sees();
  await fixture!.put('one');
  await listener.sees('one');
  await fixture!.remove('one');
  await listener.sees();
  expect(listener.count('away')).toBe(0);
  const warnings = listener.log.records.filter(({ level }) => level === 'warn');
  expect(warnings.map(({ message, fields }) => [message, fields['reason']])).toEqual([
    [
      'the source of a provider does not let itself be followed: changes are seen every 1 s alone',
      expect.stringMatching(/refuses GET \/events with 403; .*EVENTS=1/) as string,
    ],
  ]);
});

proxyTest('without CONTAINERS nothing is known, and the reason says what to switch on', async () => {
  await fixture!.put('one');
  refused = /\/containers/;
  const listener = listen();
  await listener.hears('away');
  expect(listener.config).toBeNull();
  expect(listener.told.at(-1)).toMatch(/refuses GET \/containers\/json with 403; .*CONTAINERS=1/);
  refused = /^$/;
  await listener.sees('one');
});

proxyTest('without PING the engine is asked in its own version', async () => {
  await fixture!.put('one');
  refused = /_ping/;
  await listen().sees('one');
});
