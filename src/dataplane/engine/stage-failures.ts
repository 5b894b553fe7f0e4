// What the log says of code of a request that threw: where it was asked for, and whose it is, a plugin's or ours.

import { fileURLToPath } from 'node:url';
import { describeError } from '../../core/errors.ts';
import type { PluginModule } from '../../model/plugin.ts';
import type { Exchange } from '../http/exchange.ts';
import { PluginError } from '../middleware/plugin/plugin.ts';
import { LineLimit } from './line-limit.ts';

/** A stage that fails with every request must not bury the main thread under stacks. */
const MAX_LINES_PER_SECOND = 100;

export class StageFailures {
  readonly #plugins: readonly PluginModule[];
  readonly #lines = new LineLimit(MAX_LINES_PER_SECOND);

  constructor(plugins: readonly PluginModule[]) {
    this.#plugins = plugins;
  }

  /** Fields of the line about a stage that threw; null when there were too many lines of late. */
  fieldsOf(exchange: Exchange, error: unknown, nowMs: number): Readonly<Record<string, unknown>> | null {
    const unreported = this.#lines.admit(nowMs);
    if (unreported === null) return null;
    const isPlugin = error instanceof PluginError;
    const thrown = describeError(isPlugin ? error.cause : error);
    // A response hook runs long after its stage: whose it is, its stack tells.
    const plugin = isPlugin ? undefined : this.pluginIn(thrown);
    return {
      router: exchange.routerName,
      service: exchange.serviceName,
      ...(unreported === 0 ? {} : { unreported }),
      ...(isPlugin ? { middleware: error.middleware } : {}),
      ...(plugin === undefined ? {} : { plugin }),
      error: thrown,
    };
  }

  /** The plugin whose code a stack shows. */
  pluginIn(stack: string): string | undefined {
    return this.#plugins.find(({ url }) => stack.includes(url) || stack.includes(fileURLToPath(url)))?.name;
  }
}
