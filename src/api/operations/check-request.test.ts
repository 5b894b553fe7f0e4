import { expect, test } from 'vitest';
import { NO_PLUGINS } from '../../schema/decode-context.ts';
import { decodeCheck } from './check-request.ts';
import type { ApiRequest } from '../operation.ts';

const TEXT = 'http: { middlewares: { m: { headers: { customRequestHeaders: { X-Token: "${TOKEN}" } } } } }';
const substitutions = { variable: () => 'known', file: () => 'known' };

/** What the header would be, had the text come from that provider. */
function tokenOf(provider: string): unknown {
  const body = JSON.stringify({ files: [{ path: 'a.yml', text: TEXT, provider }] });
  const request: ApiRequest = {
    params: {},
    query: new URLSearchParams(),
    body,
    contentType: 'application/json',
    lastEventId: null,
    caller: 'token',
    from: 'a test',
  };
  const decoded = decodeCheck(request, { substitutions, plugins: NO_PLUGINS });
  if (typeof decoded === 'string') return decoded;
  return decoded[0]!.middlewares.get('m')?.value?.['headers'];
}

test('a dry run reads words as their provider would: the operator’s with substitutions, those of others without', () => {
  expect(tokenOf('file')).toMatchObject({ customRequestHeaders: { 'X-Token': 'known' } });
  expect(tokenOf('install')).toMatchObject({ customRequestHeaders: { 'X-Token': 'known' } });
  expect(tokenOf('rest')).toMatchObject({ customRequestHeaders: { 'X-Token': '${TOKEN}' } });
  expect(tokenOf('docker')).toBe('"provider" is one of file, rest, install');
});
