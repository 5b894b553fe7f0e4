// Routers below routers, entry point redirections and rules in the older syntax, through the running router.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

async function get(router: RouterProcess, path: string, host = 'a', entryPoint = 'web'): Promise<{ status: number; head: string }> {
  return RawClient.exchange(router.ports[entryPoint]!, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
} // prettier-ignore

function family(port: number, child: string): string {
  return `http:
  routers:
    root: { rule: "Host(\`a\`)", middlewares: [marked] }
    child: { rule: "${child}", parentRefs: [root], service: s, middlewares: [answered] }
    between: { rule: "PathPrefix(\`/deep\`)", parentRefs: [root], middlewares: [moved] }
    leaf: { rule: "Path(\`/moved/deep/leaf\`)", parentRefs: [between], service: s }
    low: { rule: "PathPrefix(\`/\`)", priority: -1, service: s }
  middlewares:
    marked: { headers: { customRequestHeaders: { X-Marked: "yes" } } }
    answered: { headers: { customResponseHeaders: { X-Child: "yes" } } }
    moved: { addPrefix: { prefix: /moved } }
  services:
    s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}" }] } }
`;
}

const INSTALL = `entryPoints: { web: { address: "127.0.0.1:0" } }
providers: { providersThrottleDuration: 1ms, file: { filename: DIR/routing.yml } }
`;

test('children see what the middlewares above made of the request, and follow changes', async () => {
  await using origin = await RecordingOrigin.start();
  const files = { 'routing.yml': family(origin.port, 'Header(`X-Marked`, `yes`) && Path(`/child`)') };
  await using router = await startRouter({ install: INSTALL, files });
  const child = await get(router, '/child');
  expect(child.status).toBe(200);
  expect(child.head).toContain('X-Child: yes');
  expect((await get(router, '/deep/leaf')).status).toBe(200);
  expect(origin.received).toContain('GET /moved/deep/leaf HTTP/1.1');
  // The topmost router has taken the request: what no child takes is not offered to others.
  expect((await get(router, '/other')).status).toBe(404);
  expect((await get(router, '/other', 'b')).status).toBe(200);
  await writeFile(join(router.directory, 'routing.yml'), family(origin.port, 'Path(`/changed`)'));
  await router.sees('version=2 ');
  expect((await get(router, '/child')).status).toBe(404);
  expect((await get(router, '/changed')).status).toBe(200);
  const gone = family(origin.port, 'x').split('\n').filter((line) => !/^ {4}(?:child|between|leaf):/.test(line)).join('\n').replace('middlewares: [marked] }', 'service: s }');
  await writeFile(join(router.directory, 'routing.yml'), gone);
  await router.sees('version=3 ');
  expect((await get(router, '/changed')).head).not.toContain('X-Child');
  expect((await get(router, '/anything')).status).toBe(200);
}); // prettier-ignore

test('an entry point redirects to another, under its real port', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: `entryPoints:
  web: { address: "127.0.0.1:0", http: { redirections: { entryPoint: { to: ":8443", permanent: true } } } }
  plain: { address: "127.0.0.1:0" }
providers: { file: { filename: DIR/routing.yml } }
`,
    files: { 'routing.yml': family(origin.port, 'Path(`/child`)') },
  });
  const redirected = await get(router, '/child?a=b');
  expect(redirected.status).toBe(301);
  expect(redirected.head).toContain('Location: https://a:8443/child?a=b\r\n');
  expect((await get(router, '/child', 'a', 'plain')).status).toBe(200);
});

test('rules in the older syntax', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: `entryPoints: { web: { address: "127.0.0.1:0" } }
core: { defaultRuleSyntax: v2 }
http:
  routers:
    old: { rule: "Host(\`a\`, \`b\`) && Path(\`/items/{id:[0-9]+}\`)", service: s }
    new: { rule: "Header(\`X\`, \`1\`)", ruleSyntax: v3, service: s }
  services:
    s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
`,
  });
  expect((await get(router, '/items/12', 'b')).status).toBe(200);
  expect((await get(router, '/items/x', 'b')).status).toBe(404);
  expect((await get(router, '/items/12', 'c')).status).toBe(404);
});
