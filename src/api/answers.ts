// JSON Schemas of what the API answers, for its OpenAPI description; tests hold real answers against them.

import {
  COMPARED_SECTIONS,
  LISTED_PARTS,
  LISTED_SECTIONS,
  listedOf,
  OBJECT_KINDS,
} from '../controlplane/config/routing/object-kinds.ts';
import { COUNTED_NAMES } from '../model/snapshot-sections.ts';
import type { JsonSchema } from '../schema/schema.ts';

const text = { type: 'string' };
const integer = { type: 'integer' };
const flag = { type: 'boolean' };
const strings = { type: 'array', items: text };

/** Every property is always there unless its name ends with `?`. */
function shape(properties: Readonly<Record<string, JsonSchema>>, isOpen = false): JsonSchema {
  const named = Object.entries(properties).map(([name, schema]) => [name.replace(/\?$/, ''), schema]);
  return {
    type: 'object',
    properties: Object.fromEntries(named),
    required: Object.keys(properties).filter((name) => !name.endsWith('?')),
    additionalProperties: isOpen,
  };
}

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

const status = { enum: ['enabled', 'warning', 'disabled'] };

/** A router, middleware or service; its options stand beside these. */
export const shownObject = shape(
  { name: text, provider: text, status, 'error?': strings, 'usedBy?': strings, 'using?': strings, 'type?': text },
  true,
);
const rawObjects = {
  type: 'object',
  additionalProperties: shape({ status, 'error?': strings, 'usedBy?': strings }, true),
};
/** While a snapshot is pinned. */
const pin = shape({
  version: integer,
  text,
  differences: shape(Object.fromEntries(COUNTED_NAMES.map((counted) => [counted, integer]))),
});
export const rawData = shape({
  'pin?': pin,
  ...Object.fromEntries(
    LISTED_SECTIONS.map((section) => [OBJECT_KINDS[section].at[0] === 'http' ? section : `${section}?`, rawObjects]),
  ),
});

export const version = shape({ Version: text, Codename: text, startDate: text, node: text, pid: integer });

export const takenOver = shape({ pid: integer });

export const entryPoint = shape(
  { name: text, address: text, transport: { type: 'object' }, http: { type: 'object' } },
  true,
);

const counts = shape({ total: integer, warnings: integer, errors: integer });
export const certificateStatus = shape({
  resolver: text,
  domains: strings,
  state: { enum: ['pending', 'ordering', 'valid', 'renewing', 'expired', 'failed'] },
  notAfter: { type: ['string', 'null'] },
  nextTry: { type: ['string', 'null'] },
  lastError: { type: ['string', 'null'] },
  failures: integer,
});

const PROVIDER_STATES =
  '`waiting`: it has published nothing yet; `failed`: it has ended, and what it published last stays in force.';

export const overview = shape({
  ...Object.fromEntries(
    LISTED_PARTS.map((part) => [part, shape(Object.fromEntries(listedOf(part).map(([name]) => [name, counts])))]),
  ),
  certificates: counts,
  features: shape({ tracing: text, metrics: text, accessLog: flag }),
  providers: strings,
  providerStates: listOf(
    shape({ name: text, state: { enum: ['waiting', 'ready', 'failed'], description: PROVIDER_STATES } }),
  ),
  snapshot: shape({ version: integer, digest: text, pinned: { type: ['integer', 'null'] } }),
  'pin?': pin,
});

export const diagnostic = shape({
  severity: { enum: ['error', 'warning'] },
  code: text,
  message: text,
  source: text,
  path: text,
  line: integer,
  column: integer,
  'expected?': text,
  'received?': text,
  'hint?': text,
});

export const certificate = shape({
  name: text,
  commonName: text,
  sans: strings,
  issuer: text,
  serial: text,
  keyType: text,
  fingerprint: text,
  notBefore: text,
  notAfter: text,
  isDefault: flag,
  'ocsp?': shape({
    state: { enum: ['good', 'revoked', 'pending', 'none'] },
    'nextUpdate?': text,
    'nextTry?': text,
    'problem?': text,
  }),
  status,
  'error?': strings,
});

const objectChange = shape({
  kind: { enum: COMPARED_SECTIONS.map((section) => OBJECT_KINDS[section].kind) },
  name: text,
  change: { enum: ['added', 'removed', 'changed'] },
  status,
  fields: listOf(shape({ path: text, 'before?': {}, 'after?': {} })),
});
export const check = shape({ isValid: flag, diagnostics: listOf(diagnostic), changes: listOf(objectChange) });

export const snapshots = shape({
  current: integer,
  pinned: { type: ['integer', 'null'] },
  'pin?': pin,
  snapshots: listOf(
    shape({
      version: integer,
      digest: text,
      createdAt: text,
      routers: integer,
      middlewares: integer,
      services: integer,
    }),
  ),
});

export const activated = shape({ version: integer, pinned: { type: ['integer', 'null'] } });

export const snapshotStatus = shape({
  version: integer,
  current: integer,
  isApplied: flag,
  reason: { type: ['string', 'null'] },
  workers: listOf(shape({ id: integer, slot: integer, version: integer, isReady: flag })),
});

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
  router: { type: ['string', 'null'] },
  disabled: { anyOf: [shape({ router: text, status: integer }), { type: 'null' }] },
  tcpRouter: { type: ['string', 'null'] },
  chain: listOf(shape({ kind: text, name: text, 'detail?': text })),
  taken: listOf(explainedRouter),
  others: listOf(explainedRouter),
  notes: strings,
});

export const pushed = shape({ diagnostics: listOf(diagnostic) });
export const message = shape({ message: text });
