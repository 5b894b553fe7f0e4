// What a control plane and an edge in another process say to each other: plain messages alone, no memory, descriptor or
// function. The control plane sends what is in its cells; the edge says what it has, and what it sees.

import type { EntryPointSpec, ListenAddress } from '../../entry-point.ts';
import type { EndpointPatch, EndpointSpec } from '../../endpoint-set.ts';
import type { HealthChange } from '../../server-health.ts';
import type { Snapshot, SnapshotDelta, SnapshotSections } from '../../snapshot.ts';
import { SECTION_NAMES } from '../../snapshot-sections.ts';
import { isOfCertificate, type ObjectSecret, type Secret, type Secrets } from '../../secrets.ts';
import type { CertificateSecret } from '../../tls.ts';
import type { AlpnCertificate } from '../../certificate.ts';
import type { Challenges } from '../cells.ts';
import type { Staple } from '../staple.ts';
import { Codec, message, type MessageOf } from './codec.ts';
import {
  bytes,
  count,
  flag,
  list,
  MessageError,
  number,
  object,
  oneOf,
  opaque,
  orNull,
  record,
  text,
  type Field,
} from './fields.ts';

/** A snapshot of a million routes has some hundred. */
export const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

const CELLS = ['sharedSecret', 'ticketKeys', 'secrets', 'challenges', 'staples', 'snapshot'] as const;
export type LinkedCell = (typeof CELLS)[number];

/** What an edge has acknowledged, by cell; 0 for nothing. */
export type Versions = Readonly<Record<LinkedCell, number>>;

const version = count;
const versions: Field<Versions> = object({
  sharedSecret: version,
  ticketKeys: version,
  secrets: version,
  challenges: version,
  staples: version,
  snapshot: version,
});

/** Objects are as the version of the message has them; that all sections are there, and no other, is checked here. */
const section = record(opaque<object>());
const sections = Object.fromEntries(SECTION_NAMES.map((name) => [name, section]));

const snapshot = object({ version, digest: text, ...sections }) as unknown as Field<Snapshot>; // Of its table of sections.

/** A part of the sections. */
function partOf<T extends object>(field: Field<unknown>): Field<T> {
  const part = record(field);
  return {
    decode(value, place) {
      const decoded = part.decode(value, place);
      const unknown = Object.keys(decoded).find((name) => !Object.hasOwn(sections, name));
      if (unknown !== undefined) throw new MessageError(`${place}.${unknown} is no section that is known here`);
      return decoded as T; // Of sections, each in its form.
    },
    encode: (value) => value,
  };
}

const patch: Field<EndpointPatch> = object({ changed: list(opaque<EndpointSpec>()), removed: list(text) });

const wholeDelta: Field<Required<SnapshotDelta>> = object({
  baseVersion: version,
  version,
  digest: text,
  changed: partOf<Partial<SnapshotSections>>(section),
  removed: partOf<SnapshotDelta['removed']>(list(text)),
  endpoints: record(patch),
});

/** Without endpoints where none change. */
const delta: Field<SnapshotDelta> = {
  decode(value, place) {
    const { endpoints, ...rest } = wholeDelta.decode(value, place);
    return Object.keys(endpoints).length === 0 ? rest : { ...rest, endpoints };
  },
  encode: (value) => wholeDelta.encode({ endpoints: {}, ...value }),
};

const certificate: Field<CertificateSecret> = object({
  id: text,
  certificate: text,
  key: text,
  notBefore: number,
  notAfter: number,
});
const whole: Field<ObjectSecret> = object({ object: opaque<ObjectSecret['object']>() });
const secret: Field<Secret> = {
  decode: (value, place) => (isWhole(value) ? whole : certificate).decode(value, place),
  encode: (value) => (isOfCertificate(value) ? certificate.encode(value) : whole.encode(value)),
};
const secrets: Field<Secrets> = record(secret);

function isWhole(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'object' in value;
}

const alpn: Field<AlpnCertificate> = object({ serverName: text, certPem: text, keyPem: text });
const challenges: Field<Challenges> = object({ http: record(text), alpn: list(alpn) });
const staple: Field<Staple> = object({ certificate: text, response: orNull(bytes) });

const address: Field<ListenAddress> = object({ host: text, port: count, protocol: oneOf('tcp', 'udp') });
const health: Field<HealthChange> = object({ service: text, url: text, isUp: flag, reason: text });
const sample = object({ metric: text, labels: record(text), values: list(number) });

export const TO_EDGE = {
  /** First of all: `controlPlane` is that of this life of it; versions of another one say nothing. */
  welcome: message(1, { controlPlane: text }),
  sharedSecret: message(1, { version, secret: bytes }),
  ticketKeys: message(1, { version, keys: bytes }),
  secrets: message(2, { version, isWhole: flag, changed: secrets, removed: list(text) }),
  challenges: message(1, { version, value: challenges }),
  staples: message(1, { version, isWhole: flag, staples: list(staple) }),
  snapshot: message(1, { snapshot }),
  delta: message(1, { delta }),
  /** Answered by `bound`: what the next snapshot needs. */
  bind: message(1, { id: count, spec: opaque<EntryPointSpec>() }),
  /** Answered by `metrics`. */
  measure: message(1, { id: count }),
};

export const FROM_EDGE = {
  /** First of all: whose versions it has; '' for nobody's. */
  hello: message(2, { edge: text, controlPlane: text, has: versions }),
  ack: message(1, { cell: oneOf(...CELLS), version, acked: count, nacks: list(text) }),
  /** It keeps what it had. */
  nack: message(1, { cell: oneOf(...CELLS), version, reasons: list(text) }),
  /** `problem` is '' when it worked. */
  bound: message(1, { id: count, entryPoint: text, address: orNull(address), problem: text }),
  health: message(1, { change: health }),
  /** The endpoint by its key. */
  ejected: message(1, { service: text, endpoint: text }),
  metrics: message(1, { id: count, samples: list(sample) }),
  log: message(1, {
    level: oneOf('debug', 'info', 'warn', 'error'),
    message: text,
    fields: opaque<Readonly<Record<string, unknown>>>(),
  }),
};

export type ToEdge = MessageOf<typeof TO_EDGE>;
export type FromEdge = MessageOf<typeof FROM_EDGE>;

export const toEdge = new Codec(TO_EDGE, MAX_MESSAGE_BYTES);
export const fromEdge = new Codec(FROM_EDGE, MAX_MESSAGE_BYTES);
