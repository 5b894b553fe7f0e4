import { expect, test } from 'vitest';
import type { ServerHealth } from '../../../model/server-health.ts';
import { compile } from '../../compile/compile.ts';
import { decodeInstall } from '../../config/install/load-install.ts';
import { explain, type ExplainKnowledge, type Explanation } from './explain.ts';
import { explainKnowledge } from './knowledge.ts';

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
const PORTS: ExplainKnowledge = {
  ports: new Map([
    ['web', 80],
    ['other', 81],
  ]),
  causeOf: () => null,
  unplaced: [],
  isUp: () => null,
};

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
      {
        ...PORTS,
        ports: new Map([
          ['web', 80],
          ['secure', 443],
        ]),
      },
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

function troubled(url: string): Explanation {
  const { value } = decodeInstall(
    'a.yml',
    `entryPoints: { web: { address: ":80" }, other: { address: ":81" } }
http:
  routers:
    app: { rule: "Host(\`app.test\`)", service: s, entryPoints: [web] }
    api: { rule: "Host(\`app.test\`) && PathPrefix(\`/api\`)", service: s, entryPoints: [other] }
    staff: { rule: "Host(\`staff.test\`)", service: s, middlewares: [nobody], entryPoints: [web] }
    typo: { rule: "Host('bad.test')", service: s, entryPoints: [web] }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }, { url: "http://127.0.0.1:2" }] } } }
`,
  );
  const result = compile(value!, [value!.routing!]);
  const health = [
    { url: 'http://127.0.0.1:1', isUp: true },
    { url: 'http://127.0.0.1:2', isUp: false },
  ] as unknown as readonly ServerHealth[]; // What is looked at.
  const knowledge = explainKnowledge(result, PORTS.ports, () => health);
  const request = { url, method: 'GET', headers: new Map(), clientIp: '127.0.0.1', entryPoint: null };
  return explain(result.sections, knowledge, request) as Explanation; // No question is wrong here.
}

test('a router on another entry point is named, whether or not somebody takes the request', () => {
  expect(troubled('http://app.test:81/').notes).toContain(
    'the rule of app@install is true, but it stands on web, not on other',
  );
  const taken = troubled('http://app.test/api');
  expect(taken.router).toBe('app@install');
  expect(taken.notes).toEqual(['the rule of api@install is true, but it stands on other, not on web']);
});

test('a disabled router is named with its cause and its place', () => {
  const { router, disabled, notes } = troubled('http://staff.test/');
  expect({ router, disabled }).toEqual({ router: null, disabled: { router: 'staff@install', status: 503 } });
  expect(notes).toEqual([
    'staff@install is disabled and answers 503 itself: there is no middleware "nobody" (a.yml:6:5)',
  ]);
});

test('a router whose rule nobody can read is named to those it seems made for', () => {
  const { notes } = troubled('http://bad.test/');
  expect(notes[0]).toMatch(/^typo@install takes no requests at all: single quotes.*\(a\.yml:7:5\)$/);
  expect(troubled('http://app.test/').notes).toEqual([]);
});

test('servers that are down are marked', () => {
  expect(troubled('http://app.test/').chain.at(-1)).toMatchObject({
    name: 's@install',
    detail: 'http://127.0.0.1:1, http://127.0.0.1:2 (down)',
  });
});

test('a path without a host is a path', () => {
  const { request, entryPoint, notes } = troubled('/api/users?x=1');
  expect({ request, entryPoint }).toMatchObject({
    request: { host: 'localhost', path: '/api/users', query: 'x=1' },
    entryPoint: 'web',
  });
  expect(notes[0]).toContain('no host was named');
});

test('the cause is followed to where it began', () => {
  const { value } = decodeInstall(
    'a.yml',
    `entryPoints: { web: { address: ":80" } }
http:
  routers: { r: { rule: "PathPrefix(\`/\`)", service: s, middlewares: [all] } }
  middlewares:
    all: { chain: { middlewares: [staff] } }
    staff: { basicAuth: { users: ["a:b"] } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
`,
  );
  const result = compile(value!, [value!.routing!]);
  expect(explainKnowledge(result, new Map(), () => null).causeOf('r@install')).toMatch(
    /^the middleware "all" is disabled: the member "staff@install" is disabled: the password hash is none of .* \(a\.yml:3:14\)$/,
  );
});
