import { expect, test } from 'vitest';
import type { Snapshot } from '../../model/snapshot.ts';
import { SnapshotHistory } from './snapshot-history.ts';

function snapshot(version: number): Snapshot {
  return {
    version,
    digest: `d${version}`,
    entryPoints: {},
    routes: {},
    middlewares: {},
    services: {},
    certificates: {},
    tlsOptions: {},
    tlsHosts: {},
    tcpRoutes: {},
    tcpMiddlewares: {},
    tcpServices: {},
    udpRoutes: {},
    udpServices: {},
    endpointSets: {},
  };
}

const SECRETS = { hidden: { object: { name: 'm', kind: 'addPrefix', options: {} } } };

test('keeps the newest, and what is pinned however old', () => {
  const removed: number[] = [];
  const store = { append: () => {}, remove: (version: number) => removed.push(version), pin: () => {} };
  const history = new SnapshotHistory(3, undefined, store);
  for (const version of [1, 2, 3]) history.append(snapshot(version), {}, 0, {}, () => []);
  history.pin(1);
  for (const version of [4, 5]) history.append(snapshot(version), {}, 0, {}, () => []);
  expect(history.entries.map(({ version }) => version)).toEqual([1, 4, 5]);
  expect(removed).toEqual([2, 3]);
  history.pin(null);
  history.append(snapshot(6), {}, 0, {}, () => []);
  expect(history.entries.map(({ version }) => version)).toEqual([4, 5, 6]);
  expect(history.get(1)).toBeNull();
  expect(history.lastVersion).toBe(6);
});

test('goes on from what was saved', () => {
  const saved = { entries: [{ ...snapshot(7), createdAt: 1 }], pinned: 7 };
  const history = new SnapshotHistory(3, saved);
  expect([history.lastVersion, history.pinned]).toEqual([7, 7]);
});

test('what was written is compiled when it is asked for, once, and is in lists before', () => {
  const form = {
    provider: 'file',
    words: 'operator',
    section: 'routers',
    name: 'r',
    source: 'f',
    path: [],
    text: '{}',
  } as const;
  const counts = { routers: 3, middlewares: 2, services: 1 };
  const saved = { entries: [{ version: 7, digest: 'd7', createdAt: 1, counts, forms: [form] }], pinned: 7 };
  const history = new SnapshotHistory(3, saved);
  let compiled = 0;
  history.compileForms = ({ forms }) => {
    compiled++;
    expect(forms).toEqual([form]);
    return { content: { ...snapshot(0), written: {} }, secrets: SECRETS };
  };
  expect(history.entries).toMatchObject([{ version: 7, counts }]);
  expect(compiled).toBe(0);
  expect(history.get(7)).toMatchObject({ version: 7, digest: 'd7', counts });
  expect(history.get(7)).toBe(history.get(7));
  expect(compiled).toBe(1);
  expect(history.formsOf(7)).toEqual([form]);
  expect(history.secretsOf(7)).toBe(SECRETS);
});

test('what a snapshot hides is kept beside it, and no key of a certificate is', () => {
  const history = new SnapshotHistory(3);
  const certificate = { id: 'i', certificate: 'c', key: 'k', notBefore: 0, notAfter: 1 };
  history.append(snapshot(1), { ...SECRETS, web: certificate }, 0, {}, () => []);
  expect(history.secretsOf(1)).toEqual(SECRETS);
  expect(Object.keys(history.get(1)!)).not.toContain('secrets');
  expect(history.secretsOf(2)).toEqual({});
  const succeeding = new SnapshotHistory(3, { entries: [history.get(1)!], pinned: 1, secrets: history.secretsOf(1) });
  expect(succeeding.secretsOf(1)).toEqual(SECRETS);
});
