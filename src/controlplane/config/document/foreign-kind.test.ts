import { expect, test } from 'vitest';
import { decodeInstall } from '../install/load-install.ts';
import { decodeRouting } from '../routing/routing-config.ts';
import { parseConfig } from './document.ts';

const CADDYFILE = 'example.com {\n\treverse_proxy localhost:9000\n}\n';
const NGINX = 'server {\n  listen 80;\n  location /api/ {\n    proxy_pass http://127.0.0.1:9000;\n  }\n}\n';
const HAPROXY = 'frontend web\n  bind :80\n  default_backend app\n\nbackend app\n  server a 127.0.0.1:9000\n';
const COMPOSE = 'services:\n  web:\n    image: nginx\n    labels:\n      - traefik.enable=true\n';
const INGRESS_ROUTE = 'apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: { name: a }\nspec: {}\n';

test.each([
  ['a Caddyfile', 'Caddyfile', CADDYFILE, /^1:1 this is a Caddyfile, /],
  ['a short Caddyfile', 'Caddyfile', 'localhost\n\nreverse_proxy :9000\n', /this is a Caddyfile, /],
  ['nginx.conf', 'nginx.conf', NGINX, /^1:1 this is a configuration of nginx, /],
  ['haproxy.cfg', 'haproxy.cfg', HAPROXY, /^1:1 this is a configuration of HAProxy, /],
  ['a web page', 'a.yml', '<!DOCTYPE html>\n<html><head>\n</head>', /^1:1 this is a web page \(HTML\), /],
  ['a compose file', 'docker-compose.yml', COMPOSE, /^1:1 this is a compose file: /],
  ['labels', 'labels.yml', 'traefik.enable: true\ntraefik.http.routers.a.rule: x\n', /^1:1 these are labels, /],
  ['a list of labels', 'labels.yml', '- traefik.enable=true\n- traefik.http.routers.a.rule=x\n', /these are labels, /],
  ['the labels of a container', 'labels.yml', 'labels:\n  traefik.enable: "true"\n', /^1:1 these are labels, /],
  ['an object of Kubernetes', 'a.yml', INGRESS_ROUTE, /^2:1 this is a Kubernetes object \(IngressRoute\), /],
  ['several objects of Kubernetes', 'a.yml', `${INGRESS_ROUTE}---\n${INGRESS_ROUTE}`, /this is a Kubernetes object/],
])('%s is recognised, as routing and as install configuration, with one message', (_, name, text, expected) => {
  const routing = decodeRouting('file', parseConfig(name, text)).diagnostics;
  const install = decodeInstall(name, text).diagnostics;
  for (const found of [routing, install]) {
    expect(found.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([expect.stringMatching(expected)]);
    expect(found[0]).toMatchObject({ severity: 'error', code: 'wrong-kind-of-file' });
  }
}); // prettier-ignore

test('what only resembles another kind is read as it is', () => {
  const routing = 'http: { services: { web: { loadBalancer: { servers: [{ url: "http://a" }] } } } }\n';
  expect(decodeRouting('file', parseConfig('a.yml', routing)).diagnostics).toEqual([]);
  // Words of others in values and comments.
  const words = `# server { listen 80; }\n${routing}`;
  expect(decodeRouting('file', parseConfig('a.yml', words)).diagnostics).toEqual([]);
});

test.each([
  ['htpp: { routers: {} }', 'htpp: unknown option "htpp"; did you mean "http"?'],
  ['routers: { r: {} }', 'routers: "routers" belongs below "http:", or "tcp:" or "udp:"; nothing of the file is used'],
])('routing that has lost its first line is told as routing: %s', (text, expected) => {
  const { diagnostics } = decodeInstall('signalbox.yml', `entryPoints: { web: { address: ":80" } }\n${text}\n`);
  expect(diagnostics.map(({ path, message }) => `${path}: ${message}`)).toEqual([expected]);
});
