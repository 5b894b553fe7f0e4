// Every example of docs/middlewares.md runs as it stands, and does what the lines under it say.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../src/controlplane/config/document/document.ts';
import { MIDDLEWARES } from '../src/dataplane/middleware/registry.ts';
import { RawClient } from './support/raw-client.ts';
import { RecordingOrigin } from './support/recording-origin.ts';
import { RestRouter, type HttpSection } from './support/rest-router.ts';

const PAGE = readFileSync(new URL('../docs/middlewares.md', import.meta.url), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/```yaml\n([\s\S]*?)```\n\n```http\n([\s\S]*?)```/g)].map(([, yaml, lines]) => {
  const { http } = parseConfig('docs/middlewares.md', yaml!).value as { http: Required<HttpSection> }; // docs.test.ts decodes it.
  return { http, lines: lines!.trim().split('\n') };
});
/** The old name has no example: it would be a warning. */
const WITHOUT = new Set(['ipWhiteList', 'plugin']);

let origin: RecordingOrigin;
let pages: RecordingOrigin;
let router: RestRouter;

beforeAll(async () => {
  origin = await RecordingOrigin.start(({ socket }, bytes) => {
    const path = /^\w+ (\S+)/.exec(bytes)![1]!;
    const status = path === '/broken' ? '500 Broken' : '200 OK';
    const type = path === '/untyped' ? '' : 'Content-Type: application/json\r\n';
    const body = path === '/long' ? '{"a":1}'.repeat(1000) : path === '/untyped' ? '<html></html>' : '{}';
    socket.write(`HTTP/1.1 ${status}\r\nServer: app\r\n${type}Content-Length: ${body.length}\r\n\r\n${body}`);
  });
  pages = await RecordingOrigin.start(({ socket }, bytes) => {
    const body = `the page ${/^\w+ (\S+)/.exec(bytes)![1]!}`;
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  });
  router = await RestRouter.start({ services: {} });
});
beforeEach(() => {
  for (const { socket } of origin.connections) socket.destroy();
  origin.connections.length = 0;
});
afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
  await pages?.[Symbol.asyncDispose]();
});

/** Text with `…` for anything. */
function matches(text: string): RegExp {
  const parts = text.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}\r$`, 'im');
}

function check(line: string, head: string): void {
  if (line.startsWith('-')) expect(head).not.toMatch(new RegExp(`^${line.slice(1)}:`, 'im'));
  else expect(head).toMatch(matches(line));
}

test.each(
  EXAMPLES.map((example, index) => ({
    ...example,
    title: `${index + 1}: ${Object.keys(example.http.middlewares).join(', ')}`,
  })),
)('$title', async ({ http, lines }) => {
  // The first one named; others are what it refers to.
  const [name] = Object.keys(http.middlewares);
  const text = JSON.stringify({
    ...http,
    services: { ...http.services, app: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${origin.port}` }] } } },
  });
  const section = JSON.parse(text.replaceAll('127.0.0.1:9002', `127.0.0.1:${pages.port}`)) as HttpSection;
  const routers = { r: { rule: 'PathPrefix(`/`)', service: 'app', entryPoints: ['web'], middlewares: [name] } };
  expect(await router.put({ ...section, routers })).toEqual([]);
  const [start, ...rest] = lines;
  const fields = rest.filter((line) => !/^[<>] /.test(line)).map((line) => `${line}\r\n`);
  const method = start!.split(' ')[0]!;
  const request = `${start} HTTP/1.1\r\nHost: shop.test\r\n${fields.join('')}\r\n`;
  const response = await RawClient.exchange(router.process.ports['web']!, request, method);
  for (const line of rest.filter((one) => one.startsWith('< ')).map((one) => one.slice(2))) {
    if (/^\d{3}$/.test(line)) expect(response.status).toBe(Number(line));
    else if (line.startsWith('body: ')) expect(response.body).toBe(line.slice('body: '.length));
    else check(line, response.head);
  }
  for (const line of rest.filter((one) => one.startsWith('> ')).map((one) => one.slice(2))) {
    if (line === 'nothing') expect(origin.received).toBe('');
    else if (/^[A-Z]+ \//.test(line)) expect(origin.received.split(' HTTP/1.1')[0]).toBe(line);
    else check(line, origin.received);
  }
});

test('every kind has an example that says something', () => {
  const shown = new Set(
    EXAMPLES.flatMap(({ http }) => Object.values(http.middlewares).flatMap((one: object) => Object.keys(one))),
  );
  const missing = MIDDLEWARES.map(({ kind }) => kind).filter((kind) => !shown.has(kind) && !WITHOUT.has(kind));
  expect(missing).toEqual([]);
  for (const { kind } of MIDDLEWARES) expect(PAGE).toContain(kind);
  for (const { lines } of EXAMPLES) expect(lines.some((line) => /^[<>] /.test(line))).toBe(true);
});
