// What the path middlewares share: prefixes in the two forms of a path, and giving a request another path.

import type { PathPolicy } from '../../model/entrypoint.ts';
import type { Exchange } from '../http/exchange.ts';
import { normalisePath, type NormalPath } from '../http/request-target.ts';

/** Everything may be encoded in a path that configuration gives; nothing is rewritten. */
const AS_WRITTEN: PathPolicy = {
  sanitize: false,
  encodeQuerySemicolons: false,
  allowEncoded: {
    slash: true,
    backSlash: true,
    nullCharacter: true,
    semicolon: true,
    percent: true,
    questionMark: true,
    hash: true,
  },
};

/** A configured path as rules see it and as it is sent; null when it is no path. */
export function pathForms(path: string): NormalPath | null {
  const encoded = encodeURI(decodeSafely(path));
  const forms: NormalPath = { routing: '', forward: '' };
  return normalisePath(encoded, AS_WRITTEN, forms) === null ? forms : null;
}

function decodeSafely(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** Sets both forms of the request's path. */
export function setPath(exchange: Exchange, routing: string, forward: string): void {
  exchange.path = routing;
  exchange.forwardPath = forward;
}

/** A path that an origin would resolve to another one. */
export function isNormalPath(path: string): boolean {
  return !/\/\.\.?(?:\/|$)|\/\//.test(path);
}
