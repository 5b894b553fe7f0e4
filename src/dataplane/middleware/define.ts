// The extension unit of the request path. A middleware is one file: options schema, reference text, and a `create` that
// runs once per configuration and returns the hot function. Dependencies come in as parameters, never from module
// state.

import type { SharedTable } from '../../core/shared-table.ts';
import type { Schema } from '../../schema/schema.ts';
import type { Handler } from '../http/exchange.ts';
import type { PasswordVerifier } from './auth/password-verifier.ts';

/** Wraps the next stage. The returned handler runs per request: no closures, spreads or option reading in it. */
export type Middleware = (next: Handler) => Handler;

/**
 * What a worker lends to what it builds from configuration: one object, made in engine/worker.ts and handed on whole.
 * A middleware that counts or remembers something over all workers brings a shared table of its own and asks for it
 * here.
 */
export interface WorkerResources {
  /** This worker's view of a table, which must be in the list of dataplane/engine/shared-tables.ts. */
  readonly table: <View>(table: SharedTable<View>) => View;
  readonly passwords: PasswordVerifier;
  /** Random bytes that all workers of the process share: what one has signed, another one believes. */
  readonly secret: Uint8Array;
  /** Those that could be loaded, by their name in configuration. */
  readonly plugins: ReadonlyMap<string, MiddlewareDefinition>;
  /** A plugin's middleware could not be created; its requests are answered 500. */
  readonly unusable: (middleware: string, error: unknown) => void;
}

export interface MiddlewareContext extends WorkerResources {
  /** The handler of a service by its qualified name; it stays the same while the service changes. */
  readonly service: (name: string) => Handler;
  /** Qualified name, for messages. */
  readonly name: string;
  /**
   * Calls back when this middleware is replaced or taken away, for what it has begun beside requests. Requests in
   * progress may still go through it.
   */
  readonly onDispose: (dispose: () => void) => void;
}

export interface MiddlewareDefinition {
  /** Key in configuration, camelCase. */
  readonly kind: string;
  /** One sentence for the reference page. */
  readonly summary: string;
  /** When to use it and what to know, Markdown; shown under the summary. */
  readonly description: string;
  /** How it differs from Traefik's of that name; left out when it does not. */
  readonly differs?: string;
  readonly options: Schema<object>;
  /** Names of options that hold the name of a service, which `create` gets qualified. */
  readonly serviceOptions?: readonly string[];
  create(options: object, context: MiddlewareContext): Middleware;
}

/** Ties `create` to the type of the options schema. */
export function defineMiddleware<Options extends object>(definition: {
  readonly kind: string;
  readonly summary: string;
  readonly description: string;
  readonly differs?: string;
  readonly options: Schema<Options>;
  readonly serviceOptions?: readonly (keyof Options & string)[];
  create(options: Options, context: MiddlewareContext): Middleware;
}): MiddlewareDefinition {
  // What reaches `create` has passed `options`: the registry is the only caller.
  return definition as MiddlewareDefinition;
}
