// `signalbox run`: the router in the foreground, with its signals.

import { availableParallelism } from 'node:os';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { SignalboxError } from '../../core/errors.ts';
import { findInstallFile, installFileCandidates } from '../../controlplane/config/install/install-file.ts';
import { hasEnvironmentOptions } from '../../controlplane/config/install/install-sources.ts';
import type { InstallConfig } from '../../controlplane/config/install/install-config.ts';
import { loadInstallConfig, type InstallRequest } from '../../controlplane/config/install/load-install.ts';
import { endThreads } from '../../app/process/end-threads.ts';
import { Predecessor } from '../../app/takeover/predecessor.ts';
import { InheritedSockets } from '../../app/takeover/socket-activation.ts';
import type { StandaloneOptions } from '../../app/foundation.ts';
import { Standalone, type BoundEntryPoint } from '../../app/standalone.ts';
import { summaryLine, type Summary } from '../../app/summary.ts';
import type { Arguments } from '../arguments.ts';
import { formatDiagnostics } from '../format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io } from '../io.ts';

export interface RunOptions extends ServeOptions {
  readonly request: InstallRequest;
  /** Diagnostics as JSON lines. */
  readonly isJson?: boolean;
}

export interface ServeOptions {
  readonly workers: number | undefined;
  /** Sockets that were passed, and the process to succeed; a demonstration has neither. */
  readonly inherited?: InheritedSockets;
  readonly predecessor?: Predecessor;
  /** May be succeeded by another process. */
  readonly canBeSucceeded?: boolean;
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
  /** Called when requests are served. */
  onReady?(bound: readonly BoundEntryPoint[]): void;
}

const MAX_WORKERS = 128;
/** Workers end by themselves at the end of the grace time; after so much more nobody is waited for. */
const LATE_MS = 1_000;

/** Rejects with a SignalboxError when the flag is no number of workers. */
export function workersOf(args: Arguments): number | undefined {
  const text = args.flags.get('workers')?.[0];
  if (text === undefined) return undefined;
  const workers = Number(text);
  if (Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new SignalboxError('ERR_CLI_USAGE', `--workers takes a whole number from 1 to ${MAX_WORKERS}, found "${text}"`);
}

export async function run(args: Arguments, io: Io): Promise<number> {
  const workers = workersOf(args);
  const path = args.flags.get('config')?.[0] ?? (await findInstallFile(io.environment));
  const request: InstallRequest = { path, environment: io.environment, flags: args.options };
  if (path === null && args.options.length === 0 && !hasEnvironmentOptions(io.environment)) {
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `run: there is no configuration. Name a file with --config FILE, put signalbox.yml here, or give options such as --entryPoints.web.address=:8000. Looked for ${installFileCandidates(io.environment).length} files, the last being ./traefik.yml`,
    );
  }
  if (path !== null && !args.flags.has('config')) io.err(`configuration: ${path}\n`);
  const isJson = args.flags.has('json');
  if (args.flags.has('takeover')) return (await import('./takeover.ts')).takeOver(args, request, isJson, io);
  const predecessor = Predecessor.find(process.env);
  const inherited = InheritedSockets.from(process.env, predecessor === null ? process.pid : null);
  InheritedSockets.forget(process.env);
  const options: RunOptions = { request, workers, isJson, inherited, canBeSucceeded: true };
  return runRouter(predecessor === null ? options : { ...options, predecessor }, io);
}

/** Settles with the exit code when the router has ended. */
export async function runRouter(options: RunOptions, io: Io): Promise<number> {
  const { request } = options;
  const { value: install, diagnostics, document } = await loadInstallConfig(request);
  const show = (list: readonly Diagnostic[]): void =>
    io.err(
      options.isJson === true ? list.map((one) => `${JSON.stringify(one)}\n`).join('') : formatDiagnostics(list, io),
    );
  if (install === null) {
    show(diagnostics);
    const problem = `${request.path ?? 'the configuration'} has errors; nothing was started.`;
    io.err(
      options.isJson === true
        ? `${JSON.stringify({ error: { code: 'ERR_CONFIG_INVALID', message: problem } })}\n`
        : `\n${problem}\n`,
    );
    await options.predecessor?.failed(problem);
    return EXIT_USAGE;
  }
  // Routing diagnostics of the same file are shown with those of all providers.
  const ofRouting = new Set(install.routing?.diagnostics);
  const ofInstall = diagnostics.filter((one) => !ofRouting.has(one));
  // Those who read JSON from the standard error are not served with lines of text.
  const isText = !isJsonLog(install) || options.isJson === true;
  if (isText) show(ofInstall);
  if (Object.keys(install.entryPoints).length === 0) {
    io.err(EMPTY_HINT);
    await options.predecessor?.failed('the configuration names no entry point');
    return EXIT_USAGE;
  }
  const source = document === null ? {} : { source: { request, document } };
  const showNew = (list: readonly Diagnostic[], isRunning: boolean): void => {
    if (options.isJson === true || (isText && !isRunning)) show(list);
  };
  const served: Served = {
    install,
    ...source,
    environment: request.environment,
    startDiagnostics: ofInstall,
    onDiagnostics: showNew,
    announce: (bound, router) => {
      if (isJsonLog(install)) logStart(bound, router);
      else announce(bound, router, install, io);
    },
  };
  return serve(served, options, io);
}

export interface Served extends Omit<StandaloneOptions, 'workers' | keyof ServeOptions> {
  /** Says that requests are served, and where. */
  announce(bound: readonly BoundEntryPoint[], router: Standalone): void;
}

/** A router in the foreground, until a signal ends it; settles with the exit code. */
export async function serve(served: Served, options: ServeOptions, io: Io): Promise<number> {
  let settle: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    settle = resolve;
  });
  const { inherited, predecessor } = options;
  let router: Standalone | null = null;
  let signals: Signals | null = null;
  const leave = async (code: number): Promise<number> => {
    if (router !== null) await endThreads(router, io);
    return code;
  };
  try {
    router = await Standalone.create({
      ...served,
      workers: options.workers ?? availableParallelism(),
      ...(options.workerUrl === undefined ? {} : { workerUrl: options.workerUrl }),
      ...(options.workerExecArgv === undefined ? {} : { workerExecArgv: options.workerExecArgv }),
      ...(inherited === undefined ? {} : { inherited }),
      ...(predecessor === undefined ? {} : { predecessor }),
      ...(options.canBeSucceeded === true ? { onHandedOver: () => endWith(router!.ending.leave(), settle, io) } : {}),
    });
    // Before the start: a signal that arrives meanwhile ends it in order.
    signals = handleSignals(router, settle, io);
    logRejections(router);
    const bound = await router.start();
    served.announce(bound, router);
    options.onReady?.(bound);
  } catch (error) {
    // It was ended by a signal meanwhile, and is not to be blamed.
    if (signals?.isEnding === true) return ended.then(leave);
    const problem = error instanceof SignalboxError ? `${error.code}: ${error.message}` : String(error);
    io.err(`${problem}\n`);
    await predecessor?.failed(problem);
    return leave(EXIT_USAGE);
  }
  return ended.then(leave);
}

/** The log goes to standard error, a JSON object a line. */
function isJsonLog({ log }: InstallConfig): boolean {
  return log.format === 'json' && log.filePath === '';
}

function endWith(ending: Promise<void>, settle: (code: number) => void, io: Io): void {
  ending.then(
    () => settle(EXIT_OK),
    (error: unknown) => {
      io.err(`${String(error)}\n`);
      settle(EXIT_FAILED);
    },
  );
}

interface Signals {
  /** One has come that ends the process. */
  readonly isEnding: boolean;
}

function handleSignals(router: Standalone, settle: (code: number) => void, io: Io): Signals {
  const signals = { isEnding: false };
  const end = (): void => {
    if (signals.isEnding) {
      io.err('second signal: ending at once\n');
      settle(EXIT_FAILED);
      return;
    }
    signals.isEnding = true;
    const stopping = router.ending.stop();
    endWith(Promise.race([stopping, deadline(router.ending.stopMs + LATE_MS, io)]), settle, io);
  };
  const handlers: Readonly<Record<string, () => void>> = {
    SIGTERM: end,
    SIGINT: end,
    SIGHUP: () => void router.upkeep.reload(),
    SIGUSR1: () => router.upkeep.reopenLogs(),
    SIGUSR2: () => router.upkeep.requestMemory(),
  };
  for (const [name, handler] of Object.entries(handlers)) {
    // The program had its own until now.
    process.removeAllListeners(name);
    process.on(name, handler);
  }
  return signals;
}

/** Settles when the grace time is over, whatever else is still to be done. */
function deadline(ms: number, io: Io): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => {
      io.err('the grace time is over; ending with what is left undone\n');
      resolve();
    }, ms).unref();
  });
}

/** A promise that nobody waits for is a defect, and no reason to serve nobody. */
function logRejections({ log }: Standalone): void {
  process.on('unhandledRejection', (reason) => {
    const error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    log.error('a rejection that nobody handles; this is a defect, and the router goes on', { error });
  });
}

function addressOf({ name, address }: BoundEntryPoint, { schemeOf }: Summary): string {
  const host = address.host === '' ? 'localhost' : address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${schemeOf(name)}://${host}:${address.port}`;
}

/** Standard error is read by a program: everything on it is a line of the log. */
function logStart(bound: readonly BoundEntryPoint[], router: Standalone): void {
  const { summary } = router.controlPlane;
  for (const one of bound) router.log.info('listening', { entryPoint: one.name, address: addressOf(one, summary) });
  const { routers, tcpRouters, udpRouters, services, middlewares } = summary;
  router.log.info('serving', {
    routers: routers.inForce,
    tcpRouters: tcpRouters.inForce,
    udpRouters: udpRouters.inForce,
    services: services.inForce,
    middlewares: middlewares.inForce,
    disabledRouters: [routers, tcpRouters, udpRouters].reduce((sum, { all, inForce }) => sum + all - inForce, 0),
  });
  if (summary.isSelfSigned) router.log.warn(SELF_SIGNED);
}

function announce(bound: readonly BoundEntryPoint[], router: Standalone, install: InstallConfig, io: Io): void {
  const { summary } = router.controlPlane;
  for (const one of bound) io.err(`  ${one.name.padEnd(12)} ${addressOf(one, summary)}\n`);
  io.err(`${summaryLine(summary)}\n`);
  if (summary.isSelfSigned) io.err(`${SELF_SIGNED}\n`);
  const { routers, tcpRouters, udpRouters } = summary;
  if (routers.inForce + tcpRouters.inForce + udpRouters.inForce === 0)
    io.err(install.providers.length === 0 && install.routing === null ? NO_ROUTING_HINT : NO_ROUTERS_HINT);
}

const SELF_SIGNED =
  'HTTPS shows a self-signed certificate, which clients refuse or warn of: no certificate is configured (docs/tls.md)';

const EXAMPLE = `
http:
  routers:
    hello:
      rule: PathPrefix(\`/\`)
      service: hello
  services:
    hello:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:9000
`;

const EMPTY_HINT = `The configuration names no entry point to listen on. A complete one:

entryPoints:
  web:
    address: ":8000"
${EXAMPLE}
"signalbox demo" starts a router to play with.
`;

const NO_ROUTING_HINT = `There is nothing to route yet. Add routers to the same file, or name a file under providers.file.filename:
${EXAMPLE}`;

const NO_ROUTERS_HINT = 'Every request is answered 404 until the configuration has a router without errors.\n';
