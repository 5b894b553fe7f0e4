// Which methods are served, whatever the protocol they come in.

import { FAILURES, type Failure } from './failure.ts';

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** Custom methods (PROPFIND, PURGE, QUERY, M-SEARCH …) pass when they look like one. */
const EXTENSION_METHOD = /^[A-Z][A-Z0-9_-]{0,31}$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Null for a method that is served; `badRequestLine` says that it is none at all. */
export function refuseMethod(method: string): Failure | null {
  if (KNOWN_METHODS.has(method)) return null;
  if (!TOKEN.test(method)) return FAILURES.badRequestLine;
  if (REFUSED_METHODS.has(method)) return FAILURES.methodNotAllowed;
  return EXTENSION_METHOD.test(method) ? null : FAILURES.methodUnknown;
}
