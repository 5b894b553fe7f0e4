// What the API answers: the types its handlers return, and the schemas of its description. Tests hold real answers
// against them.

import {
  COMPARED_SECTIONS,
  LISTED_PARTS,
  LISTED_SECTIONS,
  listedOf,
  OBJECT_KINDS,
} from '../controlplane/config/routing/object-kinds.ts';
import { ERROR_CODES, type ErrorCode } from '../core/errors.ts';
import { DIAGNOSTIC_CODES, type DiagnosticCode } from '../model/diagnostic-codes.ts';
import { COUNTED_NAMES } from '../model/snapshot-sections.ts';
import {
  anyObject,
  anything,
  both,
  flag,
  integer,
  listOf,
  mapOf,
  nullable,
  oneOf,
  openShape,
  recordOf,
  shape,
  someOf,
  text,
  type AnswerOf,
} from './answer.ts';

const strings = listOf(text);
const status = oneOf(['enabled', 'warning', 'disabled']);

/** A router, middleware or service; its options stand beside these. */
export const shownObject = openShape({
  name: text,
  provider: text,
  status,
  'error?': strings,
  'usedBy?': strings,
  'using?': strings,
  'type?': text,
});
export type ShownObject = AnswerOf<typeof shownObject>;

/** While a snapshot is pinned. */
const pin = shape({ version: integer, text, differences: recordOf(COUNTED_NAMES, () => integer) });

const rawObjects = mapOf(openShape({ status, 'error?': strings, 'usedBy?': strings }));
const isOfHttp = (section: (typeof LISTED_SECTIONS)[number]): boolean => OBJECT_KINDS[section].at[0] === 'http';
/** Sections of HTTP are always there, others where there is an object, as in Traefik. */
export const rawData = both(
  shape({ 'pin?': pin }),
  someOf(LISTED_SECTIONS, isOfHttp, () => rawObjects),
);
export type RawData = AnswerOf<typeof rawData>;

export const version = shape({ Version: text, Codename: text, startDate: text, node: text, pid: integer });

export const takenOver = shape({ pid: integer });

export const entryPoint = openShape({ name: text, address: text, transport: anyObject, http: anyObject });
export type ShownEntryPoint = AnswerOf<typeof entryPoint>;

const counts = shape({ total: integer, warnings: integer, errors: integer });
export type Counts = AnswerOf<typeof counts>;

export const certificateStatus = shape({
  resolver: text,
  domains: strings,
  state: oneOf(['pending', 'ordering', 'valid', 'renewing', 'expired', 'failed']),
  notAfter: nullable(text),
  nextTry: nullable(text),
  lastError: nullable(text),
  failures: integer,
});

const PROVIDER_STATES =
  '`waiting`: it has published nothing yet; `failed`: it has ended, and what it published last stays in force.';

export const provider = shape({
  name: text,
  state: oneOf(['waiting', 'ready', 'failed'], PROVIDER_STATES),
  /** Only of one that has told how its source is. */
  'source?': shape({
    isAway: flag,
    /** Why; empty while it answers. */
    reason: text,
    /** When it last said everything, ISO 8601: what is served of it is as old as that. */
    reachedAt: nullable(text),
    awaySince: nullable(text),
  }),
});
export type ShownProvider = AnswerOf<typeof provider>;

export const discovered = shape({
  /** `container web-1`. */
  name: text,
  provider: text,
  /** `warning`: something of it is left out; `disabled`: nothing of it is served. */
  status,
  state: oneOf(
    ['ready', 'draining', 'unavailable'],
    '`draining`: it gets nothing new; `unavailable`: it is known and gets nothing.',
  ),
  /** As the source knows it. */
  id: text,
  /** What it defines: `router shop@docker`. */
  objects: strings,
  /** Why it is not simply enabled; only then. */
  'error?': strings,
});
export type ShownDiscovered = AnswerOf<typeof discovered>;

export const overview = both(
  recordOf(LISTED_PARTS, (part) =>
    recordOf(
      listedOf(part).map(([name]) => name),
      () => counts,
    ),
  ),
  shape({
    certificates: counts,
    features: shape({ tracing: text, metrics: text, accessLog: flag }),
    providers: strings,
    providerStates: listOf(provider),
    snapshot: shape({ version: integer, digest: text, pinned: nullable(integer) }),
    'pin?': pin,
  }),
);
export type Overview = AnswerOf<typeof overview>;

export const diagnostic = shape({
  severity: oneOf(['error', 'warning']),
  code: oneOf([...Object.keys(DIAGNOSTIC_CODES), ...Object.keys(ERROR_CODES)] as readonly (
    DiagnosticCode | ErrorCode
  )[]), // Of these.
  message: text,
  source: text,
  path: text,
  line: integer,
  column: integer,
  'expected?': text,
  'received?': text,
  'hint?': text,
});

/** In force, as it may be shown: never a key. */
export const certificate = shape({
  /** Short hash of certificate and key, or the place of one that is shown to servers. */
  name: text,
  commonName: text,
  sans: strings,
  issuer: text,
  /** Hexadecimal. */
  serial: text,
  keyType: text,
  /** SHA-256, hexadecimal with colons. */
  fingerprint: text,
  /** ISO 8601. */
  notBefore: text,
  notAfter: text,
  isDefault: flag,
  /** What its authority says of it; only where it is asked. */
  'ocsp?': shape({
    state: oneOf(['good', 'revoked', 'pending', 'none']),
    'nextUpdate?': text,
    'nextTry?': text,
    'problem?': text,
  }),
  status,
  /** Why it is not simply enabled; only then. */
  'error?': strings,
});
export type ShownCertificate = AnswerOf<typeof certificate>;

const objectChange = shape({
  kind: oneOf(COMPARED_SECTIONS.map((section) => OBJECT_KINDS[section].kind)),
  name: text,
  change: oneOf(['added', 'removed', 'changed']),
  status,
  fields: listOf(shape({ path: text, 'before?': anything, 'after?': anything })),
});
export const check = shape({ isValid: flag, diagnostics: listOf(diagnostic), changes: listOf(objectChange) });

export const snapshots = shape({
  current: integer,
  pinned: nullable(integer),
  'pin?': pin,
  snapshots: listOf(
    shape({
      version: integer,
      /** The last version that differs from it in endpoints of providers alone, where there is one. */
      'through?': integer,
      digest: text,
      createdAt: text,
      routers: integer,
      middlewares: integer,
      services: integer,
    }),
  ),
});

export const activated = shape({ version: integer, pinned: nullable(integer) });

export const snapshotStatus = shape({
  version: integer,
  current: integer,
  isApplied: flag,
  reason: nullable(text),
  workers: listOf(shape({ id: integer, slot: integer, version: integer, isReady: flag })),
});
export type SnapshotStatus = AnswerOf<typeof snapshotStatus>;

const explainedRouter = shape({
  router: text,
  rule: text,
  priority: integer,
  matchers: listOf(shape({ matcher: text, isTrue: flag, found: text })),
  why: text,
});
export const explanation = shape({
  request: shape({ method: text, host: text, path: text, query: text }),
  entryPoint: text,
  router: nullable(text),
  disabled: nullable(shape({ router: text, status: integer })),
  tcpRouter: nullable(text),
  chain: listOf(shape({ kind: text, name: text, 'detail?': text })),
  taken: listOf(explainedRouter),
  others: listOf(explainedRouter),
  notes: strings,
});

export const pushed = shape({ diagnostics: listOf(diagnostic) });
export const message = shape({ message: text });
/** Server-sent events. */
export const events = text;
