import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../config/document/document.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { decodeRouting } from '../config/routing/routing-config.ts';
import { compile, type CompileResult } from './compile.ts';
import { danglingNames } from './consistent.ts';

const INSTALL = decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!;

const VALID = `http:
  routers:
    shop:
      rule: Host(\`shop.example\`) && PathPrefix(\`/a\`)
      service: shop
      middlewares: [both, tag]
      entryPoints: [web]
      priority: 7
    blog:
      rule: Path(\`/blog\`)
      service: blog
  middlewares:
    strip:
      stripPrefix:
        prefixes: [/a]
    tag:
      headers:
        customRequestHeaders:
          X-Tag: shop
    both:
      chain:
        middlewares: [strip, tag]
  services:
    shop:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:9001
            weight: 2
          - url: http://[::1]:9002
    blog:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:9003
`;

function compileText(text: string): CompileResult {
  return compile(INSTALL, [decodeRouting('file', parseConfig('routing.yml', text))]);
}

/** What must hold of every result, whatever went in. */
function check({ sections, secrets, diagnostics, routers, middlewares, services }: CompileResult): void {
  expect(danglingNames(sections, secrets)).toEqual([]);
  for (const [name, router] of routers) {
    // In force or with a reason, never silently neither.
    const isServed = sections.routes[name]?.disabledStatus === 0;
    expect(isServed, name).toBe(router.errors.length === 0);
  }
  for (const [name, service] of services) expect(name in sections.services).toBe(service.errors.length === 0);
  for (const [kind, all] of [
    ['routers', routers],
    ['middlewares', middlewares],
    ['services', services],
  ] as const) {
    if (diagnostics.length >= 200) continue;
    for (const one of all.values()) {
      if (one.errors.length === 0) continue;
      const path = `http.${kind}.${one.object.name}`.toLowerCase();
      expect(
        diagnostics.some((found) => found.severity === 'error' && found.path.toLowerCase().startsWith(path)),
        `a diagnostic about ${path}`,
      ).toBe(true);
    }
  }
  for (const route of Object.values(sections.routes)) {
    expect(route.disabledStatus, route.name).toBe(routers.get(route.name)!.errors.length === 0 ? 0 : 503);
    if (route.disabledStatus > 0) continue;
    expect(sections.services[route.service]).toBeDefined();
    for (const stage of route.middlewares) expect(sections.middlewares[stage], stage).toBeDefined();
    for (const entryPoint of route.entryPoints) expect(sections.entryPoints[entryPoint]).toBeDefined();
  }
  // What crosses to a worker is plain.
  expect(JSON.parse(JSON.stringify(sections))).toEqual(structuredClone(sections));
}

test('the file the edits below start from is valid', () => {
  const result = compileText(VALID);
  expect(result.diagnostics).toEqual([]);
  expect(Object.keys(result.sections.routes)).toHaveLength(2);
  check(result);
});

const SNIPPETS = [' ', '\n', '  ', '-', ':', '`', '"', '&&', '!', '(', ')', '[', ']', '{', '}', '@', '@file', 'shop', 'both', 'null', '0', '-1', '*a', '&a ', 'servers', '__proto__', '\u0000', 'é', '{{', '<<: '] as const; // prettier-ignore

const edit = fc.record({
  at: fc.nat(VALID.length),
  remove: fc.nat(12),
  insert: fc.oneof(fc.constantFrom('', ...SNIPPETS), fc.string({ maxLength: 6 })),
});

test('random edits of a valid file never throw, and every object is in force or named in a diagnostic', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = VALID;
      for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
      check(compileText(text));
    }),
    { numRuns: 1_500 },
  );
});

test('random values in place of any option never throw, and cost only objects that are named', () => {
  const json = fc.jsonValue({ maxDepth: 2 });
  const options = fc.dictionary(
    fc.constantFrom('rule', 'service', 'middlewares', 'entryPoints', 'priority', 'loadBalancer', 'chain', 'headers', 'tls', 'x'),
    json,
    { maxKeys: 4 },
  ); // prettier-ignore
  const section = fc.dictionary(
    fc.constantFrom('shop', 'a b', 'toString', 'x@y', 'constructor'),
    fc.oneof(options, json),
  );
  fc.assert(
    fc.property(section, section, section, (routers, middlewares, services) => {
      check(compileText(JSON.stringify({ http: { routers, middlewares, services } })));
    }),
    { numRuns: 500 },
  );
});

test('an object beyond the kept diagnostics is still disabled, and so is what uses it', () => {
  const broken = Array.from({ length: 250 }, (_, index) => `    m${index}: { headers: { nope: 1 } }\n`).join('');
  const text = `http:\n  middlewares:\n${broken}  routers:\n    r: { rule: "Path(\`/\`)", service: s, middlewares: [m249] }\n  services:\n    s: { loadBalancer: { servers: [{ url: "http://a" }] } }\n`;
  const result = compileText(text);
  expect(result.middlewares.get('m249@file')!.errors).not.toEqual([]);
  expect(result.sections.routes['r@file']).toMatchObject({ disabledStatus: 503, middlewares: [], service: '' });
  expect(result.routers.get('r@file')!.errors).toEqual(['the middleware "m249" is disabled']);
});

test('chains that double with every level are refused, not unfolded', () => {
  const levels = Array.from({ length: 40 }, (_, level) => {
    const next = level === 39 ? 'leaf' : `c${level + 1}`;
    return `    c${level}: { chain: { middlewares: [${next}, ${next}] } }\n`;
  }).join('');
  const text = `http:\n  middlewares:\n    leaf: { addPrefix: { prefix: /x } }\n${levels}  routers:\n    r: { rule: "Path(\`/\`)", service: s, middlewares: [c0] }\n  services:\n    s: { loadBalancer: { servers: [{ url: "http://a" }] } }\n`;
  const result = compileText(text);
  expect(result.sections.routes['r@file']!.disabledStatus).toBe(503);
  expect(result.middlewares.get('c39@file')!.errors).toEqual([]);
  expect(result.middlewares.get('c0@file')!.errors).not.toEqual([]);
  check(result);
});
