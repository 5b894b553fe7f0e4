// Starts a router with the plugin and asks it. Run it with `node --test`.

import assert from 'node:assert/strict';
import { createServer, get } from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRouter } from 'signalbox';

/** Status and fields of the answer to a request for the host. */
async function ask(url, host, headers = {}) {
  const [response] = await once(get(url, { headers: { ...headers, host } }), 'response');
  response.resume();
  return { status: response.statusCode, tenant: response.headers['x-tenant'] };
}

test('known tenants pass and are named, others are answered 404', async () => {
  const seen = [];
  const service = createServer((request, response) => {
    seen.push(request.headers['x-tenant']);
    response.end();
  });
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const router = await startRouter({
    entryPoints: { web: { address: '127.0.0.1:0' } },
    plugins: { tenant: { path: fileURLToPath(new URL('tenant.ts', import.meta.url)) } },
    log: { level: 'warn' },
    http: {
      routers: { app: { rule: 'PathPrefix(`/`)', service: 'app', middlewares: ['customers'] } },
      middlewares: { customers: { plugin: { tenant: { tenants: ['acme'] } } } },
      services: { app: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${service.address().port}` }] } } },
    },
  });
  const { url } = router.addresses.web;
  assert.deepEqual(router.diagnostics, []);
  assert.deepEqual(await ask(url, 'acme.example', { 'x-tenant': 'forged' }), { status: 200, tenant: 'acme' });
  assert.deepEqual(await ask(url, 'nobody.example'), { status: 404, tenant: undefined });
  assert.deepEqual(seen, ['acme']);
  await router.stop();
  service.close();
});
