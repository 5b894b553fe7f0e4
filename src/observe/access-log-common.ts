// The common log format as Traefik extends it, and the plain one.

import type { AccessRecord } from '../model/access-record.ts';
import type { AccessLogInit } from '../model/message/sync.ts';
import { requestPath } from './access-log-json.ts';
import { commonTime, isFieldKept, plainText, type CommonTime } from './access-log-text.ts';

function orDash(text: string): string {
  return text === '' ? '-' : plainText(text);
}

/**
 * What the lines of these formats hold of what is configured for fields. Where a field is not kept, `-` stands in its
 * place.
 */
export interface CommonFields {
  readonly time: CommonTime;
  readonly hasHost: boolean;
  readonly hasUser: boolean;
  readonly hasMethod: boolean;
  readonly hasPath: boolean;
  readonly hasProtocol: boolean;
  readonly hasStatus: boolean;
  readonly hasSize: boolean;
  readonly hasCount: boolean;
  readonly hasRouter: boolean;
  readonly hasServer: boolean;
  readonly hasDuration: boolean;
  readonly referer: HeaderMode;
  readonly agent: HeaderMode;
  readonly queries: HeaderMode;
}

type HeaderMode = 'keep' | 'drop' | 'redact';

export function commonFields(fields: AccessLogInit['fields']): CommonFields {
  const isKept = (name: string): boolean => isFieldKept(fields, name);
  const modeOf = (header: string): HeaderMode => {
    const given = Object.entries(fields.headers.names).find(([name]) => name.toLowerCase() === header);
    return given?.[1] ?? fields.headers.defaultMode;
  };
  return {
    time: commonTime(fields),
    hasHost: isKept('ClientHost'),
    hasUser: isKept('ClientUsername'),
    hasMethod: isKept('RequestMethod'),
    hasPath: isKept('RequestPath'),
    hasProtocol: isKept('RequestProtocol'),
    hasStatus: isKept('DownstreamStatus'),
    hasSize: isKept('DownstreamContentSize'),
    hasCount: isKept('RequestCount'),
    hasRouter: isKept('RouterName'),
    hasServer: isKept('ServiceURL'),
    hasDuration: isKept('Duration'),
    referer: modeOf('referer'),
    agent: modeOf('user-agent'),
    queries: fields.queryParameters.defaultMode,
  };
}

function header(record: AccessRecord, name: string, mode: HeaderMode): string {
  const value = mode === 'drop' ? undefined : record.requestHeaders.get(name);
  if (value === undefined || value === null) return '-';
  return mode === 'redact' ? 'REDACTED' : orDash(value);
}

/** `genericCLF` ends behind the user agent; with `hasFlag` the response flag comes last in both. */
export function renderCommonLine(
  record: AccessRecord,
  format: 'common' | 'genericCLF',
  count: number,
  fields: CommonFields,
  hasFlag: boolean,
): string {
  const method = fields.hasMethod ? plainText(record.method) : '-';
  const path = fields.hasPath ? plainText(requestPath(record.target, fields.queries)) : '-';
  const line =
    `${fields.hasHost ? record.clientIp : '-'} - ${fields.hasUser ? orDash(record.clientUser) : '-'} ` +
    `[${fields.time(record.startWallMs)}] "${method} ${path} ${fields.hasProtocol ? record.protocol : '-'}" ` +
    `${fields.hasStatus ? record.status : '-'} ${fields.hasSize ? record.responseBytes : '-'} ` +
    `"${header(record, 'referer', fields.referer)}" "${header(record, 'user-agent', fields.agent)}"`;
  // Flags are our own words.
  const end = hasFlag ? ` "${record.responseFlag === '' ? '-' : record.responseFlag}"\n` : '\n';
  if (format === 'genericCLF') return line + end;
  const router = fields.hasRouter ? orDash(record.routerName) : '-';
  const server = fields.hasServer ? orDash(record.serviceUrl) : '-';
  const duration = fields.hasDuration ? Math.floor(record.durationMs) : 0;
  return `${line} ${fields.hasCount ? count : '-'} "${router}" "${server}" ${duration}ms${end}`;
}
