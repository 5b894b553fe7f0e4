import { expect, test } from 'vitest';
import { compile } from '../compile/compile.ts';
import { decodeInstall } from '../config/install-config.ts';
import { explain, type Explanation } from './explain.ts';

const { value: install } = decodeInstall(
  'a.yml',
  `entryPoints: { web: { address: ":80" }, other: { address: ":81" } }
http:
  routers:
    shop: { rule: "Host(\`shop.example\`) && PathPrefix(\`/cart\`)", service: s }
    posts: { rule: "Host(\`shop.example\`) && Method(\`POST\`)", service: s }
    asked: { rule: "Host(\`q.example\`) && Query(\`a\`, \`1\`) && !Header(\`X-A\`, \`1\`)", service: s }
    root: { rule: "Host(\`tree.example\`)", middlewares: [m] }
    leaf: { rule: "Path(\`/leaf\`)", parentRefs: [root], service: s }
    divided: { rule: "Host(\`canary.example\`)", service: canary }
    elsewhere: { rule: "PathPrefix(\`/\`)", service: s, entryPoints: [other] }
  middlewares: { m: { addPrefix: { prefix: /p } } }
  services:
    s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } }
    staged: { loadBalancer: { servers: [{ url: "http://127.0.0.1:2" }], middlewares: [m] } }
    canary: { weighted: { services: [{ name: s, weight: 9 }, { name: half }] } }
    half: { highestRandomWeight: { services: [{ name: s }, { name: staged }] } }
`,
);
const { sections } = compile(install!, [install!.routing!]);
const PORTS = new Map([
  ['web', 80],
  ['other', 81],
]);

function ask(url: string, method = 'GET', headers: Record<string, string> = {}): Explanation {
  const answer = explain(sections, PORTS, {
    url,
    method,
    headers: new Map(Object.entries(headers).map(([name, value]) => [name, [value]])),
    clientIp: '127.0.0.1',
    entryPoint: null,
  });
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}

test('a router that is true as well is outdone by its priority', () => {
  const { router, others } = ask('http://shop.example/cart/1', 'POST');
  expect(router).toBe('shop@install');
  expect(others.map((one) => `${one.router}: ${one.why}`)).toEqual([
    'posts@install: its rule is true as well; shop@install comes first with priority 43 to 38',
  ]);
});

test('a TCP router that takes the connection is named', () => {
  const { value } = decodeInstall(
    'a.yml',
    `entryPoints: { web: { address: ":80" }, secure: { address: ":443" } }
http:
  routers:
    plain: { rule: "PathPrefix(\`/\`)", service: s, entryPoints: [web] }
    named: { rule: "Host(\`a.example\`)", service: s, tls: {}, entryPoints: [secure] }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
tcp:
  routers:
    all: { rule: "HostSNI(\`*\`)", service: t, entryPoints: [web] }
    rest: { rule: "HostSNI(\`*\`)", service: t, tls: {}, entryPoints: [secure] }
  services: { t: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } }
`,
  );
  const result = compile(value!, [value!.routing!]);
  const explained = (url: string): Explanation => {
    const request = { url, method: 'GET', headers: new Map(), clientIp: '127.0.0.1', entryPoint: null };
    return explain(
      result.sections,
      new Map([
        ['web', 80],
        ['secure', 443],
      ]),
      request,
    ) as Explanation; // No question is wrong here.
  };
  expect(explained('http://a.example/')).toMatchObject({ router: null, tcpRouter: 'all@install' });
  expect(explained('https://a.example/').router).toBe('named@install');
  expect(explained('https://b.example/')).toMatchObject({ router: null, tcpRouter: 'rest@install' });
  expect(result.diagnostics.map(({ message }) => message)).toEqual([
    'on the entry point "web" this router takes every connection without TLS: its HTTP routers, such as plain@install, get none',
  ]);
});

test('what is false is said with what the request has', () => {
  const { router, others } = ask('http://q.example/?a=2', 'GET', { 'x-a': '1' });
  expect(router).toBeNull();
  expect(others[0]!.why).toBe(
    'Query(`a`, `1`) is false: the request has a: "2"; !Header(`x-a`, `1`) is false: the request has x-a: "1"',
  );
});

test('routers below are asked in turn, and what runs before them is noted', () => {
  const { router, chain, notes } = ask('http://tree.example/leaf');
  expect(router).toBe('leaf@install');
  expect(chain.map(({ name }) => name)).toEqual(['web', 'root@install', 'm@install', 'leaf@install', 's@install']);
  expect(notes).toHaveLength(1);
  expect(ask('http://tree.example/x')).toMatchObject({ router: null, taken: [{ router: 'root@install' }] });
});

test('services that divide requests are followed to the servers, each once', () => {
  expect(ask('http://canary.example/').chain.slice(2)).toEqual([
    { kind: 'service', name: 'canary@install', detail: 'one of s@install (9), half@install (1)' },
    { kind: 'service', name: 's@install', detail: 'http://127.0.0.1:1' },
    { kind: 'service', name: 'half@install', detail: 'one of s@install (1), staged@install (1)' },
    { kind: 'middleware', name: 'm@install', detail: 'addPrefix' },
    { kind: 'service', name: 'staged@install', detail: 'http://127.0.0.1:2' },
  ]);
});

test('the port chooses the entry point', () => {
  expect(ask('http://any.example:81/').router).toBe('elsewhere@install');
});

test('when nothing is alike, what is asked first is shown', () => {
  expect(ask('http://none.example/').others.map(({ router }) => router)).toEqual(['asked@install', 'shop@install', 'posts@install']);
}); // prettier-ignore

test('questions that make no sense are answered by what would', () => {
  const question = { method: 'GET', headers: new Map(), clientIp: '127.0.0.1', entryPoint: null };
  expect(explain(sections, PORTS, { ...question, url: 'shop' })).toContain('write it whole');
  expect(explain(sections, PORTS, { ...question, url: 'http://a:99/' })).toContain('known: web, other');
  expect(explain(sections, PORTS, { ...question, url: 'http://a/', entryPoint: 'x' })).toContain('there is no entry point "x"');
  expect(explain(sections, PORTS, { ...question, url: 'http://a/%zz' })).toContain('400');
}); // prettier-ignore
