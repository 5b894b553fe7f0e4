// JSON access log lines. Fields come in groups; what a group has said for the same input before, it says again without
// rendering: requests share their route, their host and their millisecond. bench/micro/access-log.mjs.

import type { AccessRecord, HeaderView } from '../model/access-record.ts';
import type { AccessLogInit } from '../model/message/sync.ts';
import { isFieldKept, jsonString, timestampOf } from './access-log-text.ts';

type Encode = (record: AccessRecord, count: number) => string;
type HeaderMode = 'keep' | 'drop' | 'redact';

const nanoseconds = (ms: number): string => String(Math.round(ms * 1e6));

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** The target with its query parameters' values, or the whole query, taken out. */
export function requestPath(target: string, mode: 'keep' | 'drop' | 'redact'): string {
  const mark = mode === 'keep' ? -1 : target.indexOf('?');
  if (mark < 0) return target;
  if (mode === 'drop') return target.slice(0, mark);
  return target.slice(0, mark + 1) + target.slice(mark + 1).replace(/=[^&]*/g, '=REDACTED');
}

/** Fields that are the same for all requests with these equal. */
interface Group {
  /** What the group's fields depend on; compared as strings, mostly by identity. Empty: rendered every time. */
  readonly keys: readonly ((record: AccessRecord) => string | number)[];
  readonly fields: Readonly<Record<string, Encode>>;
  /** Lines of other requests go without the group. */
  readonly isPresent?: (record: AccessRecord) => boolean;
}

const GROUPS: readonly Group[] = [
  {
    keys: [
      (record) => record.routerName,
      (record) => record.serviceUrl,
      (record) => record.serviceName,
      (record) => record.serviceAddr,
      (record) => record.entryPointName,
    ],
    fields: {
      EntryPointName: (record) => jsonString(record.entryPointName),
      RouterName: (record) => jsonString(record.routerName),
      ServiceAddr: (record) => jsonString(record.serviceAddr),
      ServiceName: (record) => jsonString(record.serviceName),
      ServiceURL: (record) => jsonString(record.serviceUrl),
    },
  },
  {
    keys: [
      (record) => record.authority,
      (record) => record.method,
      (record) => record.protocol,
      (record) => record.scheme,
    ],
    fields: {
      RequestAddr: (record) => jsonString(record.authority),
      RequestHost: (record) => jsonString(record.authority.replace(/:[0-9]*$/, '')),
      RequestMethod: (record) => jsonString(record.method),
      RequestPort: (record) => jsonString(/:([0-9]+)$/.exec(record.authority)?.[1] ?? '-'),
      RequestProtocol: (record) => jsonString(record.protocol),
      RequestScheme: (record) => jsonString(record.scheme),
    },
  },
  {
    keys: [(record) => record.tlsVersion, (record) => record.tlsCipher, (record) => record.tlsClientSubject],
    isPresent: (record) => record.tlsVersion !== '',
    fields: {
      TLSCipher: (record) => jsonString(record.tlsCipher),
      TLSClientSubject: (record) => jsonString(record.tlsClientSubject),
      TLSVersion: (record) => jsonString(record.tlsVersion),
    },
  },
  {
    keys: [],
    fields: {
      ClientAddr: (record) => `"${bracketed(record.clientIp)}:${record.clientPort}"`,
      ClientHost: (record) => `"${record.clientIp}"`,
      ClientPort: (record) => `"${record.clientPort}"`,
      ClientUsername: (record) => (record.clientUser === '' ? '"-"' : jsonString(record.clientUser)),
      DownstreamContentSize: (record) => String(record.responseBytes),
      DownstreamStatus: (record) => String(record.status),
      Duration: (record) => nanoseconds(record.durationMs),
      OriginContentSize: (record) => String(record.originBytes),
      OriginDuration: (record) => nanoseconds(record.originDurationMs),
      OriginStatus: (record) => String(record.originStatus),
      Overhead: (record) => nanoseconds(record.durationMs - record.originDurationMs),
      RequestContentSize: (record) => String(record.requestBytes),
      RequestCount: (_, count) => String(count),
      // Flags are our own words.
      ResponseFlag: (record) => `"${record.responseFlag}"`,
      RetryAttempts: (record) => String(record.retryAttempts),
    },
  },
  {
    keys: [(record) => record.startWallMs],
    fields: {
      StartLocal: (record) => timestampOf(record.startWallMs).local,
      StartUTC: (record) => timestampOf(record.startWallMs).utc,
    },
  },
];

/** Every field that can be kept or dropped, for the reference page and for tests. */
export const ACCESS_LOG_FIELDS: readonly string[] = [
  ...GROUPS.flatMap((group) => Object.keys(group.fields)),
  'RequestPath',
].toSorted();

type Render = (record: AccessRecord, count: number) => string;

function renderGroup(group: Group, isKept: (name: string) => boolean): Render | null {
  const fields = Object.entries(group.fields)
    .filter(([name]) => isKept(name))
    .map(([name, encode]) => [`"${name}":`, encode] as const);
  if (fields.length === 0) return null;
  const render: Render = (record, count) => {
    let text = '';
    for (const [key, encode] of fields) text += `${key}${encode(record, count)},`;
    return text;
  };
  const { keys, isPresent } = group;
  if (keys.length === 0) return render;
  const known: (string | number)[] = keys.map(() => '');
  let last = '';
  return (record, count) => {
    if (isPresent?.(record) === false) return '';
    let isSame = last !== '';
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!(record);
      if (key !== known[index]) {
        known[index] = key;
        isSame = false;
      }
    }
    // Through a Buffer: one flat string, which is copied faster than its pieces.
    if (!isSame) last = Buffer.from(render(record, count), 'latin1').latin1Slice();
    return last;
  };
}

export class JsonLines {
  readonly #groups: readonly Render[];
  readonly #hasPath: boolean;
  readonly #queryMode: 'keep' | 'drop' | 'redact';
  readonly #headerDefault: HeaderMode;
  readonly #headerModes: ReadonlyMap<string, HeaderMode>;
  readonly #logsHeaders: boolean;

  constructor({ fields }: AccessLogInit) {
    const isKept = (name: string): boolean => isFieldKept(fields, name);
    this.#groups = GROUPS.map((group) => renderGroup(group, isKept)).filter((render) => render !== null);
    this.#hasPath = isKept('RequestPath');
    this.#queryMode = fields.queryParameters.defaultMode;
    this.#headerDefault = fields.headers.defaultMode;
    this.#headerModes = new Map(Object.entries(fields.headers.names).map(([name, mode]) => [name.toLowerCase(), mode]));
    this.#logsHeaders =
      this.#headerDefault !== 'drop' || [...this.#headerModes.values()].some((mode) => mode !== 'drop');
  }

  render(record: AccessRecord, count: number): string {
    let line = '{';
    for (const group of this.#groups) line += group(record, count);
    if (this.#hasPath) line += `"RequestPath":${jsonString(requestPath(record.target, this.#queryMode))},`;
    if (this.#logsHeaders) {
      line += this.#headers('request_', record.requestHeaders) + this.#headers('downstream_', record.responseHeaders);
      if (record.originHeaders !== null) line += this.#headers('origin_', record.originHeaders);
    }
    return `${line}"level":"info","msg":"","time":${timestampOf(record.startWallMs).utc}}\n`;
  }

  #headers(prefix: string, headers: HeaderView): string {
    let text = '';
    headers.forEach((name, value) => {
      const mode = this.#headerModes.get(name.toLowerCase()) ?? this.#headerDefault;
      if (mode !== 'drop')
        text += `${jsonString(prefix + name)}:${mode === 'redact' ? '"REDACTED"' : jsonString(value)},`;
    });
    return text;
  }
}
