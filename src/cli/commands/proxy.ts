// `signalbox proxy NAME TARGET…`: HTTPS in front of servers on this machine, without a configuration.

import { lookup } from 'node:dns/promises';
import { SignalboxError } from '../../core/errors.ts';
import { parseConfig } from '../../controlplane/config/document/document.ts';
import type { InstallConfig } from '../../controlplane/config/install/install-config.ts';
import { decodeInstallDocument } from '../../controlplane/config/install/load-install.ts';
import { operatorSubstitutions } from '../../controlplane/config/install/operator-substitutions.ts';
import { authorityDirectory, openAuthority } from '../../controlplane/local-authority/authority-directory.ts';
import { isNotedTrusted } from '../../controlplane/local-authority/trust-note.ts';
import { isLoopbackName } from '../../controlplane/local-authority/root-certificate.ts';
import type { BoundSocket } from '../../dataplane/net/listening-socket.ts';
import type { Arguments } from '../arguments.ts';
import type { Io } from '../io.ts';
import { parsePairs, type Pair } from '../proxy/pairs.ts';
import { openPorts, type OpenPort, type Ports } from '../proxy/ports.ts';
import { RequestLines } from '../proxy/request-lines.ts';
import { serve, workersOf } from './run.ts';

/** Two are enough for one person, and start quickly. */
const WORKERS = 2;

export async function proxy(args: Arguments, io: Io): Promise<number> {
  const pairs = parsePairs(args.positionals);
  const workers = workersOf(args) ?? WORKERS;
  const ports = [portOf(args, 'port'), portOf(args, 'http-port')] as const;
  const names = pairs.map(({ name }) => name);
  const localNames = names.filter((name) => !isLoopbackName(name));
  const directory = authorityDirectory(io.environment, null);
  if (directory === null) {
    throw new SignalboxError(
      'ERR_AUTHORITY_UNUSABLE',
      'proxy: there is no place for the authority that certifies the names: HOME is not set; set HOME or XDG_DATA_HOME to a directory of yours',
    );
  }
  // Before anything listens: without certificates there is nothing to serve.
  const { fingerprint } = openAuthority(directory, localNames, Date.now());
  const warning = isNotedTrusted(directory, fingerprint)
    ? ''
    : 'Browsers warn of a certificate they do not know until "signalbox trust" has been run.\n';
  const open = await openPorts(...ports);
  const { install, sockets } = configurationOf(pairs, open);
  return serve(
    {
      install,
      ownSockets: sockets,
      localNames,
      environment: io.environment,
      accessLogSink: () => new RequestLines((text) => io.out(text), io.color),
      announce: () => {
        io.err(bannerOf(pairs, open, warning, io));
        void remarkNames(localNames, io);
      },
      onDiagnostics: (found) => {
        for (const { message } of found) io.err(`${message}\n`);
      },
    },
    { workers },
    io,
  );
}

function portOf(args: Arguments, flag: 'port' | 'http-port'): number | undefined {
  const text = args.flags.get(flag)?.[0];
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SignalboxError(
    'ERR_CLI_USAGE',
    `proxy: --${flag} takes a port from 1 to 65535, or 0 for any; found "${text}"`,
  );
}

/** The configuration that a person would write for the same, and its sockets by entry point. */
function configurationOf(
  pairs: readonly Pair[],
  { https, http }: Ports,
): { readonly install: InstallConfig; readonly sockets: ReadonlyMap<string, BoundSocket> } {
  const sockets = new Map<string, BoundSocket>();
  const entryPoints: Record<string, unknown> = {};
  const add = (name: string, { sockets: bound }: OpenPort, options: object): void => {
    bound.forEach((socket, index) => {
      const { host, port } = socket.address;
      const own = index === 0 ? name : `${name}6`;
      sockets.set(own, socket);
      entryPoints[own] = {
        address: `${host.includes(':') ? `[${host}]` : host}:${port}`,
        http: options,
        // Pages that are open hold a WebSocket for as long as they are.
        transport: { lifeCycle: { graceTimeOut: '500ms' } },
      };
    });
  };
  add('https', https, { tls: {} });
  // Browsers would keep a permanent one for the next program on the port.
  if (http !== null) add('http', http, { redirections: { entryPoint: { to: 'https', permanent: false } } });
  const numbered = pairs.map(({ name, url }, index) => ({ key: `proxy${index + 1}`, name, url }));
  const secure = ['https', 'https6'].filter((name) => name in entryPoints);
  const value = {
    entryPoints,
    accessLog: { format: 'json' },
    // What fails a request is said with the request.
    log: { level: 'ERROR' },
    http: {
      routers: Object.fromEntries(
        numbered.map(({ key, name }) => [
          key,
          { rule: `Host(\`${hostOf(name)}\`)`, entryPoints: secure, service: key, tls: {} },
        ]),
      ),
      services: Object.fromEntries(
        numbered.map(({ key, url }) => [
          key,
          { loadBalancer: { servers: [{ url }], ...(isOwn(url) ? { serversTransport: 'own' } : {}) } },
        ]),
      ),
      // Nobody is between the router and a server of the same machine, and hardly one has a certificate that others
      // trust.
      serversTransports: { own: { insecureSkipVerify: true } },
    },
  };
  const document = parseConfig('proxy.json', JSON.stringify(value));
  const { value: install, diagnostics } = decodeInstallDocument(document, operatorSubstitutions({}));
  if (install === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return { install, sockets };
}

function isOwn(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' && isLoopbackName(hostname.replace(/^\[|\]$/g, ''));
}

function bannerOf(pairs: readonly Pair[], { https, http, remarks }: Ports, warning: string, io: Io): string {
  const addresses = pairs.map(({ name }) => addressOf('https', name, https.port));
  const width = Math.max(...addresses.map(({ length }) => length));
  const lines = pairs.map(({ url }, index) => `  ${addresses[index]!.padEnd(width)}  to ${url}\n`);
  const bold = (text: string): string => (io.color ? `\x1b[1m${text}\x1b[0m` : text);
  const redirection = http === null ? '' : `${addressOf('http', pairs[0]!.name, http.port)} leads there as well.\n`;
  const notes = remarks.map((remark) => `${remark[0]!.toUpperCase()}${remark.slice(1)}.\n`);
  return `\n${lines.map(bold).join('')}\n${redirection}${notes.join('')}${warning}Ctrl-C ends it.\n\n`;
}

function addressOf(scheme: 'http' | 'https', name: string, port: number): string {
  return `${scheme}://${hostOf(name)}${port === (scheme === 'http' ? 80 : 443) ? '' : `:${port}`}`;
}

function hostOf(name: string): string {
  return name.includes(':') ? `[${name}]` : name;
}

/** Browsers take names below localhost for this machine; others have to be looked up. */
async function remarkNames(names: readonly string[], io: Io): Promise<void> {
  for (const name of names) {
    const found = await lookup(name, { all: true }).catch(() => []);
    if (found.some(({ address }) => isLoopbackName(address))) continue;
    const where = found.length === 0 ? 'is not known' : `leads to ${found.map(({ address }) => address).join(', ')}`;
    io.err(`${name} ${where}, not to this machine: add the line "127.0.0.1 ${name}" to /etc/hosts.\n`);
  }
}
