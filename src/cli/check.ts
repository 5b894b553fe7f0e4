// `signalbox check FILE…`: reads install and routing files as `run` would and prints everything there is to say.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SystemClock } from '../core/clock.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { isMap } from '../schema/schema.ts';
import { compile } from '../controlplane/compile/compile.ts';
import { isConfigFile, parseConfig } from '../controlplane/config/document.ts';
import { decodeInstall, type InstallConfig } from '../controlplane/config/install-config.ts';
import type { RoutingConfig } from '../controlplane/config/routing-config.ts';
import { FileProvider } from '../controlplane/providers/file/file-provider.ts';
import { formatDiagnostics } from './format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io } from './io.ts';

const ROUTING_SECTIONS = new Set(['http', 'tcp', 'udp', 'tls']);

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** An install file says more than routing sections. */
function isInstallFile(path: string, text: string): boolean {
  const { value } = parseConfig(path, text);
  return isMap(value) && Object.keys(value).some((key) => !ROUTING_SECTIONS.has(key.toLowerCase()));
}

async function readRouting(config: { filename?: string; directory?: string }): Promise<RoutingConfig> {
  const provider = new FileProvider(
    { filename: config.filename, directory: config.directory, watch: false },
    { log: SILENT, clock: new SystemClock() },
  );
  return new Promise((resolve) => {
    void provider.start(resolve);
  });
}

/** Routing files checked alone are taken to be served on whatever entry points they name. */
function installFor(configs: readonly RoutingConfig[]): InstallConfig {
  const names = new Set(['web']);
  for (const config of configs) {
    for (const router of config.routers.values()) for (const name of router.value?.entryPoints ?? []) names.add(name);
  }
  const entryPoints = [...names].map((name) => `  ${JSON.stringify(name)}: { address: ":0" }\n`).join('');
  return decodeInstall('', `entryPoints:\n${entryPoints}`).value!;
}

async function checkInstall(path: string, text: string): Promise<readonly Diagnostic[]> {
  const { value: install, diagnostics } = decodeInstall(path, text);
  if (install === null) return diagnostics;
  const configs: RoutingConfig[] = install.routing === null ? [] : [install.routing];
  const { fileProvider } = install;
  if (fileProvider !== null) {
    configs.push(
      await readRouting({
        ...(fileProvider.filename === undefined ? {} : { filename: fileProvider.filename }),
        ...(fileProvider.directory === undefined ? {} : { directory: fileProvider.directory }),
      }),
    );
  }
  // The inline routing's own diagnostics come with the install file's.
  const result = compile(
    install,
    configs.map((config) => (config === install.routing ? { ...config, diagnostics: [] } : config)),
  );
  return [...diagnostics, ...result.diagnostics];
}

async function checkPath(path: string): Promise<readonly Diagnostic[]> {
  const info = await stat(path).catch(() => null);
  if (info === null) {
    return [
      {
        severity: 'error',
        code: 'file-unreadable',
        message: 'there is no such file',
        source: path,
        path: '',
        line: 0,
        column: 0,
      },
    ];
  }
  if (info.isFile()) {
    const text = await readFile(path, 'utf8');
    if (isInstallFile(path, text)) return checkInstall(path, text);
  } else {
    // A directory may hold an install file beside the routing files.
    const names = (await readdir(path)).filter(isConfigFile).toSorted();
    const found: Diagnostic[] = [];
    for (const name of names) {
      const text = await readFile(join(path, name), 'utf8');
      if (isInstallFile(join(path, name), text)) found.push(...(await checkInstall(join(path, name), text)));
    }
    if (found.length > 0) return found;
  }
  const config = await readRouting(info.isFile() ? { filename: path } : { directory: path });
  return compile(installFor([config]), [config]).diagnostics;
}

export async function runCheck(paths: readonly string[], io: Io): Promise<number> {
  if (paths.length === 0) {
    io.err('check: name at least one file or directory, as in "signalbox check signalbox.yml"\n');
    return EXIT_USAGE;
  }
  const diagnostics: Diagnostic[] = [];
  for (const path of paths) diagnostics.push(...(await checkPath(path)));
  io.out(formatDiagnostics(diagnostics, io.color));
  const errors = diagnostics.filter((one) => one.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  io.out(`${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`);
  return errors > 0 ? EXIT_FAILED : EXIT_OK;
}
