// Builds dist/ from src/: removes what is left of an earlier build, then emits with the compiler, and lists
// what of it is not packed: maps, and declarations that no import of the package reaches.
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}/dist`, { recursive: true, force: true });
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (result.status !== 0) process.exit(result.status ?? 1);
chmodSync(`${root}/dist/main.js`, 0o755);

/** The declarations that the given one imports, and itself; by their place in dist/. */
function reachedFrom(name, reached) {
  if (reached.has(name)) return;
  reached.add(name);
  for (const [, target] of readFileSync(join(root, 'dist', name), 'utf8').matchAll(
    /(?:from |import\()'(\.[^']+)\.ts'/g,
  ))
    reachedFrom(join(dirname(name), `${target}.d.ts`), reached);
}
const reached = new Set();
for (const name of ['index.d.ts', 'plugin.d.ts']) reachedFrom(name, reached);
writeFileSync(
  `${root}/dist/.npmignore`,
  ['*.map', '*.d.ts', ...[...reached].map((name) => `!/${name}`), ''].join('\n'),
);
