// Access log lines of TCP connections and UDP sessions, one when it is over. Fields have the names they have for
// requests where they mean the same.

import type { ConnectionRecord } from '../model/access-record.ts';
import type { AccessLogInit } from '../model/message/sync.ts';
import type { CommonFields } from './access-log-common.ts';
import { isFieldKept, jsonString, plainText, timestampOf } from './access-log-text.ts';

type Encode = (record: ConnectionRecord, count: number) => string;

const FIELDS: Readonly<Record<string, Encode>> = {
  ClientAddr: ({ clientIp, clientPort }) => `"${clientIp.includes(':') ? `[${clientIp}]` : clientIp}:${clientPort}"`,
  ClientHost: ({ clientIp }) => `"${clientIp}"`,
  ClientPort: ({ clientPort }) => `"${clientPort}"`,
  DownstreamContentSize: ({ sentBytes }) => String(sentBytes),
  Duration: ({ durationMs }) => String(Math.round(durationMs * 1e6)),
  EntryPointName: ({ entryPointName }) => jsonString(entryPointName),
  RequestContentSize: ({ receivedBytes }) => String(receivedBytes),
  RequestCount: (_, count) => String(count),
  RequestProtocol: ({ protocol }) => `"${protocol}"`,
  // Flags are our own words.
  ResponseFlag: ({ responseFlag }) => `"${responseFlag}"`,
  RouterName: ({ routerName }) => jsonString(routerName),
  ServiceAddr: ({ serviceUrl }) => jsonString(serviceUrl),
  ServiceName: ({ serviceName }) => jsonString(serviceName),
  ServiceURL: ({ serviceUrl }) => jsonString(serviceUrl),
  StartLocal: ({ startWallMs }) => timestampOf(startWallMs).local,
  StartUTC: ({ startWallMs }) => timestampOf(startWallMs).utc,
  TLSCipher: ({ tlsCipher }) => jsonString(tlsCipher),
  TLSClientSubject: ({ tlsClientSubject }) => jsonString(tlsClientSubject),
  TLSPassthrough: ({ isPassthrough }) => String(isPassthrough),
  TLSServerName: ({ serverName }) => jsonString(serverName),
  TLSVersion: ({ tlsVersion }) => jsonString(tlsVersion),
};

/** Every field, for the reference page. */
export const CONNECTION_LOG_FIELDS: readonly string[] = Object.keys(FIELDS);

/** Renders JSON lines with the fields that are kept. */
export function connectionJsonLines({ fields }: AccessLogInit): Encode {
  const kept = Object.entries(FIELDS).filter(([name]) => isFieldKept(fields, name));
  return (record, count) => {
    let line = '{';
    for (const [name, encode] of kept) line += `"${name}":${encode(record, count)},`;
    return `${line}"level":"info","msg":"","time":${timestampOf(record.startWallMs).utc}}\n`;
  };
}

/**
 * In the place of method, path and protocol of a request: `TCP` or `UDP`, the server name, and the version of TLS or
 * `passthrough`. There is no status. At the end, behind the duration, bytes of the client and why the connection ended;
 * in `genericCLF` that alone, with `hasFlag`.
 */
export function renderConnectionLine(
  record: ConnectionRecord,
  format: 'common' | 'genericCLF',
  count: number,
  fields: CommonFields,
  hasFlag: boolean,
): string {
  const orDash = (text: string): string => (text === '' ? '-' : plainText(text));
  const tls = record.isPassthrough ? 'passthrough' : record.tlsVersion === '' ? '-' : `TLS/${record.tlsVersion}`;
  const line =
    `${fields.hasHost ? record.clientIp : '-'} - - [${fields.time(record.startWallMs)}] ` +
    `"${record.protocol} ${orDash(record.serverName)} ${tls}" - ${fields.hasSize ? record.sentBytes : '-'} "-" "-"`;
  const flag = `"${orDash(record.responseFlag)}"`;
  if (format === 'genericCLF') return hasFlag ? `${line} ${flag}\n` : `${line}\n`;
  const router = fields.hasRouter ? orDash(record.routerName) : '-';
  const server = fields.hasServer ? orDash(record.serviceUrl) : '-';
  const duration = fields.hasDuration ? Math.floor(record.durationMs) : 0;
  return `${line} ${fields.hasCount ? count : '-'} "${router}" "${server}" ${duration}ms ${record.receivedBytes} ${flag}\n`;
}
