// `signalbox run`: the router in the foreground, with its signals.

import { availableParallelism } from 'node:os';
import type { Diagnostic } from '../model/diagnostic.ts';
import { SignalboxError } from '../core/errors.ts';
import { loadInstallConfig, type InstallConfig } from '../controlplane/config/install-config.ts';
import { Standalone, type BoundEntryPoint } from '../app/standalone.ts';
import { formatDiagnostics } from './format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io } from './io.ts';

export interface RunOptions {
  readonly config: string;
  readonly workers: number | undefined;
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
  /** Called when requests are served. */
  onReady?(bound: readonly BoundEntryPoint[]): void;
}

/** Settles with the exit code when the router has ended. */
export async function runRouter(options: RunOptions, io: Io): Promise<number> {
  const { value: install, diagnostics } = await loadInstallConfig(options.config);
  const show = (list: readonly Diagnostic[]): void => io.err(formatDiagnostics(list, io.color));
  if (install === null) {
    show(diagnostics);
    io.err(`\n${options.config} has errors; nothing was started.\n`);
    return EXIT_USAGE;
  }
  // Routing diagnostics of the same file are shown with those of all providers.
  const ofRouting = new Set(install.routing?.diagnostics);
  show(diagnostics.filter((one) => !ofRouting.has(one)));
  if (Object.keys(install.entryPoints).length === 0) {
    io.err(EMPTY_HINT);
    return EXIT_USAGE;
  }
  return serve(install, options, io, show);
}

async function serve(
  install: InstallConfig,
  options: RunOptions,
  io: Io,
  show: (list: readonly Diagnostic[]) => void,
): Promise<number> {
  let settle: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    settle = resolve;
  });
  let router: Standalone;
  try {
    router = new Standalone({
      install,
      workers: options.workers ?? availableParallelism(),
      ...(options.workerUrl === undefined ? {} : { workerUrl: options.workerUrl }),
      ...(options.workerExecArgv === undefined ? {} : { workerExecArgv: options.workerExecArgv }),
      onDiagnostics: show,
      onFatal: (error) => {
        io.err(`${error.code}: ${error.message}\n`);
        settle(EXIT_FAILED);
      },
    });
    // Before the start: a signal that arrives meanwhile ends it in order.
    handleSignals(router, settle, io);
    const bound = await router.start();
    announce(bound, router, install, io);
    options.onReady?.(bound);
  } catch (error) {
    io.err(error instanceof SignalboxError ? `${error.code}: ${error.message}\n` : `${String(error)}\n`);
    return EXIT_USAGE;
  }
  return ended;
}

function handleSignals(router: Standalone, settle: (code: number) => void, io: Io): void {
  let isEnding = false;
  const end = (): void => {
    if (isEnding) {
      io.err('second signal: ending at once\n');
      process.exit(EXIT_FAILED);
    }
    isEnding = true;
    router.stop().then(
      () => settle(EXIT_OK),
      (error: unknown) => {
        io.err(`${String(error)}\n`);
        settle(EXIT_FAILED);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('SIGHUP', () => void router.reload());
  process.on('SIGUSR1', () => router.reopenLogs());
  process.on('SIGUSR2', () => router.requestMemory());
}

function announce(bound: readonly BoundEntryPoint[], router: Standalone, install: InstallConfig, io: Io): void {
  for (const { name, address } of bound) {
    const host = address.host === '' ? 'localhost' : address.host.includes(':') ? `[${address.host}]` : address.host;
    io.err(`  ${name.padEnd(12)} http://${host}:${address.port}\n`);
  }
  const { routers, services, middlewares } = router.counts;
  const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;
  io.err(`${count(routers, 'router')}, ${count(services, 'service')}, ${count(middlewares, 'middleware')}\n`);
  if (routers === 0)
    io.err(install.fileProvider === null && install.routing === null ? NO_ROUTING_HINT : NO_ROUTERS_HINT);
}

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
