// The query parameters of the API's lists: which entries, in which order, and which page of them. They are Traefik's.

import { refuse, say, type ApiAnswer } from './operation.ts';

export const LIST_QUERY: Readonly<Record<string, string>> = {
  search: 'Part of a name, rule, provider or type.',
  status: '`enabled`, `warning` or `disabled`.',
  serviceName: 'Only routers of this service.',
  middlewareName: 'Only routers through this middleware.',
  sortBy: 'Field to sort by: name, provider, status, priority, rule, service, type.',
  direction: '`asc` or `desc`.',
  page: 'Number of the page, from 1.',
  per_page: 'Entries on a page, 100 when left out.',
};

const SORTABLE = new Set(['name', 'provider', 'status', 'priority', 'rule', 'service', 'type', 'address']);
const SEARCHED = ['name', 'rule', 'provider', 'type', 'service', 'address'];

interface Entry {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** The page that was asked for, with the number of the next one in `X-Next-Page`; 1 after the last. */
export function listAnswer<T extends { readonly name: string }>(
  all: readonly T[],
  query: URLSearchParams,
): ApiAnswer<readonly T[]> {
  const search = query.get('search')?.toLowerCase() ?? '';
  const status = query.get('status')?.toLowerCase() ?? '';
  const service = query.get('serviceName') ?? '';
  const middleware = query.get('middlewareName') ?? '';
  const found = all.filter(
    (entry: Entry) =>
      (search === '' || SEARCHED.some((field) => text(entry[field]).toLowerCase().includes(search))) &&
      (status === '' || text(entry['status']).toLowerCase() === status) &&
      (service === '' || isReference(text(entry['service']), service)) &&
      (middleware === '' ||
        (Array.isArray(entry['middlewares']) &&
          entry['middlewares'].some((one) => isReference(text(one), middleware)))),
  );
  const sortBy = query.get('sortBy') ?? 'name';
  if (!SORTABLE.has(sortBy)) return refuse(400, `sortBy: "${sortBy}" is none of ${[...SORTABLE].join(', ')}`);
  const sign = query.get('direction')?.toLowerCase() === 'desc' ? -1 : 1;
  const sorted = found.toSorted(
    (a: Entry, b: Entry) => sign * compare(a[sortBy], b[sortBy]) || compare(a['name'], b['name']),
  );
  const page = positive(query.get('page'), 1);
  const perPage = positive(query.get('per_page'), 100);
  if (page === null || perPage === null) return refuse(400, 'page and per_page are whole numbers from 1');
  const start = (page - 1) * perPage;
  if (start > 0 && start >= sorted.length) {
    return refuse(400, `invalid request: page: ${page}, per_page: ${perPage}`);
  }
  const hasMore = start + perPage < sorted.length;
  return say(sorted.slice(start, start + perPage), { 'X-Next-Page': String(hasMore ? page + 1 : 1) });
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [first, second] = [text(a), text(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** A name without a provider means that name of any provider. */
function isReference(written: string, wanted: string): boolean {
  if (written.includes('@') && wanted.includes('@')) return written === wanted;
  return written.split('@')[0] === wanted.split('@')[0];
}

function positive(given: string | null, fallback: number): number | null {
  if (given === null || given === '') return fallback;
  return /^[1-9][0-9]{0,8}$/.test(given) ? Number(given) : null;
}
