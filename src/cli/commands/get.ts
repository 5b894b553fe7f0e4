// `signalbox get KIND [NAME]`: what the running router has, as a table or as it is.

import { SignalboxError } from '../../core/errors.ts';
import type { ListedSection } from '../../controlplane/config/routing/object-kinds.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { formatDiagnostics } from '../format-diagnostic.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { isMap } from '../../schema/input.ts';
import { EXIT_OK, type Io } from '../io.ts';
import { formatTable } from '../table.ts';

type Row = Readonly<Record<string, unknown>>;

interface Kind {
  readonly path: string;
  /** The API has the list alone: one is looked for in it. */
  readonly isListAlone?: true;
  readonly columns: Readonly<Record<string, (row: Row) => unknown>>;
}

const ROUTER_COLUMNS: Kind['columns'] = {
  name: (row) => row['name'],
  status: (row) => row['status'],
  priority: (row) => row['priorityStr'],
  'entry points': (row) => row['using'],
  service: (row) => row['service'],
  rule: (row) => row['rule'],
};

const SERVICE_COLUMNS: Kind['columns'] = {
  name: (row) => row['name'],
  status: (row) => row['status'],
  type: (row) => row['type'],
  servers: (row) => serverCount(row['serverStatus'], row['serverHealth']),
  'used by': (row) => row['usedBy'],
};

const MIDDLEWARE_COLUMNS: Kind['columns'] = {
  name: (row) => row['name'],
  status: (row) => row['status'],
  type: (row) => row['type'],
  'used by': (row) => row['usedBy'],
};

type Listed = Lowercase<ListedSection> | 'certificates' | 'discovered' | 'entrypoints' | 'providers';

export const KINDS: Readonly<Record<Listed, Kind>> = {
  routers: { path: '/api/http/routers', columns: ROUTER_COLUMNS },
  services: { path: '/api/http/services', columns: SERVICE_COLUMNS },
  middlewares: { path: '/api/http/middlewares', columns: MIDDLEWARE_COLUMNS },
  tcprouters: { path: '/api/tcp/routers', columns: ROUTER_COLUMNS },
  tcpservices: { path: '/api/tcp/services', columns: SERVICE_COLUMNS },
  tcpmiddlewares: { path: '/api/tcp/middlewares', columns: MIDDLEWARE_COLUMNS },
  udprouters: {
    path: '/api/udp/routers',
    columns: {
      name: (row) => row['name'],
      status: (row) => row['status'],
      'entry points': (row) => row['using'],
      service: (row) => row['service'],
    },
  },
  udpservices: { path: '/api/udp/services', columns: MIDDLEWARE_COLUMNS },
  certificates: {
    path: '/api/certificates',
    columns: {
      name: (row) => row['name'],
      status: (row) => row['status'],
      for: (row) => row['sans'],
      key: (row) => row['keyType'],
      'valid until': (row) => row['notAfter'],
      issuer: (row) => row['issuer'],
    },
  },
  discovered: {
    path: '/api/discovered',
    isListAlone: true,
    columns: {
      name: (row) => row['name'],
      provider: (row) => row['provider'],
      state: (row) => row['state'],
      status: (row) => row['status'],
      defines: (row) => row['objects'],
    },
  },
  providers: {
    path: '/api/providers',
    isListAlone: true,
    columns: {
      name: (row) => row['name'],
      state: (row) => sourceState(row),
      'last answer': (row) => sourceOf(row)['reachedAt'],
      'away since': (row) => sourceOf(row)['awaySince'],
      reason: (row) => sourceOf(row)['reason'],
    },
  },
  entrypoints: {
    path: '/api/entrypoints',
    columns: { name: (row) => row['name'], address: (row) => row['address'] },
  },
};

function sourceOf(row: Row): Row {
  return isMap(row['source']) ? row['source'] : {};
}

function sourceState(row: Row): unknown {
  return sourceOf(row)['isAway'] === true ? 'away' : row['state'];
}

/**
 * `3 up`, `2 up, 1 down`; nobody knows of servers that are not checked unless their requests fail: `2 (not checked)`.
 */
function serverCount(status: unknown, health: unknown): string {
  if (typeof status !== 'object' || status === null) return '';
  const all: unknown[] = Object.values(status);
  const down = all.filter((one) => one === 'DOWN').length;
  const servers: unknown[] = Array.isArray(health) ? health : [];
  const isChecked = servers.some((one) => isMap(one) && 'check' in one);
  const rest = all.length - down;
  const up = isChecked ? `${rest} up` : `${rest} (not checked)`;
  return `${up}${down > 0 ? `, ${down} down` : ''}`;
}

/** The router's own shape, see api/answers.ts. */
interface Order {
  readonly resolver: string;
  readonly domains: readonly string[];
  readonly state: string;
  readonly notAfter: string | null;
  readonly nextTry: string | null;
  readonly lastError: string | null;
  readonly failures: number;
}

interface Snapshots {
  readonly current: number;
  readonly pinned: number | null;
  readonly snapshots: readonly (Row & { readonly version: number; readonly through?: number })[];
}

export async function get(args: Arguments, io: Io): Promise<number> {
  const [given = '', name] = args.positionals;
  const kindName = kindNamed(given);
  const client = await AdminClient.find(args, io);
  const isJson = args.flags.has('json');
  // What is not JSON begins with what is in force; beside JSON, that goes where it spoils nothing.
  const head = (): void => {
    if (client.pinned === null) return;
    if (isJson || name !== undefined) io.err(`${client.pinned}\n`);
    else io.out(`${client.pinned}\n`);
  };
  const print = (value: unknown): void => {
    head();
    io.out(`${JSON.stringify(value, null, 2)}\n`);
  };
  const say = (text: string): void => {
    head();
    io.out(text);
  };
  if (kindName === 'snapshots') {
    const answer = await client.json<Snapshots>('GET', '/api/snapshots');
    if (isJson) print(answer);
    else say(snapshotTable(answer));
    return EXIT_OK;
  }
  if (kindName === 'diagnostics') {
    const answer = await client.json<readonly Diagnostic[]>('GET', '/api/diagnostics');
    if (isJson) print(answer);
    else say(answer.length === 0 ? 'no diagnostics\n' : formatDiagnostics(answer, { ...io, isTerminal: false }));
    return EXIT_OK;
  }
  const kind = Object.hasOwn(KINDS, kindName) ? KINDS[kindName as Listed] : undefined; // One of its keys.
  if (kind === undefined) {
    const known = [...Object.keys(KINDS), 'snapshots', 'diagnostics'];
    const near = didYouMean(given, known);
    const hint = near === null ? `known: ${known.join(', ')}` : `did you mean "${near}"?`;
    throw new SignalboxError('ERR_CLI_USAGE', `get: there is no "${given}" to list; ${hint}`);
  }
  const orders = kindName === 'certificates' ? await openOrders(client) : [];
  if (name !== undefined) {
    print(orders.find((row) => row['name'] === name) ?? (await one(client, kind, name)));
    return EXIT_OK;
  }
  const query = new URLSearchParams();
  const search = args.flags.get('search')?.[0];
  if (search !== undefined) query.set('search', search);
  const found = orders.filter((row) => search === undefined || cell(row['sans']).includes(search.toLowerCase()));
  const rows = [...(await client.list(kind.path, query)), ...found];
  if (isJson) print(rows);
  else if (rows.length === 0) say(`no ${kindName}\n`);
  else say(objectTable(kind, rows));
  return EXIT_OK;
}

/** As it stands in the table, or in the singular. */
export function kindNamed(given: string): string {
  const name = given.toLowerCase();
  return Object.hasOwn(KINDS, name) ? name : name.replace(/([^s])$/, '$1s');
}

async function one(client: AdminClient, kind: Kind, name: string): Promise<unknown> {
  if (kind.isListAlone !== true)
    return client.json('GET', `${kind.path}/${encodeURIComponent(await wholeName(client, kind, name))}`);
  const rows = await client.list(kind.path, new URLSearchParams());
  // What runs is told by kind and name: `web` is `container web`.
  const found = rows.find((row) => cell(row['name']) === name || cell(row['name']).endsWith(` ${name}`));
  if (found === undefined) throw new SignalboxError('ERR_CLI_USAGE', `get: there is none named "${name}"`);
  return found;
}

/** `api` is `api@file` where it is the only one of that name; whatever else was given is asked for as it stands. */
async function wholeName(client: AdminClient, kind: Kind, name: string): Promise<string> {
  if (name.includes('@')) return name;
  const rows = await client.list(kind.path, new URLSearchParams({ search: name }));
  const names = rows.map((row) => cell(row['name']));
  if (names.includes(name)) return name;
  const found = names.filter((one) => one.startsWith(`${name}@`));
  if (found.length > 1)
    throw new SignalboxError('ERR_CLI_USAGE', `get: there are several named "${name}": ${found.join(', ')}`);
  return found[0] ?? name;
}

/** What certificates resolvers have not got yet, or could not get: a row each, beside the certificates in force. */
async function openOrders(client: AdminClient): Promise<readonly Row[]> {
  const states = await client.json<readonly Order[]>('GET', '/api/acme/certificates');
  return states
    .filter(({ state, lastError }) => state !== 'valid' || lastError !== null)
    .map(({ domains, resolver, state, notAfter, nextTry, lastError, failures }) => ({
      name: `${resolver}:${domains[0] ?? ''}`,
      status: state,
      sans: domains,
      notAfter,
      resolver,
      nextTry,
      failures,
      error: [
        ...(lastError === null ? [] : [`${lastError}${failures > 1 ? ` (${failures} times in a row)` : ''}`]),
        ...(nextTry === null ? [] : [`${lastError === null ? 'ordered' : 'next try'}: ${nextTry}`]),
      ],
    }));
}

function objectTable(kind: Kind, rows: readonly Row[]): string {
  const cells = rows.map((row) => Object.values(kind.columns).map((column) => cell(column(row))));
  const reasons = rows
    .filter((row) => Array.isArray(row['error']) && row['error'].length > 0)
    .map((row) => `\n${cell(row['name'])}:\n${(row['error'] as string[]).map((text) => `  ${text}\n`).join('')}`); // A list, by the line above.
  return formatTable(Object.keys(kind.columns), cells) + reasons.join('');
}

function snapshotTable({ current, pinned, snapshots }: Snapshots): string {
  const rows = snapshots.map((row) => [
    String(row.version),
    row.version <= current && current <= (row.through ?? row.version)
      ? pinned === null
        ? 'current'
        : `current, pinned to ${pinned}`
      : '',
    ...['createdAt', 'routers', 'services', 'middlewares', 'digest'].map((field) => cell(row[field])),
  ]);
  return formatTable(['version', 'state', 'created at', 'routers', 'services', 'middlewares', 'digest'], rows);
}

function cell(value: unknown): string {
  if (Array.isArray(value)) return value.join(',') || '-';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}
