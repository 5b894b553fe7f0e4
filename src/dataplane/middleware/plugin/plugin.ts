// plugin: a middleware of the user's own, loaded at start; see plugin-loader.ts. What it does wrong costs the requests
// that pass it: it may throw, reject, or fail to be created, and the worker and everybody else's requests go on.

import { didYouMean } from '../../../core/did-you-mean.ts';
import { HIDDEN } from '../../../core/hide-secrets.ts';
import { formatPath, type DecodeContext, type PathSegment } from '../../../schema/decode-context.ts';
import { INVALID, type Invalid } from '../../../schema/invalid.ts';
import { record } from '../../../schema/collection.ts';
import { isMap } from '../../../schema/input.ts';
import { leaf } from '../../../schema/scalar.ts';
import type { Schema } from '../../../schema/schema.ts';
import type { Exchange, Handler } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { defineMiddleware, type Middleware, type MiddlewareContext } from '../define.ts';

/** What was thrown, and the middleware in whose handler it was. */
export class PluginError extends Error {
  readonly middleware: string;

  constructor(middleware: string, cause: unknown) {
    super(`middleware ${middleware}`, { cause });
    this.name = 'PluginError';
    this.middleware = middleware;
  }
}

/** One plugin's name and its options, which are decoded by its own schema. */
const pluginOptions: Schema<Readonly<Record<string, object>>> = {
  ...record({ ...leaf('section', { type: ['object', 'null'] }, () => ({})), isOpen: true }),
  decode(input, context) {
    if (!isMap(input)) return context.wrongType('a section with the name of a plugin', input);
    const names = Object.keys(input);
    if (names.length !== 1) {
      const found = names.length === 0 ? 'none' : names.join(', ');
      return context.invalid(`name one plugin and its options, found ${found}`, 'exactly one plugin', found);
    }
    const name = names[0]!;
    return context.at(name, () => {
      if (context.refuseKey(name)) return INVALID;
      const options = decodeOptions(name, input[name], context);
      return options === INVALID ? INVALID : { [name]: options };
    });
  },
};

function decodeOptions(name: string, input: unknown, context: DecodeContext): object | Invalid {
  const schema = context.plugins.get(name);
  if (schema === undefined) return unknownPlugin(name, context);
  const errorsBefore = context.errorCount;
  let options: object | Invalid;
  try {
    options = schema.decode(input, context);
    // They travel to the workers; a function among them would be refused there.
    if (options !== INVALID) structuredClone(options);
  } catch (error) {
    return context.invalid(`the options of the plugin cannot be decoded: ${String(error)}`, 'plain values', 'an error');
  }
  if (context.errorCount > errorsBefore) return INVALID;
  if (isMap(options)) {
    noteSecrets(options, schema as Schema<unknown>, context.path, context); // What `object` has made of what a plugin says.
    return options;
  }
  return context.invalid('the schema of the plugin returned no section; build it with `object`', 'a section', 'none');
}

/** Who shows configuration knows no schema of a plugin: what it has marked is shown as if it had been written so. */
function noteSecrets(
  value: unknown,
  schema: Schema<unknown> | undefined,
  path: readonly PathSegment[],
  context: DecodeContext,
): void {
  if (value === undefined || schema === undefined) return;
  if (schema.isSecret === true) {
    const isSubstituted = context.substituted.some((one) => formatPath(one.path) === formatPath(path));
    if (!isSubstituted) context.substituted.push({ path: [...path], written: HIDDEN });
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => noteSecrets(item, schema.item, [...path, index], context));
  } else if (isMap(value)) {
    for (const [name, part] of Object.entries(value)) {
      noteSecrets(part, schema.fields?.[name]?.schema ?? schema.item, [...path, name], context);
    }
  }
}

function unknownPlugin(name: string, context: DecodeContext): Invalid {
  const known = [...context.plugins.keys()];
  const near = didYouMean(name, known);
  const rest =
    near !== null
      ? `; did you mean "${near}"?`
      : known.length > 0
        ? `; known are ${known.join(', ')}`
        : '; name it in the section "plugins" of the install configuration';
  const hint = near === null ? {} : { hint: near };
  context.report('error', 'dangling-reference', `there is no plugin "${name}"${rest}`, hint);
  return INVALID;
}

export const plugin = defineMiddleware({
  kind: 'plugin',
  summary: 'A middleware of your own, in TypeScript or JavaScript.',
  description:
    'The section holds the name of one plugin of the install configuration’s `plugins` and the options that this plugin takes. [Plugins](../plugins.md) tells how to write one.',
  differs: 'Plugins are modules in TypeScript or JavaScript that the section `plugins` names; those in Go are not run.',
  options: pluginOptions,
  create(given, context) {
    const [name, options] = Object.entries(given)[0]!;
    try {
      const definition = context.plugins.get(name);
      if (definition === undefined) throw new Error(`the plugin "${name}" is not loaded in this worker`);
      return guarded(definition.create(options, context), context);
    } catch (error) {
      return unusable(error, context);
    }
  },
});

function guarded(middleware: unknown, context: MiddlewareContext): Middleware {
  if (typeof middleware !== 'function') throw new Error('create returned no function; it returns `(next) => handler`');
  const failed = (exchange: Exchange, error: unknown): void =>
    exchange.downstream.handlerFailed(exchange, new PluginError(context.name, error));
  return (next) => {
    let handler: Handler;
    try {
      handler = (middleware as Middleware)(next); // Whoever writes in JavaScript may return anything: looked at below.
      if (typeof handler !== 'function') throw new Error('the middleware returned no handler, `(exchange) => …`');
    } catch (error) {
      return unusable(error, context)(next);
    }
    return function pluginStage(exchange) {
      let waiting: unknown;
      try {
        waiting = handler(exchange);
      } catch (error) {
        failed(exchange, error);
        return undefined;
      }
      if (!(waiting instanceof Promise)) return undefined;
      return waiting.catch((error: unknown) => failed(exchange, error)) as Promise<void>; // What it yields is nobody's.
    };
  };
}

/** A stage that lets nothing through: requests that should have passed the plugin must not go on without it. */
function unusable(error: unknown, context: MiddlewareContext): Middleware {
  context.unusable(context.name, error);
  return () =>
    function unusablePluginStage(exchange) {
      respondFailure(exchange, FAILURES.internal);
    };
}
