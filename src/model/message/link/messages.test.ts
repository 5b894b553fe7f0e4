import { expect, test } from 'vitest';
import type { EndpointSpec } from '../../endpoint-set.ts';
import type { Snapshot } from '../../snapshot.ts';
import { SECTION_NAMES } from '../../snapshot-sections.ts';
import { Codec, message } from './codec.ts';
import { MessageError, text } from './fields.ts';
import { FROM_EDGE, fromEdge, TO_EDGE, toEdge, type FromEdge, type ToEdge } from './messages.ts';

const empty = Object.fromEntries(SECTION_NAMES.map((name) => [name, {}]));
// Nobody looks into the objects.
const snapshot = { version: 3, digest: 'd', ...empty, routes: { 'a@file': { rule: 'x' } } } as unknown as Snapshot;
const secret = { id: 'i', certificate: 'c', key: 'k', notBefore: -1.5, notAfter: 2 };

const hidden = { object: { name: 'm', kind: 'addPrefix', options: { prefix: '/x' } } };

const TO: readonly ToEdge[] = [
  { kind: 'welcome', controlPlane: 'c' },
  { kind: 'sharedSecret', version: 1, secret: Buffer.from([1, 254]) },
  { kind: 'ticketKeys', version: 1, keys: Buffer.from([0, 255, 128]) },
  { kind: 'secrets', version: 2, isWhole: true, changed: { web: secret, hidden }, removed: ['old'] },
  {
    kind: 'challenges',
    version: 1,
    value: { http: { token: 'answer' }, alpn: [{ serverName: 's', certPem: 'c', keyPem: 'k' }] },
  },
  {
    kind: 'staples',
    version: 4,
    isWhole: false,
    staples: [
      { certificate: 'a', response: Buffer.from('good') },
      { certificate: 'b', response: null },
    ],
  },
  { kind: 'snapshot', snapshot },
  {
    kind: 'delta',
    delta: {
      baseVersion: 2,
      version: 3,
      digest: 'd',
      changed: { routes: snapshot.routes },
      removed: { services: ['b@file'] },
    },
  },
  {
    kind: 'delta',
    delta: {
      baseVersion: 3,
      version: 4,
      digest: 'e',
      changed: {},
      removed: {},
      endpoints: { 'a@file': { changed: [{ key: 'one' } as unknown as EndpointSpec], removed: ['two'] } },
    },
  },
  { kind: 'bind', id: 1, spec: { name: 'web' } as unknown as Extract<ToEdge, { kind: 'bind' }>['spec'] },
  { kind: 'measure', id: 7 },
];

const FROM: readonly FromEdge[] = [
  {
    kind: 'hello',
    edge: 'e',
    controlPlane: '',
    has: { sharedSecret: 1, ticketKeys: 1, secrets: 0, challenges: 0, staples: 0, snapshot: 12 },
  },
  { kind: 'ack', cell: 'snapshot', version: 3, acked: 2, nacks: ['worker 3: no'] },
  { kind: 'nack', cell: 'secrets', version: 3, reasons: [] },
  { kind: 'bound', id: 1, entryPoint: 'web', address: { host: '', port: 80, protocol: 'tcp' }, problem: '' },
  { kind: 'bound', id: 2, entryPoint: 'web', address: null, problem: 'taken' },
  { kind: 'health', change: { service: 'a@file', url: 'http://a', isUp: false, reason: 'r' } },
  { kind: 'ejected', service: 'a@file', endpoint: 'http://a' },
  { kind: 'metrics', id: 7, samples: [{ metric: 'm', labels: { a: 'b' }, values: [1, 0.5] }] },
  { kind: 'log', level: 'warn', message: 'm', fields: { any: ['thing'] } },
];

/** Past the length. */
function bodyOf(framed: Uint8Array): Uint8Array {
  return framed.subarray(4);
}

function written(envelope: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(envelope));
}

test('every message comes as it went', () => {
  for (const one of TO) expect(toEdge.decode(bodyOf(toEdge.encode(one)))).toEqual(one);
  for (const one of FROM) expect(fromEdge.decode(bodyOf(fromEdge.encode(one)))).toEqual(one);
  expect(new Set(TO.map(({ kind }) => kind))).toEqual(new Set(Object.keys(TO_EDGE)));
  expect(new Set(FROM.map(({ kind }) => kind))).toEqual(new Set(Object.keys(FROM_EDGE)));
});

test('whatever pieces they come in', () => {
  const all = Buffer.concat(TO.map((one) => toEdge.encode(one)));
  for (const size of [1, 3, 64, 1_000, all.length]) {
    const reader = toEdge.reader();
    const read: ToEdge[] = [];
    for (let at = 0; at < all.length; at += size) read.push(...reader.read(all.subarray(at, at + size)));
    expect(read).toEqual(TO);
  }
});

test.each([
  [
    'another version',
    { kind: 'measure', version: 2, body: { id: 1 } },
    /"measure" has the version 2, and this program knows 1; run the same version/,
  ],
  ['no version', { kind: 'measure', body: { id: 1 } }, /has the version undefined/],
  [
    'a kind that is not known',
    { kind: 'restart', version: 1, body: {} },
    /of the kind "restart" is not known here; run the same/,
  ],
  ['a kind of every object', { kind: 'constructor', version: 1, body: {} }, /is not known here/],
  [
    'a field that is missing',
    { kind: 'measure', version: 1, body: {} },
    'measure.id is missing; expected a whole number',
  ],
  [
    'a field too many',
    { kind: 'measure', version: 1, body: { id: 1, more: 2 } },
    'measure.more is no field that is known',
  ],
  ['a field of another type', { kind: 'measure', version: 1, body: { id: '1' } }, 'measure.id is of the type string'],
  ['a negative count', { kind: 'measure', version: 1, body: { id: -1 } }, 'measure.id'],
  ['no object', { kind: 'measure', version: 1, body: [1] }, 'measure is a list; expected an object'],
  ['null', null, /of the kind undefined/],
  [
    'bytes that are no Base64',
    { kind: 'ticketKeys', version: 1, body: { version: 1, keys: '*' } },
    'ticketKeys.keys is no Base64',
  ],
  [
    'a section that is missing',
    { kind: 'snapshot', version: 1, body: { snapshot: { ...snapshot, routes: undefined } } },
    'snapshot.snapshot.routes is missing',
  ],
  [
    'a section that nobody knows',
    {
      kind: 'delta',
      version: 1,
      body: { delta: { baseVersion: 1, version: 2, digest: '', changed: { more: {} }, removed: {}, endpoints: {} } },
    },
    'delta.delta.changed.more is no section',
  ],
] as const)('%s is refused', (_, envelope, problem) => {
  expect(() => toEdge.decode(written(envelope))).toThrow(MessageError);
  expect(() => toEdge.decode(written(envelope))).toThrow(problem);
});

test('what is no JSON is refused, and a level that there is not', () => {
  expect(() => toEdge.decode(Buffer.from('GET / HTTP/1.1'))).toThrow('is no JSON');
  const line = { kind: 'log', version: 1, body: { level: 'fatal', message: '', fields: {} } };
  expect(() => fromEdge.decode(written(line))).toThrow('expected debug or info or warn or error');
});

test('a message that is too long is refused by its length, before it has come, and is not sent', () => {
  const codec = new Codec({ note: message(1, { text }) }, 64);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(65);
  expect(() => [...codec.reader().read(length)]).toThrow('a message of 65 bytes is longer than 64');
  expect(() => codec.encode({ kind: 'note', text: 'x'.repeat(64) })).toThrow(/is longer than 64/);
  expect([...codec.reader().read(codec.encode({ kind: 'note', text: '' }))]).toEqual([{ kind: 'note', text: '' }]);
});

test('names of objects are names, whatever they are', () => {
  const secrets = JSON.parse(
    '{"__proto__":{"id":"i","certificate":"c","key":"k","notBefore":0,"notAfter":1}}',
  ) as Record<string, never>;
  const one: ToEdge = { kind: 'secrets', version: 1, isWhole: true, changed: secrets, removed: [] };
  const decoded = toEdge.decode(bodyOf(toEdge.encode(one))) as typeof one;
  expect(Object.keys(decoded.changed)).toEqual(['__proto__']);
});
