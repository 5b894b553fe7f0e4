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

/** What the module throws becomes a diagnostic. */
export async function readConfigModule(
  path: string,
  problem: (code: DiagnosticCode, message: string) => ConfigDocument,
): Promise<ConfigDocument> {
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
    return problem('syntax', error instanceof Error ? error.message.split('\n')[0]! : String(error));
  }
  if (!isMap(exported)) {
    return problem('wrong-type', 'the default export is no configuration; write "export default defineConfig({ … })"');
  }
  return { source: path, text: '', value: exported, diagnostics: [], locate: () => null };
}
