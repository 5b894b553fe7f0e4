// The plugins of an install configuration. They are found and loaded before anything else is decoded, since their
// options are part of what routing configuration may say.

import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SignalboxError } from '../../../core/errors.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import type { PluginModule } from '../../../model/plugin.ts';
import {
  DecodeContext,
  formatPath,
  NO_PLUGINS,
  type KnownPlugins,
  type PluginOptions,
} from '../../../schema/decode-context.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { isMap } from '../../../schema/input.ts';
import type { Substitutions } from '../../../schema/substitution.ts';
import type { ConfigDocument } from '../document/document.ts';
import { pluginsSection } from './install-options.ts';

export interface InstalledPlugins {
  /** For workers. */
  readonly modules: readonly PluginModule[];
  /** For decoding. */
  readonly known: KnownPlugins;
}

/** The router cannot start; `signalbox check` shows the diagnostic. */
export class PluginLoadError extends SignalboxError {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic, cause: SignalboxError) {
    const { source, line, column, message } = diagnostic;
    const where = line === 0 ? source : `${source}:${line}:${column}`;
    super('ERR_PLUGIN_LOAD', where === '' ? message : `${where} ${message}`, { cause });
    this.diagnostic = diagnostic;
  }
}

export const NO_INSTALLED_PLUGINS: InstalledPlugins = { modules: [], known: NO_PLUGINS };

/**
 * Loads what the document names; paths are relative to `directory`. Mistakes in the section itself are left to the
 * decoder. Rejects with ERR_PLUGIN_LOAD, which tells the place in the document.
 */
export async function loadInstalledPlugins(
  document: ConfigDocument,
  directory: string,
  substitutions: Substitutions,
): Promise<InstalledPlugins> {
  const key = isMap(document.value) ? Object.keys(document.value).find((name) => /^plugins$/i.test(name)) : undefined;
  if (key === undefined) return NO_INSTALLED_PLUGINS;
  const given = (document.value as Record<string, unknown>)[key]; // A map with this key.
  if (given === null) return NO_INSTALLED_PLUGINS;
  const section = pluginsSection.decode(given, new DecodeContext(document.source, document.locate, substitutions));
  if (section === INVALID) return NO_INSTALLED_PLUGINS;
  // Only where there are plugins: the loader would take its time at every start.
  const { loadPlugin, resolvePackage } = await import('../../../dataplane/middleware/plugin/plugin-loader.ts');
  const modules: PluginModule[] = [];
  const known = new Map<string, PluginOptions>();
  for (const [name, { path, package: packageName }] of Object.entries(section)) {
    try {
      const url =
        path === undefined
          ? resolvePackage(name, packageName!, resolve(directory))
          : await resolvePath(name, path, directory);
      const { options } = await loadPlugin({ name, url });
      modules.push({ name, url });
      known.set(name, options);
    } catch (error) {
      throw placed(error, document, [key, name]);
    }
  }
  return { modules, known };
}

async function resolvePath(name: string, path: string, directory: string): Promise<string> {
  const full = resolve(directory, path);
  const info = await stat(full).catch(() => null);
  if (info?.isFile() === true) return pathToFileURL(full).href;
  const found = info === null ? 'the file does not exist' : 'this is no file';
  throw new SignalboxError(
    'ERR_PLUGIN_LOAD',
    `plugins.${name}: ${full}: ${found}; the path is relative to ${resolve(directory)}`,
  );
}

/** The error with its place, as a diagnostic as well. */
function placed(error: unknown, document: ConfigDocument, path: readonly string[]): unknown {
  if (!(error instanceof SignalboxError)) return error;
  const place = { source: document.source, line: 0, column: 0, ...document.locate(path) };
  return new PluginLoadError(
    { severity: 'error', code: 'ERR_PLUGIN_LOAD', message: error.message, path: formatPath(path), ...place },
    error,
  );
}
