// Where the router is that a command asks.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SignalboxError } from '../core/errors.ts';
import { findInstallFile } from '../controlplane/config/install/install-file.ts';
import type { AdminConfig } from '../controlplane/config/install/admin-config.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import {
  hasEnvironmentOptions,
  RUN_DIRECTORY_VARIABLE,
  type InstallDocument,
} from '../controlplane/config/install/install-sources.ts';
import { decodeInstallDocument, loadInstallConfig } from '../controlplane/config/install/load-install.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import { operatorSubstitutions } from '../controlplane/config/install/operator-substitutions.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import { isMap } from '../schema/input.ts';
import type { Arguments } from './arguments.ts';
import type { Io } from './io.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';

export interface Target {
  /** As people write it. */
  readonly shown: string;
  readonly where: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  /** Over TLS, whatever certificate is shown: for an entry point of this machine. */
  readonly isSecure: boolean;
  readonly basePath: string;
  readonly token: string | null;
}

/**
 * By flag or environment; where the one router of a container keeps its sockets; by the install configuration;
 * Traefik's default address when none of them says.
 */
export async function apiTarget(args: Arguments, io: Io): Promise<Target> {
  return named(args, io) ?? ownSocket('owner', args, io) ?? byConfiguration(args, io, await configured(args, io));
}

/** The same for `/ping`, which may be asked at an entry point of clients; a text when there is none to ask. */
export async function pingTarget(args: Arguments, io: Io): Promise<Target | string> {
  const known = named(args, io) ?? ownSocket('health', args, io);
  if (known !== null) return known;
  const found = await configured(args, io);
  const { install } = found;
  const here = { ...byConfiguration(args, io, found), basePath: '' };
  // Nothing is known of a router that is started with other words than these.
  if (install === null || found.isNothing) return here;
  const { ping } = install.admin;
  if (ping === null) return 'the configuration has no ping to ask; switch it on with "ping: {}", or with --ping';
  const { entryPoint } = ping;
  if (ping.isOnAddress || install.admin.socket !== null) return here;
  if (entryPoint === null) return 'only a router that names ping@internal has the ping; say where with --admin';
  const spec = install.entryPoints[entryPoint];
  if (spec !== undefined) return atAddress(spec.address, spec.tls !== null);
  const names = Object.keys(install.entryPoints).join(', ') || 'none';
  return `ping.entryPoint names "${entryPoint}", and there is no such entry point; known: ${names}`;
}

interface Found {
  /** Null when it has errors. */
  readonly install: InstallConfig | null;
  readonly document: InstallDocument;
  /** Neither a file, nor an option in the environment or on the command line. */
  readonly isNothing: boolean;
}

async function configured(args: Arguments, io: Io): Promise<Found> {
  const path = args.flags.get('config')?.[0] ?? (await findInstallFile(io.environment));
  const request = { path, environment: io.environment, flags: args.options, withoutPlugins: true };
  const { value, document } = await loadInstallConfig(request);
  const unread = { source: path ?? '', text: '', value: undefined, diagnostics: [], locate: () => null };
  const isNothing = path === null && args.options.length === 0 && !hasEnvironmentOptions(io.environment);
  return { install: value, document: document ?? unread, isNothing };
}

function named(args: Arguments, io: Io): Target | null {
  const given = args.flags.get('admin')?.[0] ?? io.environment['SIGNALBOX_ADMIN_URL'];
  return given === undefined ? null : targetOf(given, tokenOf(io));
}

/**
 * Where one router alone runs, it is asked, whatever it was started with: those who ask do not know its flags. Null
 * where that is not so, or the command says itself which configuration it means. Whether it is well nobody else can
 * say, so that `health` is asked also before it is there: the address may be another router's in the same network.
 */
function ownSocket(name: 'owner' | 'health', args: Arguments, io: Io): Target | null {
  const directory = io.environment[RUN_DIRECTORY_VARIABLE] ?? '';
  if (directory === '' || args.flags.has('config') || args.options.length > 0) return null;
  const path = join(directory, name);
  return name === 'health' || existsSync(path) ? targetOf(path, null) : null;
}

function byConfiguration(args: Arguments, io: Io, { install, document }: Found): Target {
  // The running router has what it was last given without errors; where it is, the file most likely still says.
  const admin = install?.admin ?? (document.value === undefined ? null : adminPartOf(document, io));
  return admin === null ? targetOf(DEFAULT_URL, tokenOf(io)) : fromConfig(admin, tokenOf(io));
}

function tokenOf(io: Io): string | null {
  return io.environment['SIGNALBOX_ADMIN_TOKEN'] ?? null;
}

/** Null when what concerns the API has errors as well. */
function adminPartOf(document: InstallDocument, io: Io): AdminConfig | null {
  const part = (value: unknown, name: string): Record<string, unknown> => {
    const found = isMap(value) ? Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase()) : null;
    return found == null ? {} : Object.fromEntries([found]);
  };
  const entryPoints = part(Object.values(part(document.value, 'entryPoints'))[0], INTERNAL_ENTRY_POINT);
  const value = { ...part(document.value, 'api'), entryPoints };
  const reduced = { ...document, value, diagnostics: [] };
  return decodeInstallDocument(reduced, operatorSubstitutions(io.environment)).value?.admin ?? null;
}

function targetOf(given: string, token: string | null): Target {
  if (given.startsWith('unix:') || given.startsWith('/')) {
    const socketPath = given.replace(/^unix:(?:\/\/)?/, '');
    return { shown: `unix:${socketPath}`, where: { socketPath }, isSecure: false, basePath: '', token: null };
  }
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || url.protocol !== 'http:') {
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `"${given}" is no address of an API; write http://127.0.0.1:8080 or unix:/run/signalbox.sock`,
    );
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const basePath = url.pathname.replace(/\/$/, '');
  return { shown: given, where: { host, port: Number(url.port || 80) }, isSecure: false, basePath, token };
}

function fromConfig(admin: AdminConfig, token: string | null): Target {
  const basePath = (admin.api?.basePath ?? '').replace(/\/$/, '');
  if (admin.socket !== null) return { ...targetOf(admin.socket, null), basePath };
  const address = admin.address ?? { host: '127.0.0.1', port: 8080, protocol: 'tcp' };
  return { ...atAddress(address, false), basePath, token: token ?? admin.token };
}

/** At an address that a process of this machine listens on. */
function atAddress({ host, port }: ListenAddress, isSecure: boolean): Target {
  const own = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const shown = `${isSecure ? 'https' : 'http'}://${own.includes(':') ? `[${own}]` : own}:${port}`;
  return { shown, where: { host: own, port }, isSecure, basePath: '', token: null };
}
