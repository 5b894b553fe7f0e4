// What one compiled configuration changes about another, object by object, as people see it: decoded options with secrets
// hidden. It is what `check` and `diff` answer.

import { isMap, type Schema } from '../../schema/schema.ts';
import type { Compiled } from '../compile/compilation.ts';
import type { ObjectKind } from '../compile/object-kind.ts';
import type { CompileResult } from '../compile/compile.ts';
import { middlewareOptions, routerOptions } from '../config/routing-options.ts';
import { serviceOptions } from '../config/service-options.ts';
import {
  tcpMiddlewareOptions,
  tcpRouterOptions,
  tcpServiceOptions,
  tcpTransportOptions,
} from '../config/tcp-options.ts';
import { udpRouterOptions, udpServiceOptions } from '../config/udp-options.ts';
import { tlsOptions } from '../config/tls-options.ts';
import { namedTransportOptions } from '../config/transport-options.ts';
import { parseWritten, redact, redactWritten } from '../config/redact.ts';

export type ObjectStatus = 'enabled' | 'warning' | 'disabled';

export interface FieldChange {
  /** `loadBalancer.servers[0].url` */
  readonly path: string;
  /** Absent when there was no value. */
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface ObjectChange {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Afterwards; of removed objects before. */
  readonly status: ObjectStatus;
  readonly fields: readonly FieldChange[];
}

/** Fields of one object that are listed; the rest is a count away from what a person reads. */
const MAX_FIELDS = 100;

/** Options of each kind. */
export const SCHEMAS: Readonly<Record<ObjectKind, Schema<unknown>>> = {
  router: routerOptions,
  middleware: middlewareOptions,
  service: serviceOptions,
  serversTransport: namedTransportOptions,
  tlsOptions,
  tcpRouter: tcpRouterOptions,
  tcpMiddleware: tcpMiddlewareOptions,
  tcpService: tcpServiceOptions,
  tcpServersTransport: tcpTransportOptions,
  udpRouter: udpRouterOptions,
  udpService: udpServiceOptions,
};

export function statusOf(compiled: Compiled<unknown>): ObjectStatus {
  if (compiled.errors.length > 0) return 'disabled';
  return compiled.warnings.length > 0 ? 'warning' : 'enabled';
}

/** The object's options as they may be shown; as they were written when they did not decode. */
export function shownOptions(kind: ObjectKind, { object }: Compiled<unknown>): Record<string, unknown> {
  const shown =
    object.value === null
      ? redactWritten(parseWritten(object.text), SCHEMAS[kind])
      : redact(object.value, SCHEMAS[kind], object.substituted);
  return isMap(shown) ? { ...shown } : {};
}

export function diffResults(before: CompileResult, after: CompileResult): readonly ObjectChange[] {
  return [
    ...diffKind('router', before.routers, after.routers),
    ...diffKind('middleware', before.middlewares, after.middlewares),
    ...diffKind('service', before.services, after.services),
    ...diffKind('serversTransport', before.serversTransports, after.serversTransports),
    ...diffKind('tlsOptions', before.tlsOptions, after.tlsOptions),
    ...diffKind('tcpRouter', before.tcp.routers, after.tcp.routers),
    ...diffKind('tcpMiddleware', before.tcp.middlewares, after.tcp.middlewares),
    ...diffKind('tcpService', before.tcp.services, after.tcp.services),
    ...diffKind('tcpServersTransport', before.tcp.serversTransports, after.tcp.serversTransports),
    ...diffKind('udpRouter', before.udp.routers, after.udp.routers),
    ...diffKind('udpService', before.udp.services, after.udp.services),
  ];
}

function diffKind(
  kind: ObjectKind,
  before: ReadonlyMap<string, Compiled<unknown>>,
  after: ReadonlyMap<string, Compiled<unknown>>,
): ObjectChange[] {
  const changes: ObjectChange[] = [];
  for (const name of [...new Set([...before.keys(), ...after.keys()])].toSorted()) {
    const old = before.get(name);
    const fresh = after.get(name);
    if (fresh === undefined) {
      changes.push({ kind, name, change: 'removed', status: statusOf(old!), fields: [] });
    } else if (old === undefined) {
      changes.push({ kind, name, change: 'added', status: statusOf(fresh), fields: fieldChanges(kind, null, fresh) });
    } else if (old.object.text !== fresh.object.text || statusOf(old) !== statusOf(fresh)) {
      const fields = fieldChanges(kind, old, fresh);
      if (fields.length > 0 || statusOf(old) !== statusOf(fresh)) {
        changes.push({ kind, name, change: 'changed', status: statusOf(fresh), fields });
      }
    }
  }
  return changes;
}

function fieldChanges(kind: ObjectKind, before: Compiled<unknown> | null, after: Compiled<unknown>): FieldChange[] {
  const real = { before: leaves(before?.object.value), after: leaves(after.object.value) };
  const shown = {
    before: before === null ? new Map<string, unknown>() : leaves(shownOptions(kind, before)),
    after: leaves(shownOptions(kind, after)),
  };
  const changes: FieldChange[] = [];
  for (const path of new Set([...shown.before.keys(), ...shown.after.keys()])) {
    if (real.before.get(path) === real.after.get(path) && shown.before.get(path) === shown.after.get(path)) continue;
    changes.push({
      path,
      ...(shown.before.has(path) ? { before: shown.before.get(path) } : {}),
      ...(shown.after.has(path) ? { after: shown.after.get(path) } : {}),
    });
  }
  return changes.slice(0, MAX_FIELDS);
}

/** Values without parts by path. */
function leaves(value: unknown): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const walk = (part: unknown, path: string): void => {
    if (Array.isArray(part)) part.forEach((item, index) => walk(item, `${path}[${index}]`));
    else if (isMap(part)) {
      for (const [name, inner] of Object.entries(part)) walk(inner, path === '' ? name : `${path}.${name}`);
    } else if (part !== undefined) found.set(path, part);
  };
  walk(value, '');
  return found;
}
