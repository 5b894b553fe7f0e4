// Loads plugins, in the main thread for their options and in every worker for their handlers. Files go through a loader
// that strips types and hands out this program's own `signalbox/plugin`: a folder without node_modules could not import
// it otherwise, and there is one copy of it whatever the folder holds, for JavaScript as for TypeScript. Built packages
// are imported as they are.

import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import { SignalboxError } from '../../../core/errors.ts';
import type { PluginModule } from '../../../model/plugin.ts';
import type { MiddlewareDefinition } from '../define.ts';
import * as pluginApi from './plugin-api.ts';

const LOAD_LIMIT_MS = 10_000;

/** URL of what a package gives to importers in this directory. Throws ERR_PLUGIN_LOAD. */
export function resolvePackage(name: string, packageName: string, directory: string): string {
  const from = pathToFileURL(join(directory, 'plugin.mjs')).href;
  try {
    const url = createJiti(from).esmResolve(packageName, from);
    if (url.startsWith('file:')) return url;
  } catch {
    // Told below: the resolver's own message names internals.
  }
  throw new SignalboxError(
    'ERR_PLUGIN_LOAD',
    `plugins.${name}: the package "${packageName}" is not found from ${directory}; install it there with "npm install ${packageName}"`,
  );
}

/** Rejects with ERR_PLUGIN_LOAD. */
export async function loadPlugin({ name, url }: PluginModule, limitMs = LOAD_LIMIT_MS): Promise<MiddlewareDefinition> {
  const problem = (message: string, cause?: unknown): SignalboxError =>
    new SignalboxError('ERR_PLUGIN_LOAD', `plugins.${name}: ${fileURLToPath(url)}: ${message}`, { cause });
  let exported: unknown;
  try {
    exported = await withinLimit(importDefault(url), limitMs);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    throw problem(`the plugin cannot be loaded: ${reason}`, error);
  }
  const wrong = whatIsWrong(exported);
  if (wrong === null) return exported as MiddlewareDefinition; // Looked at above.
  throw problem(`${wrong}; write "export default defineMiddleware({ … })" with defineMiddleware of signalbox/plugin`);
}

async function importDefault(url: string): Promise<unknown> {
  const isBuiltPackage = url.includes('/node_modules/') && /\.[mc]?js$/i.test(url);
  if (isBuiltPackage) return ((await import(url)) as { default?: unknown }).default; // A module namespace.
  // No cache on disk: it would be written beside files that are not ours.
  const loader = createJiti(url, { fsCache: false, virtualModules: { 'signalbox/plugin': pluginApi } });
  return loader.import(url, { default: true });
}

/** A module may wait for something while it loads; it may not do so for ever. */
async function withinLimit<T>(loading: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([loading, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function whatIsWrong(exported: unknown): string | null {
  if (typeof exported !== 'object' || exported === null) return 'there is no middleware in the default export';
  const { options, create, serviceOptions } = exported as Partial<MiddlewareDefinition>; // Looked at part by part.
  if (typeof create !== 'function') return 'the default export has no function "create"';
  if (typeof options?.decode !== 'function') return 'the default export has no "options"';
  // The compiler that qualifies them knows built-in kinds alone.
  if (serviceOptions !== undefined) return 'plugins have no "serviceOptions"';
  return null;
}
