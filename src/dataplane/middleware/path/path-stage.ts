// What the path middlewares share: prefixes in the two forms of a path, and giving a request another path.

import type { PathPolicy } from '../../../model/entry-point.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { string } from '../../../schema/scalar.ts';
import type { Schema } from '../../../schema/schema.ts';
import type { Exchange } from '../../http/exchange.ts';
import { normalisePath, type NormalPath } from '../../http/request-target.ts';

/** Everything may be encoded in a path that configuration gives; nothing is rewritten. */
const AS_WRITTEN: PathPolicy = {
  sanitize: false,
  encodeQuerySemicolons: false,
  allowEncoded: {
    slash: true,
    backSlash: true,
    semicolon: true,
    percent: true,
    questionMark: true,
    hash: true,
  },
};

/** A path a middleware made out of one that had no dot segments and no empty ones must have none either. */
const SANITIZED: PathPolicy = { ...AS_WRITTEN, sanitize: true };

/** A configured path as rules see it and as it is sent; null when it is no path. */
export function pathForms(path: string): NormalPath | null {
  const forms: NormalPath = { routing: '', forward: '' };
  return normalisePath(encodePath(path), AS_WRITTEN, forms) === null ? forms : null;
}

/** Percent-encodes what a path may not hold raw; what is percent-encoded already stays as it is. */
export function encodePath(text: string): string {
  // A lone surrogate is no text: it cannot be encoded.
  const encoded = encodeURI(text.replace(/\p{Surrogate}/gu, '\ufffd'));
  return encoded.replace(/%25([0-9A-Fa-f]{2})/g, '%$1').replace(/[?#]/g, (mark) => (mark === '?' ? '%3F' : '%23'));
}

const pathText = string();

/**
 * An option that holds a path. Where it begins with none a slash is put before it; what a path cannot hold is encoded.
 */
export const pathOption: Schema<string> = {
  ...pathText,
  decode(input, context) {
    const given = pathText.decode(input, context);
    if (given === INVALID) return INVALID;
    if (/[\0-\x1f\x7f]/.test(given)) return context.invalid('the path holds control characters', 'a path', given);
    const path = given.startsWith('/') ? given : `/${given}`;
    return pathForms(path) === null ? context.invalid('the path holds an encoded NUL', 'a path', given) : path;
  },
};

/**
 * Gives the request a path that a middleware put together from parts that are encoded already. False when the result is
 * ambiguous: the request must then be refused.
 */
export function setComposedPath(exchange: Exchange, path: string): boolean {
  const policy = isNormalPath(exchange.path) ? SANITIZED : AS_WRITTEN;
  if (normalisePath(path.startsWith('/') ? path : `/${path}`, policy, composed) !== null) return false;
  setPath(exchange, composed.routing, composed.forward);
  return true;
}

/** Reused: read before the next call. */
const composed: NormalPath = { routing: '', forward: '' };

/** Sets both forms of the request's path. */
export function setPath(exchange: Exchange, routing: string, forward: string): void {
  exchange.path = routing;
  exchange.forwardPath = forward;
}

/** A path that an origin would resolve to another one. */
function isNormalPath(path: string): boolean {
  return !/\/\.\.?(?:\/|$)|\/\//.test(path);
}

/**
 * Takes a prefix off both forms of the path and tells the service, which clients know under a longer path. False when
 * the rest is no normal path: an origin would resolve it to another one.
 */
export function stripPath(exchange: Exchange, routing: string, forward: string): boolean {
  const path = withSlash(exchange.path.slice(routing.length));
  if (!isNormalPath(path)) return false;
  setPath(exchange, path, withSlash(exchange.forwardPath.slice(forward.length)));
  // Encoded: a decoded character could be a line break on the wire. Stripping twice sends two lines.
  exchange.requestHeaders.appendLine('x-forwarded-prefix', `X-Forwarded-Prefix: ${forward}\r\n`);
  return true;
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** Tells the service which path was asked for. */
export function reportReplaced(exchange: Exchange, original: string): void {
  exchange.requestHeaders.appendLine('x-replaced-path', `X-Replaced-Path: ${original}\r\n`);
}
