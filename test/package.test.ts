// What somebody gets who installs the package into an empty project: types and programs that work, pages whose links
// lead to pages of the package, and nothing that nobody can reach.

import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { cleanEnvironment } from './support/marked-processes.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'signalbox-package-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly said: string;
}

async function run(program: string, args: readonly string[], cwd = project): Promise<Ran> {
  // npm wants a HOME for its cache; no user's own settings are read.
  const env = cleanEnvironment({ HOME: project, PATH: process.env['PATH'] ?? '' });
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { cwd, env });
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // As execFile rejects.
    return { code, said: stdout + stderr };
  }
}

/** Packs what is built, and puts it where `npm install` of the file would, with its dependencies beside it. */
async function install(): Promise<string> {
  const packed = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], ROOT);
  expect(packed).toMatchObject({ code: 0 });
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@types'), { recursive: true });
  await run('tar', ['-xzf', join(project, packed.said.trim()), '-C', modules]);
  const installed = join(modules, 'signalbox');
  await run('mv', [join(modules, 'package'), installed]);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  }; // Our own file.
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', type: 'module' }));
  return installed;
}

const installed = await install();

const PROGRAM = `
import { defineConfig, startRouter, SignalboxError, type Diagnostic, type Router } from 'signalbox';
const config = defineConfig({
  entryPoints: { web: { address: '127.0.0.1:0' } },
  plugins: { stamp: { path: './stamp.ts' } },
  http: {
    routers: { all: { rule: 'PathPrefix(\`/\`)', service: 'app', middlewares: ['stamped'] } },
    middlewares: { stamped: { plugin: { stamp: { value: 'here' } } } },
    services: { app: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:9' }] } } },
  },
});
const router: Router = await startRouter(config, { workers: 1 });
const diagnostics: readonly Diagnostic[] = router.diagnostics;
const url: string | undefined = router.addresses['web']?.url;
const { status } = await fetch(String(url));
console.log(status, diagnostics.length, SignalboxError.name);
await router.stop();
`;

const PLUGIN = `
import { defineMiddleware, object, required, respond, string } from 'signalbox/plugin';
export default defineMiddleware({
  kind: 'stamp',
  summary: 'Answers with a value.',
  description: 'Nothing is passed on.',
  options: object({ value: required(string(), 'What is answered.') }),
  create({ value }) {
    const text: string = value;
    return () => (exchange) => respond(exchange, 418, text);
  },
});
`;

/** With libraries checked, as a new project has it: the types of the package have to be whole. */
async function compile(options: Record<string, unknown>, program = PROGRAM): Promise<Ran> {
  writeFileSync(join(project, 'app.ts'), program);
  writeFileSync(join(project, 'stamp.ts'), PLUGIN);
  const compilerOptions = { strict: true, target: 'es2022', noEmit: false, outDir: 'out', ...options };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts', 'stamp.ts'] }));
  return run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project]);
}

const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
];

for (const options of RESOLUTIONS) {
  test(`a TypeScript project that resolves as ${options.moduleResolution} does compiles against it and runs`, async () => {
    expect(await compile(options)).toEqual({ code: 0, said: '' });
    const ran = await run(process.execPath, ['out/app.js']);
    expect(ran).toMatchObject({ code: 0, said: expect.stringMatching(/^418 0 SignalboxError$/m) as string });
  });

  test(`and is told of a misspelt option: ${options.moduleResolution}`, async () => {
    const { code, said } = await compile(options, PROGRAM.replace('loadBalancer', 'loadBalancr'));
    expect([code === 0, said]).toEqual([false, expect.stringContaining('loadBalancr')]);
  });
}

test('npm link of a checkout puts the command on the path', async () => {
  const prefix = join(project, 'prefix');
  mkdirSync(join(prefix, 'lib'), { recursive: true });
  const linked = await run(
    'env',
    [`npm_config_prefix=${prefix}`, 'npm', 'link', '--offline', '--ignore-scripts'],
    ROOT,
  );
  expect(linked).toMatchObject({ code: 0 });
  expect(await run(join(prefix, 'bin/signalbox'), ['version'])).toMatchObject({ code: 0 });
});

test('the installed program runs, and so does each example that comes with it', async () => {
  const main = join(installed, 'dist/main.js');
  expect(await run(main, ['version'])).toMatchObject({ code: 0 });
  const examples = readdirSync(join(installed, 'examples'));
  expect(examples.length).toBeGreaterThan(3);
  // One is a compose file alone.
  for (const name of examples.filter((one) => existsSync(join(installed, 'examples', one, 'signalbox.yml')))) {
    const { code, said } = await run(main, ['check', 'signalbox.yml'], join(installed, 'examples', name));
    expect([name, code, said]).toEqual([name, 0, expect.stringContaining('0 errors')]);
  }
});

function packedFiles(ending: string): string[] {
  const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(installed, name));
}

test('links of the packed pages lead to what is in the package', () => {
  let links = 0;
  for (const page of packedFiles('.md')) {
    const text = readFileSync(page, 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), ...text.matchAll(/(?:src|srcset)="([^"#]+)"/g)];
    for (const [, target] of targets) {
      if (/^[a-z]+:/.test(target!)) continue;
      links++;
      expect([relative(installed, page), target, existsSync(join(dirname(page), target!))]).toEqual([
        relative(installed, page),
        target,
        true,
      ]);
    }
  }
  expect(links).toBeGreaterThan(100);
});

test('nothing is packed that nobody can use: tests, maps, declarations that no import reaches', () => {
  const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  expect(names.filter((name) => /^dist.*(\.test\.|\.map$)/.test(name))).toEqual([]);
  const declarations = names.filter((name) => name.endsWith('.d.ts'));
  const imported = new Set(['dist/index.d.ts', 'dist/plugin.d.ts']);
  for (const name of declarations)
    for (const [, target] of readFileSync(join(installed, name), 'utf8').matchAll(/(?:from |import\()'(\.[^']+)\.ts'/g))
      imported.add(join(dirname(name), `${target!}.d.ts`));
  expect(declarations.toSorted()).toEqual([...imported].toSorted());
});

test('what a registry shows of it is there', () => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, unknown>; // Our own file.
  for (const key of ['description', 'keywords', 'homepage', 'repository', 'bugs', 'license', 'engines'])
    expect([key, manifest[key]]).toEqual([key, expect.anything()]);
});
