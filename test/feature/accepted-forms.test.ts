// Forms of configuration that Traefik takes, through the built program: each serves, and means what it says.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask } from '../support/middlewares.ts';
import { answerOk } from '../support/recording-origin.ts';

const CAT = 'cat:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';

const ROUTING = (port: number): string => `
x-shared:
  to-app: &to-app { service: app, entryPoints: [web] }
http:
  routers:
    guarded: { <<: *to-app, rule: "Host(\`guarded.test\`)", middlewares: [staff], priority: 9223372036854774807 }
    open: { <<: *to-app, rule: "PathPrefix(\`/\`)", priority: 1 }
    merged: { <<: *to-app, rule: "Host(\`merged.test\`)", middlewares: mark }
    elsewhere: { rule: "Host(\`elsewhere.test\`)", entryPoints: [nowhere, web], service: app, middlewares: [mark] }
    anywhere: { rule: "Host(\`anywhere.test\`)", entryPoints: [], service: app, middlewares: [mark] }
    nothing: { rule: "Host(\`nothing.test\`)", entryPoints: "\${EMPTY}", service: app, middlewares: [mark] }
    ported: { rule: "Host(\`ported.test\`) || Host(\`ported.test:8443\`)", service: app, middlewares: [mark] }
    squeezed: { rule: "Host(\`squeezed.test\`)", service: app, middlewares: [mark, squeeze, images, typed] }
    sticky: { rule: "Host(\`sticky.test\`)", service: kept, middlewares: [mark] }
    unsticky: { rule: "Host(\`unsticky.test\`)", service: loose, middlewares: [mark] }
    prefixed: { rule: "Host(\`prefixed.test\`)", service: app, middlewares: [prefix] }
    spaced: { rule: "Host(\`spaced.test\`)", service: app, middlewares: [space] }
    replaced: { rule: "Host(\`replaced.test\`)", service: app, middlewares: [replace] }
    stripped: { rule: "Host(\`stripped.test\`)", service: app, middlewares: [mark, strip, empty] }
    fields: { rule: "Host(\`fields.test\`)", service: app, middlewares: [fields] }
    cors: { rule: "Host(\`cors.test\`)", service: app, middlewares: [cors] }
    age: { rule: "Host(\`age.test\`)", service: app, middlewares: [age] }
    allowed: { rule: "Host(\`allowed.test\`)", service: app, middlewares: [mark, allowed] }
    servers: { rule: "Host(\`servers.test\`)", service: some, middlewares: [mark] }
    divided: { rule: "Host(\`divided.test\`)", service: none }
    clipped: { rule: "Host(\`clipped.test\`)", service: app, middlewares: [mark, pages] }
  middlewares:
    staff: { basicAuth: { users: ["old:secret", "${CAT}"] } }
    mark: { headers: { customRequestHeaders: { X-Mark: seen } } }
    squeeze: { compress: true }
    images: { compress: { excludedContentTypes: ["image/*"] } }
    typed: { contentType: true }
    prefix: { addPrefix: { prefix: noslash } }
    space: { addPrefix: { prefix: "/a b" } }
    replace: { replacePath: { path: "/new?x=1" } }
    strip: { stripPrefix: { prefixes: [x] } }
    empty: { chain: { middlewares: [] } }
    fields:
      headers:
        customRequestHeaders:
          Connection: Upgrade
          TE: trailers
          X-Version: 1.10
          X-Long: 12345678901234567890
          X-Euro: 5 €
        customResponseHeaders:
          Content-Length: 5
          Content-Security-Policy: |
            default-src 'self';
            img-src *
    cors: { headers: { accessControlAllowMethods: [GET], accessControlAllowOriginList: ["*"] } }
    age: { headers: { accessControlMaxAge: 0 } }
    allowed: { ipAllowList: { sourceRange: [10.0.0.0/99, "127.0.0.1"] } }
    pages: { errors: { status: ["600", "500-700"], service: app } }
  services:
    app: { loadBalancer: { servers: { url: "http://127.0.0.1:${port}" }, healthCheck: { path: "he alth?a=1#x", interval: -1s, headers: { Connection: close, user-agent: me } } } }
    kept: { loadBalancer: { sticky: { cookie: true }, servers: [{ url: "http://127.0.0.1:${port}" }], responseForwarding: { flushInterval: -1 } } }
    loose: { loadBalancer: { sticky: true, servers: [{ url: "http://127.0.0.1:${port}" }] } }
    some: { loadBalancer: { servers: [{ url: "localhost:1" }, { weight: 1 }, { url: "http://127.0.0.1:${port}" }] } }
    none: { weighted: { services: [] } }
`;

const INSTALL = `
entryPoints:
  web: { address: "127.0.0.1:0", http2: { maxConcurrentStreams: 0 }, transport: { respondingTimeouts: { writeTimeout: -1s } } }
  traefik: { address: "127.0.0.1:0" }
global: { checkNewVersion: false }
experimental: false
ping: true
accessLog: { format: clf, filters: { statusCodes: 200-700 }, fields: { names: { startutc: drop } } }
certificatesResolvers: { le: { acme: { dnsChallenge: { provider: hetzner } } } }
providers: { file: { directory: DIR/conf } }
`;

const { origin, router, web } = await startLab((originPort) => ({
  install: INSTALL,
  files: { 'conf/routing.yml': ROUTING(originPort), 'conf/package.json': '{"name":"x"}' },
  environment: {
    EMPTY: '',
    TZ: 'Asia/Kolkata',
    TRAEFIK_NETWORK: 'proxy',
    TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS: '',
  },
}));

function fieldOf(head: string, name: string): string | null {
  return new RegExp(`\r\n${name}: (.*)\r\n`, 'i').exec(head)?.[1] ?? null;
}

/** Status, and the request as the server saw it; '' when it saw none. */
async function through(
  name: string,
  path = '/w',
  fields = '',
): Promise<{ status: number; head: string; seen: string }> {
  let seen = '';
  origin.respond = (connection, bytes) => {
    if (!bytes.includes('health-check') && !bytes.includes('user-agent: me')) seen += bytes;
    answerOk(connection, bytes);
  };
  const { status, head } = await ask(web, name, path, { fields });
  return { status, head, seen };
}

test.each(['merged', 'elsewhere', 'anywhere', 'nothing', 'ported', 'squeezed', 'sticky', 'unsticky', 'stripped', 'allowed', 'servers', 'clipped'])(
  'the router "%s" is served, with its middlewares',
  async (name) => {
    const { status, seen } = await through(name);
    expect([status, fieldOf(seen, 'x-mark')]).toEqual([200, 'seen']);
  },
); // prettier-ignore

test('one user that cannot log in costs nobody else, and opens nothing', async () => {
  const as = async (credentials: string): Promise<number> => {
    const fields = `Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
    return (await through('guarded', '/', fields)).status;
  };
  expect((await through('guarded')).status).toBe(401);
  expect([await as('old:secret'), await as('cat:cat'), await as('cat:secret')]).toEqual([401, 401, 200]);
  expect(router.stderr()).toMatch(/warning .*staff\.basicAuth\.users\[0\]\n.*this user cannot log in/);
});

test('paths get the slash and the encoding that they lack', async () => {
  expect((await through('prefixed', '/y')).seen).toMatch(/^GET \/noslash\/y HTTP/);
  expect((await through('spaced', '/w')).seen).toMatch(/^GET \/a%20b\/w HTTP/);
  expect((await through('replaced', '/w?y=2')).seen).toMatch(/^GET \/new%3Fx=1\?y=2 HTTP/);
});

test('fields are sent as they are written, and those of the connection are left out', async () => {
  const { status, head, seen } = await through('fields');
  expect(status).toBe(200);
  expect(fieldOf(seen, 'x-version')).toBe('1.10');
  expect(fieldOf(seen, 'x-long')).toBe('12345678901234567890');
  expect(fieldOf(seen, 'x-euro')).toBe(Buffer.from('5 €').toString('latin1'));
  expect(fieldOf(seen, 'te')).toBeNull();
  expect(fieldOf(head, 'content-length')).toBe('2');
  expect(fieldOf(head, 'content-security-policy')).toBe("default-src 'self'; img-src *");
});

test('preflights say nothing of their age unless they are told', async () => {
  const preflight = async (name: string): Promise<string> => {
    const fields = 'Origin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n';
    return (await ask(web, name, '/', { method: 'OPTIONS', fields })).head;
  };
  expect(fieldOf(await preflight('cors'), 'access-control-max-age')).toBeNull();
  expect(fieldOf(await preflight('age'), 'access-control-max-age')).toBe('0');
});

test('stickiness needs a cookie, which may be true', async () => {
  expect((await through('sticky')).head).toMatch(/set-cookie: _[0-9a-f]{5}=/i);
  expect((await through('unsticky')).head).not.toMatch(/set-cookie/i);
});

test('a service that is divided between none answers 503', async () => {
  expect((await through('divided')).status).toBe(503);
});

test('checks ask for a path that a server understands, with the fields that are theirs to send', async () => {
  await origin.until(() => origin.received.includes('GET /he%20alth?a=1 HTTP/1.1'));
  const check = /GET \/he%20alth\?a=1 HTTP\/1\.1\r\n[^]*?\r\n\r\n/.exec(origin.received)![0];
  expect(check.match(/user-agent/gi)).toHaveLength(1);
  expect(check).not.toMatch(/\r\nConnection:/i);
});

test('the time in the log is that of the place, where it is not UTC', async () => {
  await through('open');
  await router.prints((printed) => / \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0530\] /.test(printed));
});
