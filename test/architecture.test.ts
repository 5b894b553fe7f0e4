// The layer table of ARCHITECTURE.md as a test: a file imports from lower layers and its own folder, third-party
// packages only where they are meant to be, and no file takes part in an import cycle.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** Folder to layer; the longest prefix counts. */
const LAYERS: Readonly<Record<string, number>> = {
  core: 0,
  schema: 1,
  model: 1,
  observe: 1,
  'dataplane/live': 1,
  'dataplane/net': 2,
  'dataplane/tls': 2,
  'dataplane/http': 3,
  'dataplane/http1': 4,
  'dataplane/http2': 4,
  'dataplane/match': 4,
  'dataplane/downstream': 5,
  'dataplane/upstream': 5,
  'dataplane/balance': 6,
  'dataplane/middleware': 7,
  'dataplane/tcp': 7,
  'dataplane/udp': 7,
  'dataplane/engine': 8,
  supervisor: 9,
  'controlplane/config': 8,
  'controlplane/providers': 9,
  // Its options are those of the providers as well.
  'controlplane/config/install': 10,
  'controlplane/compile': 11,
  'controlplane/store': 11,
  'controlplane/pipeline': 12,
  'controlplane/acme': 12,
  'controlplane/ocsp': 12,
  'controlplane/local-authority': 12,
  api: 13,
  app: 14,
  cli: 14,
  '': 14,
};

/** Siblings of one layer that may be imported all the same: plain types that everybody speaks. */
const SHARED = new Set(['model']);

/** Third-party packages and the folders that may import them; the reasons are in CONTRIBUTING.md. */
const THIRD_PARTY: Readonly<Record<string, readonly string[]>> = {
  'js-yaml': ['controlplane/config'],
  yaml: ['controlplane/config'],
  'smol-toml': ['controlplane/config'],
  jiti: ['controlplane/config', 'dataplane/middleware'],
  bcryptjs: ['dataplane/middleware'],
  re2js: ['dataplane/match'],
  pino: ['core'],
  '@peculiar/x509': ['controlplane/acme'],
  '@peculiar/asn1-ocsp': ['controlplane/ocsp'],
  '@peculiar/asn1-schema': ['controlplane/ocsp'],
  '@peculiar/asn1-x509': ['controlplane/ocsp'],
};

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') && !/\.test\.ts$|\.d\.ts$/.test(entry.name) ? [path] : [];
  });
}

function folderOf(path: string): string {
  const folder = dirname(relative(SRC, path));
  const known = Object.keys(LAYERS).filter((name) => name !== '' && (folder === name || folder.startsWith(`${name}/`)));
  if (folder === '.') return '';
  if (known.length === 0) throw new Error(`src/${folder} is in no layer`);
  return known.toSorted((a, b) => b.length - a.length)[0]!;
}

interface Import {
  readonly from: string;
  readonly specifier: string;
}

function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+'([^']+)'|import\('([^']+)'\)/g)].map(
    (match) => ({
      from: path,
      specifier: match[1] ?? match[2]!,
    }),
  );
}

const files = sources(SRC);
const imports = files.flatMap(importsOf);

test('files import from lower layers and their own folder only', () => {
  expect(files.length).toBeGreaterThan(50);
  const wrong = imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .filter(({ from, specifier }) => {
      const own = folderOf(from);
      const other = folderOf(resolve(dirname(from), specifier));
      if (own === other) return false;
      if (SHARED.has(other) && LAYERS[own]! >= LAYERS[other]!) return false;
      // The composition root and the commands are one layer.
      if (LAYERS[own] === 14 && LAYERS[other] === 14) return false;
      return LAYERS[other]! >= LAYERS[own]!;
    })
    .map(({ from, specifier }) => `${relative(SRC, from)} imports ${specifier}`);
  expect(wrong).toEqual([]);
});

test('no folder has more than twenty files', () => {
  const counts = new Map<string, number>();
  for (const file of files) {
    const folder = relative(SRC, dirname(file));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > 20)).toEqual([]);
});

/** Written by a program. */
const LONG = new Set(['app/input-types.ts']);

test('no file is longer than 400 lines, but for what is generated', () => {
  const long = files.filter((file) => readFileSync(file, 'utf8').split('\n').length > 401);
  expect(new Set(long.map((file) => relative(SRC, file)))).toEqual(LONG);
});

test('a comment is no wider than the code that Prettier makes', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { printWidth } = JSON.parse(readFileSync(join(root, '.prettierrc.json'), 'utf8')) as { printWidth: number };
  const texts = ['src', 'test', 'tools', 'scripts', 'bench'].flatMap((folder) => everyText(join(root, folder)));
  const wide = texts
    .filter(([file]) => !LONG.has(relative(SRC, file)))
    .flatMap(([file, text]) =>
      text
        .split('\n')
        .map((line, index) => ({ line, where: `${relative(root, file)}:${index + 1}` }))
        .filter(({ line }) => line.length > printWidth && /^\s*(?:\/\/|\/?\*)/.test(line))
        .map(({ line, where }) => `${where} has ${line.length} characters`),
    );
  expect(wide).toEqual([]);
});

/** Outside of the data plane: there is one of these for each check of a server. */
const SHORT_LIVED = new Set(['supervisor/health/endpoint-probe.ts', 'supervisor/health/probe-dial.ts']);

test('what lives long keeps its fields in #, what there is many of in private, and no class in both', () => {
  const wrong = files.flatMap((file) => {
    const name = relative(SRC, file);
    const mayBePrivate = name.startsWith('dataplane/') || SHORT_LIVED.has(name);
    return readFileSync(file, 'utf8')
      .split(/^(?=(?:export )?(?:abstract )?class )/m)
      .slice(1)
      .filter((body) => {
        // A constructor has no other form.
        const isPrivate = /^ +private (?!constructor)/m.test(body);
        const isHash = /^ +(?:(?:static|readonly|async|get|set) |\*)*#\w/m.test(body);
        return isPrivate && (isHash || !mayBePrivate);
      })
      .map((body) => `${name} ${/class (\w+)/.exec(body)![1]!}`);
  });
  expect(wrong).toEqual([]);
});

test('paths in comments and documents are those of files', () => {
  const known = new Set(files.map((file) => relative(SRC, file)));
  const isKnown = (cited: string): boolean => [...known].some((path) => path === cited || path.endsWith(`/${cited}`));
  const root = fileURLToPath(new URL('..', import.meta.url));
  const texts = ['ARCHITECTURE.md', 'CONTRIBUTING.md'].map((name) => [name, readFileSync(join(root, name), 'utf8')]);
  for (const file of files) {
    const comments = readFileSync(file, 'utf8').match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? [];
    texts.push([relative(SRC, file), comments.join('\n')]);
  }
  const wrong = texts.flatMap(([name, text]) =>
    [...text!.matchAll(/(?<![\w./*-])(?:src\/)?((?:[a-z0-9-]+\/)*[a-z0-9-]+\.ts)\b/g)]
      .filter(([, cited]) => !isKnown(cited!) && !existsSync(join(root, cited!)))
      .map(([, cited]) => `${name} cites ${cited}`),
  );
  expect(wrong).toEqual([]);
});

const EXPORT = /^export (?:abstract )?(?:async )?(function\*?|const|class|let|interface|type) (\w+)/gm;
/** What a program or a plugin imports is used by these. */
const PUBLIC = new Set(['index.ts', 'plugin.ts']);

test('what a file exports, another one uses; a type may also be part of what its own file exports', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const others = ['src', 'test', 'tools'].flatMap((folder) => everyText(join(root, folder)));
  const users = new Map<string, Set<string>>();
  for (const [file, text] of others) {
    for (const [name] of text.matchAll(/\w+/g)) {
      const known = users.get(name);
      if (known === undefined) users.set(name, new Set([file]));
      else known.add(file);
    }
  }
  const unused = files
    .filter((file) => !PUBLIC.has(relative(SRC, file)))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      return [...text.matchAll(EXPORT)]
        .filter(([, kind, name]) => {
          if (users.get(name!)!.size > 1) return false;
          const isType = kind === 'interface' || kind === 'type';
          return !isType || text.match(new RegExp(`\\b${name!}\\b`, 'g'))!.length === 1;
        })
        .map(([, , name]) => `${relative(SRC, file)} exports ${name!}`);
    });
  expect(unused).toEqual([]);
});

function everyText(directory: string): (readonly [file: string, text: string])[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:ts|mjs)$/.test(name))
    .map((name) => [join(directory, name), readFileSync(join(directory, name), 'utf8')] as const);
}

test('the data plane never imports the control plane', () => {
  const wrong = imports.filter(
    ({ from, specifier }) =>
      relative(SRC, from).startsWith('dataplane/') && /controlplane|supervisor|\/api\/|\/app\//.test(specifier),
  );
  expect(wrong).toEqual([]);
});

test('programs that no type checker reads import what the built files export', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const programs = ['test', 'bench', 'scripts'].flatMap((folder) => everyText(join(root, folder)));
  const found = programs.flatMap(([file, text]) =>
    [...text.matchAll(/import \{([^}]*)\} from '([^']*\/dist\/[^']*)\.js'/g)]
      .map(([, names, path]) => ({ file, names: names!, path: resolve(dirname(file), path!) }))
      .filter(({ path }) => path.startsWith(join(root, 'dist/'))),
  );
  expect(found.length).toBeGreaterThan(20);
  const wrong = found.flatMap(({ file, names, path }) => {
    const source = `${join(SRC, relative(join(root, 'dist'), path))}.ts`;
    const text = existsSync(source) ? readFileSync(source, 'utf8') : '';
    return names
      .split(',')
      .map((name) => name.trim().replace(/^type |\sas\s.*$/g, ''))
      .filter((name) => name !== '' && !new RegExp(`^export [^=(]*\\b${name}\\b`, 'm').test(text))
      .map((name) => `${relative(root, file)} imports ${name} from ${relative(root, source)}`);
  });
  expect(wrong).toEqual([]);
});

test('third-party packages are imported where they are listed, and each listed one is used', () => {
  const found = imports.filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'));
  const wrong = found.filter(({ from, specifier }) => THIRD_PARTY[specifier]?.includes(folderOf(from)) !== true);
  expect(wrong).toEqual([]);
  expect(new Set(found.map(({ specifier }) => specifier))).toEqual(new Set(Object.keys(THIRD_PARTY)));
});

test('no file takes part in an import cycle', () => {
  const graph = new Map<string, string[]>();
  for (const { from, specifier } of imports) {
    if (!specifier.startsWith('.')) continue;
    const list = graph.get(from) ?? [];
    list.push(resolve(dirname(from), specifier));
    graph.set(from, list);
  }
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      cycles.push([...trail.slice(trail.indexOf(file)), file].map((one) => relative(SRC, one)).join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('only the composition root, the commands and the entry see the process', () => {
  const allowed = new Set(['app', 'cli', '']);
  // A duplicator is a process of its own; a worker reports its memory; a lock asks whether its holder lives.
  const exceptions = new Set([
    'controlplane/store/file-lock.ts',
    'dataplane/net/socket-duplicator.ts',
    'dataplane/engine/worker.ts',
  ]);
  const wrong = files
    .filter((file) => !allowed.has(folderOf(file)) && !exceptions.has(relative(SRC, file)))
    .filter((file) => /\bprocess\.(?:exit|env|on|argv|kill)\b|\bconsole\./.test(readFileSync(file, 'utf8')))
    .map((file) => relative(SRC, file));
  expect(wrong).toEqual([]);
});
