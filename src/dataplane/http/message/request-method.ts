// Which methods are served, whatever the protocol they come in.

import { FAILURES, type Failure } from '../failure.ts';
import { TOKEN } from './grammar.ts';

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** Custom methods pass (PROPFIND, M-SEARCH, `patch`): any token is one, and case counts (RFC 9110 §9.1). */
const MAX_METHOD_LENGTH = 64;

/** Methods that give a body a meaning: without one they say so, which some servers insist on (RFC 9110 §8.6). */
export const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH']);

/** Null for a method that is served; `badRequestLine` says that it is none at all. */
export function refuseMethod(method: string): Failure | null {
  if (KNOWN_METHODS.has(method)) return null;
  if (!TOKEN.test(method)) return FAILURES.badRequestLine;
  // In any case: a server that upper-cases methods would see them.
  if (REFUSED_METHODS.has(method.toUpperCase())) return FAILURES.methodNotAllowed;
  return method.length <= MAX_METHOD_LENGTH ? null : FAILURES.methodUnknown;
}
