// redirectScheme and redirectRegex through the built program.

import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

const origin = await forFile(RecordingOrigin.start());
const install = installWithMiddlewares(origin.port, {
  tls: { redirectScheme: { scheme: 'https' } },
  moved: { redirectScheme: { scheme: 'https', port: '443', permanent: true } },
  port: { redirectScheme: { scheme: 'HTTPS', port: '8443' } },
  plain: { redirectScheme: { scheme: 'http' } },
  regex: { redirectRegex: { regex: '^http://regex.test/(?P<area>[a-z]+)/(.*)$', replacement: 'https://$area.test/${2}' } },
  forever: { redirectRegex: { regex: '^http://[^/]+/old(.*)$', replacement: 'http://new.test$1', permanent: true } },
  local: { redirectRegex: { regex: '^http://[^/]+/(.*)$', replacement: '/$1' } },
  same: { redirectRegex: { regex: '^http://same.test/(.*)$', replacement: 'http://same.test/$1' } },
  part: { redirectRegex: { regex: '/a/', replacement: '/b/' } },
  odd: { redirectRegex: { regex: '^.*$', replacement: 'https://odd.test/a b\\ü$1' } },
}); // prettier-ignore
const router = await forFile(startRouter({ install }));
const web = router.ports['web']!;
const trusted = router.ports['trusted']!;

test('the status depends on the method: only GET may change it', async () => {
  for (const [name, method, status] of [
    ['tls', 'GET', 302],
    ['tls', 'HEAD', 307],
    ['tls', 'POST', 307],
    ['tls', 'PURGE', 307],
    ['moved', 'GET', 301],
    ['moved', 'HEAD', 308],
    ['moved', 'DELETE', 308],
  ] as const) {
    const response = await ask(web, name, '/a?b=c', { method });
    expect([name, method, response.status]).toEqual([name, method, status]);
    expect(field(response, 'Location')).toBe(`https://${name}.test/a?b=c`);
  }
});

test('the body says what the status says', async () => {
  expect((await ask(web, 'moved', '/')).body).toBe('Moved Permanently');
  expect((await ask(web, 'tls', '/')).body).toBe('Found');
});

test.each([
  ['tls', 'tls.test:80', 'https://tls.test/'],
  ['tls', 'TLS.test:8080', 'https://tls.test/'],
  ['port', 'port.test', 'https://port.test:8443/'],
  ['port', 'port.test:8443', 'https://port.test:8443/'],
])('%s asked as %s leads to %s', async (name, host, location) => {
  expect(field(await ask(web, name, '/', { host }), 'Location')).toBe(location);
});

test('IPv6 hosts and the asterisk form keep their meaning', async () => {
  const install = {
    entryPoints: { web: { address: '127.0.0.1:0' }, traefik: { address: '127.0.0.1:0' } },
    http: {
      routers: {
        all: { rule: 'PathPrefix(`/`)', service: 'origin', middlewares: ['tls'] },
        star: { rule: 'Method(`OPTIONS`)', service: 'origin', middlewares: ['tls'] },
      },
      middlewares: { tls: { redirectScheme: { scheme: 'https' } } },
      services: { origin: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${origin.port}` }] } } },
    },
  };
  await using other = await startRouter({ install: JSON.stringify(install) });
  const port = other.ports['web']!;
  expect(field(await ask(port, '', '/x', { host: '[::1]:8080' }), 'Location')).toBe('https://[::1]/x');
  const star = await ask(port, '', '*', { method: 'OPTIONS', host: 'a.test' });
  expect([star.status, field(star, 'Location')]).toEqual([307, 'https://a.test']);
  // Without a host there is no absolute URL.
  expect((await RawClient.exchange(port, 'GET / HTTP/1.0\r\n\r\n')).status).toBe(400);
});

test('believes the scheme that a trusted proxy reports, and nobody else', async () => {
  for (const proto of ['https', 'wss', 'HTTPS', 'https, http']) {
    expect((await ask(trusted, 'tls', '/', { fields: `X-Forwarded-Proto: ${proto}\r\n` })).status).toBe(200);
    expect((await ask(web, 'tls', '/', { fields: `X-Forwarded-Proto: ${proto}\r\n` })).status).toBe(302);
  }
  for (const proto of ['http', 'ws', 'nonsense', 'http, https']) {
    expect((await ask(trusted, 'tls', '/', { fields: `X-Forwarded-Proto: ${proto}\r\n` })).status).toBe(302);
  }
  const back = await ask(trusted, 'plain', '/', { host: 'plain.test:443', fields: 'X-Forwarded-Proto: https\r\n' });
  expect(field(back, 'Location')).toBe('http://plain.test/');
});

test('a request that is where it should be passes', async () => {
  expect((await ask(web, 'plain', '/')).status).toBe(200);
  expect((await ask(web, 'plain', '/', { host: 'plain.test:80' })).status).toBe(200);
  const fields = 'X-Forwarded-Proto: https\r\n';
  expect((await ask(trusted, 'tls', '/', { host: 'tls.test:443', fields })).status).toBe(200);
  expect((await ask(trusted, 'port', '/', { host: 'port.test:8443', fields })).status).toBe(200);
});

test('a pattern redirects what it matches, with its groups', async () => {
  const response = await ask(web, 'regex', '/shop/a%20b?x=1', { host: 'Regex.Test:80' });
  expect([response.status, field(response, 'Location')]).toEqual([302, 'https://shop.test/a%20b?x=1']);
  expect((await ask(web, 'regex', '/7/x')).status).toBe(200);
  const forever = await ask(web, 'forever', '/old/x', { method: 'POST' });
  expect([forever.status, field(forever, 'Location')]).toEqual([308, 'http://new.test/x']);
  expect(field(await ask(web, 'part', '/a/x/a/'), 'Location')).toBe('http://part.test/b/x/b/');
});

test('a redirect never leads to itself, as URL or as path', async () => {
  expect((await ask(web, 'same', '/x')).status).toBe(200);
  expect((await ask(web, 'local', '/x?y=1')).status).toBe(200);
});

test('Location holds only what a URL may hold', async () => {
  const response = await ask(web, 'odd', '/');
  expect(field(response, 'Location')).toBe('https://odd.test/a%20b%5C%C3%BC');
});
