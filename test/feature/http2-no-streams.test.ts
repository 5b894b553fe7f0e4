// A server that speaks HTTP/2 and allows no request (SETTINGS_MAX_CONCURRENT_STREAMS of 0, RFC 9113, section 6.5.2).

import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { RestRouter } from '../support/rest-router.ts';

test('a request for it is refused, also when nothing limits the wait', async () => {
  const server = http2.createServer({ settings: { maxConcurrentStreams: 0 } });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // TCP.
  {
    await using router = await RestRouter.start({
      services: { s: { loadBalancer: { servers: [{ url: `h2c://127.0.0.1:${port}` }], serversTransport: 't' } } },
      serversTransports: { t: { forwardingTimeouts: { dialTimeout: '0s', responseHeaderTimeout: '0s' } } },
    });
    expect(await router.count(1)).toEqual({ 502: 1 });
  }
  for (const session of sessions) session.destroy();
  server.close();
});
