// The extension unit of the request path. A middleware is one file: options schema, reference text, and a `create` that
// runs once per configuration and returns the hot function. Dependencies come in as parameters, never from module state.

import type { Schema } from '../../schema/schema.ts';
import type { Handler } from '../http/exchange.ts';

/** Wraps the next stage. The returned handler runs per request: no closures, spreads or option reading in it. */
export type Middleware = (next: Handler) => Handler;

export interface MiddlewareContext {
  /** Qualified name, for messages. */
  readonly name: string;
}

export interface MiddlewareDefinition<Options = never> {
  /** Key in configuration, camelCase. */
  readonly kind: string;
  /** One sentence for the reference page. */
  readonly summary: string;
  /** When to use it and what to know, Markdown; shown under the summary. */
  readonly description: string;
  readonly options: Schema<Options>;
  create(options: Options, context: MiddlewareContext): Middleware;
}

/** Types a definition by its own schema. */
export function defineMiddleware<Options>(definition: MiddlewareDefinition<Options>): MiddlewareDefinition<Options> {
  return definition;
}
