import { expect, test } from 'vitest';
import type { AccessRecord, HeaderView } from '../model/access-record.ts';
import type { AccessLogInit } from '../model/message/sync.ts';
import { AccessLog } from './access-log.ts';
import { AccessLogBacklog } from './access-log-backlog.ts';
import { commonTime } from './access-log-text.ts';
import { ACCESS_LOG_FIELDS } from './access-log-json.ts';

function headers(fields: Record<string, string>): HeaderView {
  return {
    get: (name) => Object.entries(fields).find(([key]) => key.toLowerCase() === name)?.[1],
    forEach: (visit) => Object.entries(fields).forEach(([name, value]) => visit(name, value)),
  };
}

const RECORD: AccessRecord = {
  startWallMs: Date.UTC(2026, 10, 23, 9, 5, 7, 42),
  durationMs: 12.5,
  originDurationMs: 10,
  entryPointName: 'web',
  routerName: 'shop@file',
  serviceName: 'shop@file',
  serviceUrl: 'http://127.0.0.1:9000',
  serviceAddr: '127.0.0.1:9000',
  clientIp: '::1',
  clientPort: 5000,
  clientUser: '',
  method: 'GET',
  target: '/a?x=1&y=2',
  authority: 'shop.test:8000',
  protocol: 'HTTP/1.1',
  traffic: 'http',
  scheme: 'http',
  tlsVersion: '1.3',
  tlsCipher: 'TLS_AES_128_GCM_SHA256',
  tlsClientSubject: 'CN=a',
  requestBytes: 0,
  originStatus: 200,
  originBytes: 5,
  status: 200,
  responseBytes: 5,
  retryAttempts: 0,
  responseFlag: '',
  requestHeaders: headers({ Referer: 'r', 'User-Agent': 'agent "x"' }),
  responseHeaders: headers({ 'X-Out': 'o' }),
  originHeaders: null,
};

function lines(init: { [K in keyof AccessLogInit]?: unknown }, ...records: Partial<AccessRecord>[]): string {
  let text = '';
  const log = new AccessLog(
    {
      format: 'json',
      filters: { statusCodes: [], retryAttempts: false, minDurationMs: 0 },
      fields: {
        defaultMode: 'keep',
        names: {},
        headers: { defaultMode: 'drop', names: {} },
        queryParameters: { defaultMode: 'keep' },
      },
      ...init,
    } as AccessLogInit, // The parts a test gives are whole.
    (bytes) => (text += Buffer.from(bytes).toString()),
    new AccessLogBacklog(new SharedArrayBuffer(4), 0),
  );
  for (const record of records) log.append({ ...RECORD, ...record });
  log.flush();
  return text;
}

test('lines end with the response flag when that is asked for', () => {
  const failed = { responseFlag: 'upstream_connect_refused' };
  for (const [format, end] of [
    ['common', '12ms'],
    ['genericCLF', '"-" "-"'],
  ]) {
    const [first, second] = lines({ format, responseFlag: true }, failed, {}).split('\n');
    expect(first!.endsWith(`${end} "upstream_connect_refused"`)).toBe(true);
    expect(second!.endsWith(`${end} "-"`)).toBe(true);
    expect(lines({ format, responseFlag: false }, failed).endsWith(`${end}\n`)).toBe(true);
  }
});

test('common and generic formats are as Traefik writes them', () => {
  const begin = '::1 - - [23/Nov/2026:09:05:07 +0000] "GET /a?x=1&y=2 HTTP/1.1" 200 5 "r" "agent \\x22x\\x22"';
  const fields = { ...KEPT, headers: { defaultMode: 'keep', names: {} } };
  expect(lines({ format: 'genericCLF', fields }, {})).toBe(`${begin}\n`);
  expect(lines({ format: 'common', fields }, {}, { routerName: '', serviceUrl: '' })).toBe(
    `${begin} 1 "shop@file" "http://127.0.0.1:9000" 12ms\n${begin} 2 "-" "-" 12ms\n`,
  );
});

const KEPT = { defaultMode: 'keep', names: {}, queryParameters: { defaultMode: 'keep' } };

test('the common formats show a dash for what is not kept: addresses, users, header fields, whatever it is', () => {
  const none = { ...KEPT, defaultMode: 'drop', headers: { defaultMode: 'drop', names: {} } };
  expect(lines({ format: 'common', fields: none }, { clientUser: 'u' })).toBe('- - - [-] "- - -" - - "-" "-" - "-" "-" 0ms\n');
  const some = {
    ...KEPT,
    names: { clienthost: 'drop', ClientUsername: 'drop' },
    headers: { defaultMode: 'keep', names: { 'user-agent': 'redact', Referer: 'drop' } },
    queryParameters: { defaultMode: 'redact' },
  };
  const line = lines({ format: 'genericCLF', fields: some }, { clientUser: 'u' });
  expect(line).toMatch(/^- - - \[23\/Nov.*"GET \/a\?x=REDACTED&y=REDACTED HTTP\/1.1" 200 5 "-" "REDACTED"\n$/);
}); // prettier-ignore

test('JSON holds every field, each request its own', () => {
  const [first, second] = lines(
    {},
    {},
    { status: 502, target: '/b', responseFlag: 'upstream_reset', authority: 'h', startWallMs: RECORD.startWallMs + 1 },
  )
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(Object.keys(first!).toSorted()).toEqual([...ACCESS_LOG_FIELDS, 'level', 'msg', 'time'].toSorted());
  expect(first).toMatchObject({
    ClientAddr: '[::1]:5000',
    Duration: 12_500_000,
    OriginDuration: 10_000_000,
    Overhead: 2_500_000,
    RequestHost: 'shop.test',
    RequestPort: '8000',
    StartUTC: '2026-11-23T09:05:07.042Z',
  });
  expect(second).toMatchObject({
    DownstreamStatus: 502,
    RequestPath: '/b',
    ResponseFlag: 'upstream_reset',
    RequestHost: 'h',
    RequestPort: '-',
    StartUTC: '2026-11-23T09:05:07.043Z',
    RequestCount: 2,
  });
});

test('fields and headers are kept, dropped and redacted as configured', () => {
  const text = lines(
    {
      fields: {
        defaultMode: 'drop',
        names: { RequestPath: 'keep', DownstreamStatus: 'keep' },
        headers: { defaultMode: 'drop', names: { referer: 'keep', 'User-Agent': 'redact', 'X-OUT': 'keep' } },
        queryParameters: { defaultMode: 'redact' },
      },
    },
    {},
  );
  expect(JSON.parse(text)).toEqual({
    DownstreamStatus: 200,
    RequestPath: '/a?x=REDACTED&y=REDACTED',
    request_Referer: 'r',
    'request_User-Agent': 'REDACTED',
    'downstream_X-Out': 'o',
    level: 'info',
    msg: '',
    time: '2026-11-23T09:05:07.042Z',
  });
});

test('nothing a client sends can end a line or colour a terminal', () => {
  const evil = '\r\nfake\x1b[31m\x7f\xe4"\\';
  const json = lines({}, { target: evil, method: evil, authority: evil });
  expect(json.split('\n')).toHaveLength(2);
  expect(json).toMatch(/^[\x20-\x7e\n]*$/);
  expect((JSON.parse(json) as Record<string, unknown>)['RequestPath']).toBe(evil);
  expect(lines({ format: 'common' }, { target: evil })).toMatch(/^[\x20-\x7e]*\n$/);
});

test('filters are alternatives', () => {
  const filters = { statusCodes: [[500, 599]], retryAttempts: true, minDurationMs: 100 };
  const kept = lines(
    { filters },
    { target: '/no' },
    { target: '/status', status: 503 },
    { target: '/retry', retryAttempts: 1 },
    { target: '/slow', durationMs: 100 },
  );
  expect([...kept.matchAll(/"RequestPath":"([^"]*)"/g)].map((match) => match[1])).toEqual([
    '/status',
    '/retry',
    '/slow',
  ]);
});

test('lines that the writer cannot keep up with are dropped and counted', () => {
  const backlog = new AccessLogBacklog(new SharedArrayBuffer(4), 0);
  const sent: { count: number; dropped: number }[] = [];
  const log = new AccessLog(
    {
      format: 'genericCLF',
      filters: { statusCodes: [], retryAttempts: false, minDurationMs: 0 },
      fields: {
        defaultMode: 'keep',
        names: {},
        headers: { defaultMode: 'drop', names: {} },
        queryParameters: { defaultMode: 'keep' },
      },
      responseFlag: false,
    },
    (_, count, dropped) => sent.push({ count, dropped }),
    backlog,
  );
  backlog.sent(8 * 1024 * 1024);
  log.append(RECORD);
  log.append(RECORD);
  log.flush();
  expect(sent).toEqual([]);
  backlog.written(0, 8 * 1024 * 1024);
  log.append(RECORD);
  log.flush();
  expect(sent).toEqual([{ count: 1, dropped: 2 }]);
});

test('the time of the common formats is that of the first field that is kept, whose name may be in any case', () => {
  const fields = (names: Record<string, 'keep' | 'drop'>, defaultMode: 'keep' | 'drop' = 'keep') => ({
    defaultMode,
    names,
    headers: { defaultMode: 'drop' as const, names: {} },
    queryParameters: { defaultMode: 'keep' as const },
  });
  const { startWallMs } = RECORD;
  expect(commonTime(fields({}))(startWallMs)).toBe('23/Nov/2026:09:05:07 +0000');
  expect(commonTime(fields({ startutc: 'keep' }, 'drop'))(startWallMs)).toBe('23/Nov/2026:09:05:07 +0000');
  expect(commonTime(fields({ startutc: 'drop' }))(startWallMs)).toMatch(/^2\d\/Nov\/2026:\d\d:\d\d:07 [+-]\d{4}$/);
  expect(commonTime(fields({}, 'drop'))(startWallMs)).toBe('-');
  const [line] = lines({ fields: fields({ startUTC: 'keep' }, 'drop') }, {})
    .trimEnd()
    .split('\n');
  expect(Object.keys(JSON.parse(line!) as object)).toEqual(['StartUTC', 'level', 'msg', 'time']);
});
