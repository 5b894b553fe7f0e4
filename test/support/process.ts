// The built program as tests that only need an address and an end see it: a text of configuration in, URLs out. The
// process itself is started and watched by router.ts.

import { startRouter as startRouterProcess, type RouterProcess } from './router.ts';

export interface StartOptions {
  /** Text of signalbox.yml; `DIR` stands for the scratch directory. Ports should be 0. */
  readonly install: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly workers?: number;
  /** Further arguments of `run`. */
  readonly args?: readonly string[];
}

export interface StartedRouter {
  /** Of the entry point `web`, without a slash at the end; '' when there is none. */
  readonly url: string;
  /** Of the internal entry point; '' when nothing is served there. */
  readonly adminUrl: string;
  readonly directory: string;
  readonly pid: number;
  readonly exited: Promise<number | null>;
  stderr(): string;
  stdout(): string;
  signal(name: NodeJS.Signals): void;
  /** Ends the process at once and removes the directory. */
  stop(): Promise<void>;
}

/** Settles when the program has said how much it routes. */
export async function startRouter(options: StartOptions): Promise<StartedRouter> {
  const router: RouterProcess = await startRouterProcess(options);
  const urlOf = (name: string): string => {
    const port = router.ports[name];
    return port === undefined ? '' : `http://127.0.0.1:${port}`;
  };
  return {
    url: urlOf('web'),
    adminUrl: urlOf('traefik'),
    directory: router.directory,
    pid: router.pid,
    exited: router.exited,
    stderr: () => router.stderr(),
    stdout: () => router.stdout(),
    signal: (name) => router.signal(name),
    stop: () => router[Symbol.asyncDispose](),
  };
}
