// Documents describe the present: every YAML block parses as what it claims to be, generated pages are current, codes
// in tables are the codes in use, and the index has every page.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { DIAGNOSTIC_CODES } from '../src/model/diagnostic-codes.ts';
import { parseConfig } from '../src/controlplane/config/document/document.ts';
import { decodeInstall } from '../src/controlplane/config/install/load-install.ts';
import type { InstalledPlugins } from '../src/controlplane/config/install/plugins.ts';
import { installOptions } from '../src/controlplane/config/install/install-options.ts';
import { OBJECT_KINDS, ROUTING_PARTS, sectionsOf } from '../src/controlplane/config/routing/object-kinds.ts';
import { middlewareOptions } from '../src/controlplane/config/routing/routing-options.ts';
import { operatorSubstitutions } from '../src/controlplane/config/install/operator-substitutions.ts';
import { decoderOf } from '../src/controlplane/providers/define.ts';
import { fileProvider } from '../src/controlplane/providers/file/file-provider.ts';
import { parseArguments } from '../src/cli/arguments.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { renderGenerated } from '../tools/generated.ts';
import { FAILURES } from '../src/dataplane/http/failure.ts';
import { MIDDLEWARES } from '../src/dataplane/middleware/registry.ts';
import { loadPlugin } from '../src/dataplane/middleware/plugin/plugin-loader.ts';
import type { Schema } from '../src/schema/schema.ts';
import { isMap } from '../src/schema/input.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function files(directory: string, ending: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory())
      return ['node_modules', 'dist', '.git', '.bench'].includes(entry.name) ? [] : files(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

const documents = files(ROOT, '.md');

/** Documents use the plugin of the example. */
async function documentedPlugins(): Promise<InstalledPlugins> {
  const module = { name: 'tenant', url: new URL('../examples/plugin/tenant.ts', import.meta.url).href };
  return { modules: [module], known: new Map([['tenant', (await loadPlugin(module)).options]]) };
}

/** Of a machine that runs the router, or in the folder of who follows the page, made by a command that it shows. */
function isElsewhere(code: string, message: string): boolean {
  return code === 'file-unreadable' && /"(?:\/etc\/signalbox\/|[\w.-]+")/.test(message);
}

/** Files of other programs, which say so in their first line. */
const OTHERS = /^# (?:docker-compose|prometheus)\S*\.yml\n/;

test('every YAML block is a configuration without a word to say against it', async () => {
  const plugins = await documentedPlugins();
  let blocks = 0;
  for (const document of documents) {
    for (const [, yaml] of readFileSync(document, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)) {
      blocks++;
      const { value } = parseConfig('block.yml', yaml!);
      expect(isMap(value)).toBe(true);
      if (OTHERS.test(yaml!)) continue;
      const isRouting = Object.keys(value as object).every((key) => ['http', 'tls'].includes(key)); // A map, as asserted.
      const { diagnostics } = isRouting
        ? decoderOf(fileProvider, operatorSubstitutions({}), plugins.known)(parseConfig('block.yml', yaml!))
        : decodeInstall('block.yml', yaml!, plugins);
      // Files of a machine that runs the router; the page's own test puts some there.
      const wrong = diagnostics.filter(({ code, message }) => !isElsewhere(code, message));
      expect([relative(ROOT, document), wrong]).toEqual([relative(ROOT, document), []]);
    }
  }
  expect(blocks).toBeGreaterThan(5);
});

test('generated files are current; npm run generate writes them', async () => {
  for (const [path, text] of Object.entries(await renderGenerated())) {
    expect([path, readFileSync(join(ROOT, path), 'utf8') === text]).toEqual([path, true]);
  }
});

test('the JSON Schemas take every YAML block and example, and refuse what the program refuses', () => {
  const ajv = new Ajv2020({ strict: false });
  const read = (name: string): object => JSON.parse(readFileSync(join(ROOT, 'schema', name), 'utf8')) as object; // Ours.
  const [install, routing] = [ajv.compile(read('install.json')), ajv.compile(read('routing.json'))];
  const examples = files(join(ROOT, 'examples'), '.yml').filter((file) => !file.endsWith('/docker-compose.yml'));
  const texts = documents
    .flatMap((document) =>
      [...readFileSync(document, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!),
    )
    .filter((yaml) => !OTHERS.test(yaml))
    .concat(examples.map((file) => readFileSync(file, 'utf8')));
  for (const text of texts) {
    const { value } = parseConfig('block.yml', text);
    const isRouting = Object.keys(value as object).every((key) => key === 'http'); // A map, by the test above.
    const schema = isRouting ? routing : install;
    expect([text, schema(value), schema.errors]).toEqual([text, true, null]);
  }
  for (const [schema, wrong] of [
    [install, { entryPoint: {} }],
    [install, { entryPoints: { web: {} } }],
    [install, { log: { level: 'loud' } }],
    [install, { entryPoints: { web: { address: ':1', reusePort: 'perhaps' } } }],
    [routing, { http: { routers: { r: { service: 's' } } } }],
    [routing, { http: { services: { s: { loadBalancer: { servers: [{ weight: 1 }] } } } } }],
    [routing, { http: { middlewares: { m: { addPrefix: { prefix: '/a', extra: 1 } } } } }],
  ] as const) {
    expect([JSON.stringify(wrong), schema(wrong)]).toEqual([JSON.stringify(wrong), false]);
  }
});

test('every command in the documents is one that the program takes, and every command is shown', () => {
  const shown = new Set<string>();
  for (const document of documents) {
    for (const [, line] of readFileSync(document, 'utf8').matchAll(/^\$ (?:[A-Z_]+=\S+ )*signalbox (.*)$/gm)) {
      const [name = '', ...words] = line!.replace(/\s+#.*$/, '').split(' ');
      const command = COMMANDS.find((one) => one.name === name);
      const args =
        command === undefined ? 'no such command' : parseArguments(words, command.flags, command.takesOptions);
      expect([document, line, typeof args]).toEqual([document, line, 'object']);
      shown.add(name);
    }
  }
  expect(COMMANDS.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
});

test('the program in the page on embedding runs as it stands there', async () => {
  const page = readFileSync(join(ROOT, 'docs/embedding.md'), 'utf8');
  const program = /```ts\n([\s\S]*?)```/.exec(page)![1]!;
  const url = new URL('../dist/index.js', import.meta.url).href;
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    program.replace("'signalbox'", JSON.stringify(url)),
  ]);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect([code, said]).toEqual([0, expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\n/)]);
  expect(said).toContain('\n[]\n');
});

test('every diagnostic code in use is in the table, and none is left over', () => {
  const used = new Set<string>();
  for (const file of files(join(ROOT, 'src'), '.ts')) {
    if (file.endsWith('.test.ts') || file.endsWith('diagnostic-codes.ts')) continue;
    const text = readFileSync(file, 'utf8');
    for (const code of Object.keys(DIAGNOSTIC_CODES)) if (text.includes(`'${code}'`)) used.add(code);
    for (const [, code] of text.matchAll(/(?:code: |'(?:error|warning)',\s*)'([a-z]+(?:-[a-z]+)+)'/g)) used.add(code!);
  }
  expect([...used].toSorted()).toEqual(Object.keys(DIAGNOSTIC_CODES).toSorted());
});

test('the page on failures has every flag that is our own 5xx, under its status, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs/failures.md'), 'utf8');
  const shown: string[] = [];
  for (const section of page.split('\n## ').slice(1)) {
    for (const [, flag] of section.matchAll(/^\| `(\w+)`/gm)) shown.push(`${section.slice(0, 3)} ${flag!}`);
  }
  // 501 and 505 answer what the client asked for.
  const flags = Object.values(FAILURES).filter(({ side, status }) => status >= 500 && side !== 'downstream');
  expect(shown.toSorted()).toEqual(flags.map(({ status, flag }) => `${status} ${flag}`).toSorted());
});

test('every page leads to the one that explains its words', () => {
  const pages = files(join(ROOT, 'docs'), '.md').filter((page) => !/\/(?:concepts|benchmarks)\.md$/.test(page));
  const without = pages.filter((page) => !/\]\((?:\.\.\/)?concepts\.md/.test(readFileSync(page, 'utf8')));
  expect(without.map((page) => relative(ROOT, page))).toEqual([]);
});

test('pictures say what is in them, and have colours for both schemes', () => {
  const pictures = files(join(ROOT, 'docs/pictures'), '.svg');
  expect(pictures).toHaveLength(3);
  for (const picture of pictures) {
    const text = readFileSync(picture, 'utf8');
    expect(text).toMatch(/aria-label="[^"]{10}/);
    expect(text).toContain('@media (prefers-color-scheme: dark)');
  }
});

test('the index leads to every page', () => {
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8');
  const pages = files(join(ROOT, 'docs'), '.md').map((page) => relative(join(ROOT, 'docs'), page));
  expect(pages.filter((page) => page !== 'README.md' && !index.includes(`](${page})`))).toEqual([]);
});

/** Every option below a section, as the reference writes it. */
function optionsBelow(schema: Schema<unknown>, prefix: string): readonly string[] {
  if (schema.fields === null) {
    return schema.item === undefined ? [] : optionsBelow(schema.item, `${prefix}${schema.itemSuffix}`);
  }
  return Object.entries(schema.fields).flatMap(([name, field]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    return [path, ...(field.later === null ? optionsBelow(field.schema, path) : [])];
  });
}

test('every option has a place in the reference', () => {
  const read = (name: string): string => readFileSync(join(ROOT, 'docs/reference', name), 'utf8');
  const missing = (text: string, schema: Schema<unknown>): readonly string[] =>
    optionsBelow(schema, '').filter((path) => !text.includes(`\`${path}\``));
  expect(missing(read('install.md'), installOptions)).toEqual([]);
  const sections = read('routing.md').split(/^## /m);
  for (const [name, section] of ROUTING_PARTS.flatMap((part) =>
    sectionsOf(part).map(([key, one]) => [`${part}.${key}`, one] as const),
  )) {
    const { options, isList } = OBJECT_KINDS[section];
    const title = isList === true ? `\`${name}\`\n` : `\`${name}.<name>\`\n`;
    const text = sections.find((one) => one.startsWith(title));
    expect([title, text !== undefined]).toEqual([title, true]);
    if (name !== 'http.middlewares') expect([title, missing(text!, options)]).toEqual([title, []]);
  }
  const kinds = read('middlewares.md').split(/^## /m);
  for (const { kind } of MIDDLEWARES) {
    const text = kinds.find((one) => one.startsWith(`${kind}\n`));
    const { schema } = middlewareOptions.fields![kind]!;
    expect([kind, missing(text ?? '', schema)]).toEqual([kind, []]);
  }
});
