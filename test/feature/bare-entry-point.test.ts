// An entry point whose only router is not there, or not yet: whoever checks it by a handshake finds it alive.

import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';
import { certificateFor, tlsGet } from '../support/tls-client.ts';

const pair = certificateFor(['a.example']);

const router = await forFile(
  startRouter({
    install: `
entryPoints:
  websecure: { address: "127.0.0.1:0" }
  empty: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
providers: { file: { filename: DIR/routing.yml } }
`,
    files: {
      'a.pem': pair.certificate,
      'a.key': pair.key,
      'routing.yml': `
http:
  routers: { a: { rule: "Nonsense(", service: s, entryPoints: [websecure], tls: {} } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
tls: { certificates: [{ certFile: DIR/a.pem, keyFile: DIR/a.key }] }
`,
    },
  }),
);

test.each(['websecure', 'empty'])(
  '%s: the handshake completes with the certificate there is, and the answer is 404',
  async (name) => {
    const answer = await tlsGet(router.ports[name]!, { host: 'a.example', ALPNProtocols: ['http/1.1'] });
    expect(answer).toMatchObject({ status: 404, subject: 'a.example' });
  },
);

test('plain requests are answered there as well', async () => {
  const { status } = await RawClient.exchange(router.ports['empty']!, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(status).toBe(404);
});
