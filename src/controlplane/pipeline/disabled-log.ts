// One line in the log for each router that cannot be served, with the cause, and one when it is served again.

import type { Log } from '../../core/log.ts';
import type { Compiled } from '../compile/compiled.ts';
import type { CompileResult } from '../compile/compile.ts';
import { causesOf } from './causes.ts';

/** Of one change; the rest is counted. */
const MAX_LINES = 20;

export class DisabledLog {
  readonly #log: Log;
  /** Causes by kind and name of the router. */
  #causes = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  note(result: CompileResult): void {
    const causes = new Map<string, string>();
    let told = 0;
    const tell = (kind: 'http' | 'tcp' | 'udp', router: Compiled<unknown>, consequence: string): void => {
      if (router.errors.length === 0) return;
      const key = `${kind} ${router.name}`;
      const cause = causesOf(result, router, kind);
      causes.set(key, cause);
      if (this.#causes.get(key) === cause || ++told > MAX_LINES) return;
      this.#log.warn(`a router is disabled: ${consequence}`, { router: router.name, cause });
    };
    for (const router of result.routers.values()) {
      const status = result.sections.routes[router.name]?.disabledStatus;
      const isPlaced = status !== undefined;
      tell(
        'http',
        router,
        isPlaced ? `its requests are answered ${status}` : 'its rule cannot be read, and takes no requests',
      );
    }
    for (const router of result.tcpRouters.values()) {
      const isPlaced = router.name in result.sections.tcpRoutes;
      tell(
        'tcp',
        router,
        isPlaced ? 'its connections are closed' : 'its rule cannot be read, and takes no connections',
      );
    }
    for (const router of result.udpRouters.values()) tell('udp', router, 'its datagrams are dropped');
    if (told > MAX_LINES) this.#log.warn('more routers are disabled', { count: told - MAX_LINES });
    const again = [...this.#causes.keys()].filter((key) => !causes.has(key) && isPresent(key, result));
    for (const key of again.slice(0, MAX_LINES)) {
      this.#log.info('a router is served again', { router: key.slice(key.indexOf(' ') + 1) });
    }
    this.#causes = causes;
  }
}

function isPresent(key: string, { routers, tcpRouters, udpRouters }: CompileResult): boolean {
  const [kind, name = ''] = key.split(' ', 2);
  const all = kind === 'http' ? routers : kind === 'tcp' ? tcpRouters : udpRouters;
  return all.has(name);
}
