// `signalbox check`: reads install and routing files as `run` would and prints everything there is to say.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SystemClock } from '../../core/clock.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { ANY_PLUGIN, formatPath, type KnownPlugins } from '../../schema/decode-context.ts';
import { isMap } from '../../schema/schema.ts';
import { compile } from '../../controlplane/compile/compile.ts';
import { internalServices } from '../../controlplane/compile/internal-services.ts';
import { isConfigFile, isExtension, type ConfigDocument } from '../../controlplane/config/document.ts';
import { findInstallFile, isConfigModule, readInstallFile } from '../../controlplane/config/install-file.ts';
import {
  decodeInstall,
  loadInstallConfig,
  type InstallConfig,
  type LoadedInstall,
} from '../../controlplane/config/install-config.ts';
import { installOptions } from '../../controlplane/config/install-options.ts';
import { listOrigins } from '../../controlplane/config/install-sources.ts';
import { migrationReport, type MigrationEntry } from '../../controlplane/config/migration.ts';
import { operatorSubstitutions } from '../../controlplane/config/operator-substitutions.ts';
import { PluginLoadError } from '../../controlplane/config/plugins.ts';
import { redact } from '../../controlplane/config/redact.ts';
import type { RoutingConfig } from '../../controlplane/config/routing-config.ts';
import { FileProvider } from '../../controlplane/providers/file/file-provider.ts';
import type { Arguments } from '../arguments.ts';
import { formatDiagnostics } from '../format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io } from '../io.ts';
import { formatTable } from '../table.ts';

const ROUTING_SECTIONS = new Set(['http', 'tcp', 'udp', 'tls']);

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

interface Checked {
  readonly diagnostics: readonly Diagnostic[];
  /** What was read, for what the flags ask beyond diagnostics. */
  readonly documents: readonly ConfigDocument[];
}

export async function check(args: Arguments, io: Io): Promise<number> {
  const config = args.flags.get('config')?.[0];
  const paths = [...args.positionals, ...(config === undefined ? [] : [config])];
  const found = paths.length === 0 ? await findInstallFile(io.environment) : null;
  if (paths.length === 0 && found === null && args.options.length === 0) {
    io.err(
      'check: name at least one file or directory, as in "signalbox check signalbox.yml"; there is none in the usual places\n',
    );
    return EXIT_USAGE;
  }
  const checked: Checked[] = [];
  if (paths.length === 0) checked.push(await checkInstall(found, args, io));
  for (const path of paths) checked.push(await checkPath(path, args, io));
  const diagnostics = checked.flatMap((one) => one.diagnostics);
  const documents = checked.flatMap((one) => one.documents);
  const origins = args.flags.has('show-origin') ? documents.flatMap(shownOrigins) : null;
  const migration = args.flags.has('from-traefik') ? documents.flatMap(migrationReport) : null;
  const errors = diagnostics.filter((one) => one.severity === 'error').length;
  if (args.flags.has('json')) {
    const report = {
      isValid: errors === 0,
      diagnostics,
      ...(origins === null ? {} : { origins }),
      ...(migration === null ? {} : { migration }),
    };
    io.out(`${JSON.stringify(report, null, 2)}\n`);
    return errors > 0 ? EXIT_FAILED : EXIT_OK;
  }
  if (origins !== null) {
    const rows = origins.map(({ path, value, origin }) => [path, JSON.stringify(value), origin]);
    io.out(`${formatTable(['option', 'value', 'origin'], rows)}\n`);
  }
  if (migration !== null) io.out(`${migrationTable(migration)}\n`);
  io.out(formatDiagnostics(diagnostics, io.color));
  const warnings = diagnostics.length - errors;
  io.out(`${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`);
  return errors > 0 ? EXIT_FAILED : EXIT_OK;
}

function migrationTable(entries: readonly MigrationEntry[]): string {
  const rows = entries.map(({ path, verdict, note, place }) => [verdict, path, place, note]);
  return formatTable(['', 'option', 'where', ''], rows);
}

/** Of an install file; secrets are hidden, substitutions stand as written. */
function shownOrigins(document: ConfigDocument): { path: string; value: unknown; origin: string }[] {
  const shown = redact(document.value, installOptions);
  return listOrigins({ ...document, value: shown }).map(({ path, value, origin }) => ({
    path: formatPath(path),
    value: value ?? null,
    origin,
  }));
}

async function readRouting(
  config: { filename: string | undefined; directory: string | undefined },
  environment: Io['environment'],
  plugins: KnownPlugins,
): Promise<RoutingConfig> {
  const provider = new FileProvider(
    { ...config, watch: false },
    { log: SILENT, clock: new SystemClock(), substitutions: operatorSubstitutions(environment), plugins },
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
  const internals = 'api: {}\nping: {}\nmetrics: { prometheus: {} }\nproviders: { rest: {} }\n';
  return decodeInstall('', `${internals}entryPoints:\n${entryPoints}`).value!;
}

async function checkInstall(path: string | null, args: Arguments, io: Io): Promise<Checked> {
  const { environment } = io;
  let loaded: LoadedInstall;
  try {
    loaded = await loadInstallConfig({ path, environment, flags: args.options });
  } catch (error) {
    if (error instanceof PluginLoadError) return { diagnostics: [error.diagnostic], documents: [] };
    throw error;
  }
  const { value: install, diagnostics, document } = loaded;
  const documents = document === null ? [] : [document];
  if (install === null) return { diagnostics, documents };
  const configs: RoutingConfig[] = install.routing === null ? [] : [install.routing];
  if (install.fileProvider !== null) {
    const { filename, directory } = install.fileProvider;
    configs.push(await readRouting({ filename, directory }, environment, install.plugins.known));
  }
  // The inline routing's own diagnostics come with the install file's.
  const result = compile(
    install,
    configs.map((config) => (config === install.routing ? { ...config, diagnostics: [] } : config)),
    internalServices(install.admin),
  );
  return { diagnostics: [...diagnostics, ...result.diagnostics], documents: [...documents, ...documentsOf(configs)] };
}

function documentsOf(configs: readonly RoutingConfig[]): readonly ConfigDocument[] {
  const found = new Set<ConfigDocument>();
  for (const { provider, routers, services, middlewares } of configs) {
    if (provider !== 'file') continue;
    for (const objects of [routers, services, middlewares])
      for (const { document } of objects.values()) found.add(document);
  }
  return [...found];
}

/** An install file says more than routing sections. */
function isInstall({ value }: ConfigDocument): boolean {
  return (
    isMap(value) && Object.keys(value).some((key) => !ROUTING_SECTIONS.has(key.toLowerCase()) && !isExtension(key))
  );
}

async function checkPath(path: string, args: Arguments, io: Io): Promise<Checked> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory() !== true) {
    const document = await readInstallFile(path);
    if (document.value === undefined) return { diagnostics: document.diagnostics, documents: [] };
    if (isConfigModule(path) || isInstall(document)) return checkInstall(path, args, io);
  } else {
    // A directory may hold an install file beside the routing files.
    const names = (await readdir(path)).filter(isConfigFile).toSorted();
    const found: Checked[] = [];
    for (const name of names) {
      if (isInstall(await readInstallFile(join(path, name))))
        found.push(await checkInstall(join(path, name), args, io));
    }
    if (found.length > 0) {
      return { diagnostics: found.flatMap((one) => one.diagnostics), documents: found.flatMap((one) => one.documents) };
    }
  }
  const isDirectory = info?.isDirectory() === true;
  const config = await readRouting(
    { filename: isDirectory ? undefined : path, directory: isDirectory ? path : undefined },
    io.environment,
    ANY_PLUGIN,
  );
  const install = installFor([config]);
  const { diagnostics } = compile(install, [config], internalServices(install.admin));
  return { diagnostics, documents: documentsOf([config]) };
}
