// What `check` looks at: install files with the routing files they name, and routing files alone, each judged with as
// much as is known of what stands around it.

import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { startProblems } from '../app/start-checks.ts';
import { SystemClock } from '../core/clock.ts';
import { didYouMean } from '../core/did-you-mean.ts';
import { unreadableReason } from '../core/named-file.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { ANY_PLUGIN, type KnownPlugins } from '../schema/decode-context.ts';
import { isMap } from '../schema/input.ts';
import { compile } from '../controlplane/compile/compile.ts';
import { internalServices } from '../controlplane/compile/internal-services.ts';
import { isConfigFile, type ConfigDocument } from '../controlplane/config/document/document.ts';
import { isExtension, ROUTING_SECTIONS } from '../controlplane/config/document/document-kind.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import {
  decodeInstall,
  decodeInstallDocument,
  loadInstallConfig,
  type LoadedInstall,
} from '../controlplane/config/install/load-install.ts';
import { isConfigModule, readInstallFile } from '../controlplane/config/install/install-file.ts';
import { installOptions } from '../controlplane/config/install/install-options.ts';
import { operatorSubstitutions } from '../controlplane/config/install/operator-substitutions.ts';
import { PluginLoadError } from '../controlplane/config/install/plugins.ts';
import { bySection, OBJECT_SECTIONS } from '../controlplane/config/routing/object-kinds.ts';
import type { RoutingConfig, RoutingObject, RoutingSections } from '../controlplane/config/routing/routing-config.ts';
import { decoderOf, optionsOf, UNTOLD } from '../controlplane/providers/define.ts';
import { FileProvider, fileProvider } from '../controlplane/providers/file/file-provider.ts';
import type { OptionFlag } from '../controlplane/config/install/install-sources.ts';

export interface Checked {
  readonly diagnostics: readonly Diagnostic[];
  /** What was read, for what the flags ask beyond diagnostics. */
  readonly documents: readonly ConfigDocument[];
}

interface CheckedInstall extends Checked {
  /** As it is, or what can be known of it while it has errors; null when it does not parse. */
  readonly install: InstallConfig | null;
  /** Files and directories that its file provider reads. */
  readonly reads: readonly string[];
}

export interface CheckContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Options on the command line. */
  readonly options: readonly OptionFlag[];
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Install files first: routing files are judged with the first of them, and those that it reads are not read twice. */
export async function checkFiles(paths: readonly string[], context: CheckContext): Promise<Checked> {
  const installs: CheckedInstall[] = [];
  const found = new Map<string, Checked>();
  for (const path of paths) {
    for (const file of await installFilesAt(path)) {
      const checked = await checkInstall(file, context);
      installs.push(checked);
      found.set(path, found.has(path) ? joined([found.get(path)!, checked]) : checked);
    }
  }
  const read = await Promise.all(installs.flatMap(({ reads }) => reads).map(realPath));
  for (const path of paths) {
    if (found.has(path)) continue;
    const real = await realPath(path);
    if (read.some((one) => real === one || real.startsWith(one + sep))) continue;
    found.set(path, await checkRouting(path, installs[0]?.install ?? null, context));
  }
  return joined(paths.flatMap((path) => found.get(path) ?? []));
}

function joined(parts: readonly Checked[]): Checked {
  return {
    diagnostics: parts.flatMap((one) => one.diagnostics),
    documents: parts.flatMap((one) => one.documents),
  };
}

/** The path itself, or what a directory holds beside routing files. */
async function installFilesAt(path: string): Promise<readonly string[]> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory() !== true) return (await isInstallFile(path)) ? [path] : [];
  const names = (await readdir(path)).filter(isConfigFile).toSorted();
  const files: string[] = [];
  for (const name of names) if (await isInstallFile(join(path, name))) files.push(join(path, name));
  return files;
}

const SECTIONS = new Set(Object.keys(installOptions.fields ?? {}).map((name) => name.toLowerCase()));

/** An install file says more than routing sections; a file that holds neither is judged as a routing file. */
export async function isInstallFile(path: string): Promise<boolean> {
  if (isConfigModule(path)) return true;
  const { value } = await readInstallFile(path);
  if (!isMap(value)) return false;
  const keys = Object.keys(value)
    .filter((key) => !isExtension(key))
    .map((key) => key.toLowerCase());
  // Also where one is misspelt.
  const isSection = (key: string): boolean => SECTIONS.has(key) || didYouMean(key, SECTIONS) !== null;
  return keys.some((key) => !ROUTING_SECTIONS.includes(key) && isSection(key));
}

async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

export async function checkInstall(path: string | null, context: CheckContext): Promise<CheckedInstall> {
  const { environment } = context;
  let loaded: LoadedInstall;
  try {
    loaded = await loadInstallConfig({ path, environment, flags: context.options });
  } catch (error) {
    if (error instanceof PluginLoadError)
      return { diagnostics: [error.diagnostic], documents: [], install: null, reads: [] };
    throw error;
  }
  const { value, diagnostics, document } = loaded;
  const documents = document === null ? [] : [document];
  const install = value ?? (document === null ? null : usablePart(document, context));
  if (install === null) return { diagnostics, documents, install, reads: [] };
  const configs: RoutingConfig[] = install.routing === null ? [] : [install.routing];
  const { filename, directory } = optionsOf(fileProvider, install.providers) ?? {};
  const files = directory ?? filename;
  if (files !== undefined) configs.push(await readRouting({ filename, directory }, environment, install.plugins.known));
  // The inline routing's own diagnostics come with the install file's.
  const judged = configs.map((config) => (config === install.routing ? { ...config, diagnostics: [] } : config));
  // With errors in the file nobody knows what its entry points and resolvers would be.
  const around = value ?? { ...assumedInstall(configs, install), plugins: install.plugins };
  const result = compile(around, judged, internalServices(around.admin));
  const atStart = value === null ? [] : await startProblems(value, environment);
  return {
    diagnostics: [...diagnostics.map(withoutProvider), ...atStart, ...result.diagnostics],
    documents: [...documents, ...documentsOf(configs)],
    install,
    reads: files === undefined ? [] : [files],
  };
}

/** What it would bring is missing: `run` goes on with a warning, and serves less than is meant. */
function withoutProvider(diagnostic: Diagnostic): Diagnostic {
  const isMissing = diagnostic.code === 'not-supported-yet' && /^providers\.\w+$/.test(diagnostic.path);
  return isMissing ? { ...diagnostic, severity: 'error' } : diagnostic;
}

/** Of an install file with errors: its routing, and where further routing is. */
function usablePart(document: ConfigDocument, { environment }: CheckContext): InstallConfig | null {
  if (!isMap(document.value)) return null;
  const given = Object.entries(document.value);
  const part = (names: readonly string[]): Record<string, unknown> =>
    Object.fromEntries(given.filter(([key]) => names.includes(key.toLowerCase())));
  const providers = Object.values(part(['providers']))[0];
  const file = isMap(providers) ? Object.entries(providers).find(([key]) => /^file$/i.test(key)) : undefined;
  const candidates = [
    { ...part(ROUTING_SECTIONS), ...(file === undefined ? {} : { providers: Object.fromEntries([file]) }) },
    part(ROUTING_SECTIONS),
  ];
  for (const value of candidates) {
    const reduced = { ...document, value, diagnostics: [] };
    const decoded = decodeInstallDocument(reduced, operatorSubstitutions(environment));
    if (decoded.value !== null) return { ...decoded.value, plugins: { modules: [], known: ANY_PLUGIN } };
  }
  return null;
}

/**
 * With `install` when it is known what the files belong to; without, everything that they name is taken to be there.
 */
async function checkRouting(path: string, install: InstallConfig | null, context: CheckContext): Promise<Checked> {
  const { environment } = context;
  const info = await stat(path).catch((error: unknown) => error);
  if (info instanceof Error && unreadableReason(info) === 'ENOENT')
    return { diagnostics: [missing(path)], documents: [] };
  const isDirectory = (info as Stats).isDirectory?.() === true;
  // What the file names may stand in its neighbours, of which nothing is said here.
  const around = isDirectory || install !== null || !isConfigFile(path) ? null : dirname(path);
  const directory = isDirectory ? path : (around ?? undefined);
  const read = (of: { filename?: string | undefined; directory?: string | undefined }): Promise<RoutingConfig> =>
    readRouting({ filename: of.filename, directory: of.directory }, environment, install?.plugins.known ?? ANY_PLUGIN);
  const own = isDirectory ? await read({ directory }) : await read({ filename: path });
  const config = around === null ? own : withNeighbours(own, await read({ directory: around }), path);
  const configs = install?.routing == null ? [config] : [{ ...install.routing, diagnostics: [] }, config];
  const assumed = install ?? assumedInstall([config]);
  const { diagnostics } = compile(assumed, configs, internalServices(assumed.admin));
  const isOwn = ({ source }: Diagnostic): boolean =>
    isDirectory ? source.startsWith(path) || source === '' : source === path || source === '';
  return { diagnostics: diagnostics.filter(isOwn), documents: documentsOf([own]) };
}

function missing(path: string): Diagnostic {
  const message = `there is no such file or directory; "signalbox init" writes one to begin with`;
  return { severity: 'error', code: 'file-unreadable', message, source: path, path: '', line: 0, column: 0 };
}

/** The file's objects, and those of the files beside it that have other names. */
function withNeighbours(own: RoutingConfig, all: RoutingConfig, path: string): RoutingConfig {
  const sections = bySection((section) => {
    const beside = [...all[section]].filter(
      ([, object]) => object.document.source !== path && !own[section].has(object.name),
    );
    return new Map<string, RoutingObject<unknown>>([...own[section], ...beside]);
  }) as RoutingSections; // Of each section, its own objects.
  return { ...own, ...sections, unread: all.unread ?? [] };
}

async function readRouting(
  config: { filename: string | undefined; directory: string | undefined },
  environment: CheckContext['environment'],
  plugins: KnownPlugins,
): Promise<RoutingConfig> {
  const provider = new FileProvider(
    { ...config, watch: false },
    {
      log: SILENT,
      clock: new SystemClock(),
      keepLastGood: true,
      decode: decoderOf(fileProvider, operatorSubstitutions(environment), plugins),
      source: UNTOLD,
    },
  );
  return new Promise((resolve) => {
    const ending = new AbortController();
    const published = (config: RoutingConfig): void => {
      ending.abort();
      resolve(config);
    };
    void provider.run(published, ending.signal);
  });
}

/** An installation that has every entry point and certificates resolver that routing names. */
function assumedInstall(configs: readonly RoutingConfig[], known: InstallConfig | null = null): InstallConfig {
  const streams = new Set<string>(['web']);
  const datagrams = new Set<string>(['datagrams']);
  const resolvers = new Set<string>();
  for (const { routers, tcpRouters, udpRouters, tlsStores } of configs) {
    for (const { value } of [...routers.values(), ...tcpRouters.values()]) {
      for (const name of value?.entryPoints ?? []) streams.add(name);
      const tls = value?.tls;
      if (tls !== undefined && tls !== false && tls.certResolver !== undefined) resolvers.add(tls.certResolver);
    }
    for (const { value } of udpRouters.values()) for (const name of value?.entryPoints ?? []) datagrams.add(name);
    for (const { value } of tlsStores.values()) {
      if (value?.defaultGeneratedCert !== undefined) resolvers.add(value.defaultGeneratedCert.resolver);
    }
  }
  const entryPoints = {
    ...Object.fromEntries([...datagrams].map((name) => [name, { address: ':0/udp' }])),
    ...Object.fromEntries([...streams].map((name) => [name, { address: ':0' }])),
  };
  const acme = { tlsChallenge: {}, httpChallenge: { entryPoint: 'web' } };
  const given = {
    api: {},
    ping: {},
    metrics: { prometheus: {} },
    providers: { rest: {} },
    entryPoints,
    certificatesResolvers: Object.fromEntries([...resolvers].map((name) => [name, { acme }])),
  };
  const assumed = decodeInstall('', JSON.stringify(given)).value!;
  // Any challenge may be what the resolvers have.
  const certificatesResolvers = assumed.certificatesResolvers.map((resolver) => ({
    ...resolver,
    dns: {
      provider: 'exec' as const,
      resolvers: [],
      delayMs: 0,
      isChecked: true,
      checksAllResolvers: false,
      checksAuthoritative: true,
    },
  }));
  return { ...assumed, certificatesResolvers, source: known?.source ?? '' };
}

function documentsOf(configs: readonly RoutingConfig[]): readonly ConfigDocument[] {
  const found = new Set<ConfigDocument>();
  for (const config of configs) {
    if (config.provider !== 'file') continue;
    for (const section of OBJECT_SECTIONS) for (const { document } of config[section].values()) found.add(document);
  }
  return [...found].toSorted((a, b) => (a.source < b.source ? -1 : 1));
}
