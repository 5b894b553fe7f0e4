// What the tests of a file share, started once at its top and ended with it:
// `const { origin, router } = await startLab(…)`. What is ended first is what was started last, so that a router goes
// before the servers that it has connections to.

import { afterAll, beforeEach } from 'vitest';
import { answerOk, RecordingOrigin, type Respond } from './recording-origin.ts';
import { startRouter, type RouterOptions, type RouterProcess } from './router.ts';

/** Ends it when the tests of the file are through. To be awaited at the top of the file. */
export async function forFile<T extends AsyncDisposable>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  afterAll(() => started[Symbol.asyncDispose]());
  return started;
}

export interface Lab {
  readonly origin: RecordingOrigin;
  readonly router: RouterProcess;
  /** Of the entry point `web`. */
  readonly web: number;
}

/**
 * A router in front of an origin, `install` being given the port of that: the text of its configuration, or all that it
 * is started with. Each test finds the origin without connections, and answering by `respond`.
 */
export async function startLab(
  install: (originPort: number) => string | RouterOptions,
  respond: Respond = answerOk,
): Promise<Lab> {
  const origin = await forFile(RecordingOrigin.start(respond));
  const options = install(origin.port);
  const router = await forFile(startRouter(typeof options === 'string' ? { install: options } : options));
  beforeEach(() => {
    for (const { socket } of origin.connections) socket.destroy();
    origin.connections.length = 0;
    origin.respond = respond;
  });
  return { origin, router, web: router.ports['web']! };
}
