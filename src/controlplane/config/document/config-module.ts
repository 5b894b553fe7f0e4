// An install configuration as a program: `signalbox.config.ts`. Its default export is the configuration, or a function
// that returns it. TypeScript is stripped by a loader, since the runtime does not do it in every version.

import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import { isMap } from '../../../schema/input.ts';
import type { ConfigDocument } from './document.ts';
import type { DiagnosticCode } from '../../../model/diagnostic-codes.ts';

/** Wherever the file is, `signalbox` is the program that reads it. */
const ALIAS = {
  signalbox: fileURLToPath(new URL(`../../../index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)),
};

type ModuleProblem = (code: DiagnosticCode, message: string, line?: number, column?: number) => ConfigDocument;

/** What the module throws becomes a diagnostic. */
export async function readConfigModule(path: string, problem: ModuleProblem): Promise<ConfigDocument> {
  // No caches: a file that is read again has been changed.
  const loader = createJiti(import.meta.url, {
    fsCache: false,
    moduleCache: false,
    interopDefault: true,
    alias: ALIAS,
  });
  let exported: unknown;
  try {
    exported = await loader.import(pathToFileURL(resolve(path)).href, { default: true });
    if (typeof exported === 'function') exported = await (exported as () => unknown)(); // The documented form.
  } catch (error) {
    return moduleProblem(error, path, problem);
  }
  if (!isMap(exported)) {
    return problem('wrong-type', 'the default export is no configuration; write "export default defineConfig({ … })"');
  }
  return { source: path, text: '', value: exported, diagnostics: [], locate: () => null };
}

/** The place is in the text of a syntax error, or in the stack of one that was thrown. */
function moduleProblem(error: unknown, path: string, problem: ModuleProblem): ConfigDocument {
  if (!(error instanceof Error)) return problem('syntax', `the module threw ${String(error)}`);
  const message = error.message
    .split('\n')[0]!
    .replace(/^\w*Error: /, '')
    .trim();
  const inText = /\((\d+):(\d+)\)\s*$/.exec(message) ?? /:(\d+):(\d+)\s*$/.exec(error.message.trim());
  const inStack = new RegExp(
    `${path
      .split('/')
      .at(-1)!
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}:(\\d+):(\\d+)`,
  ).exec(error.stack ?? '');
  const [, line = '0', column = '0'] = inText ?? inStack ?? [];
  // The parser counts columns from 0, stacks from 1.
  const bare = message.replace(/\s*\(\d+:\d+\)$/, '').replace(/^[^ ]*: (?=Unexpected)/, '');
  return problem('syntax', bare, Number(line), Number(column) + (inText === null ? 0 : 1));
}
