import { expect, test } from 'vitest';
import { changedStaples, createCells, type CellUpdate } from '../model/message/cells.ts';
import type { Staple } from '../model/message/staple.ts';
import type { ToWorker } from '../model/message/sync.ts';
import { WorkerCells } from './worker-cells.ts';

const SECRETS = { web: { id: 'a', certificate: 'c', key: 'k', notBefore: 0, notAfter: 1 } };
const KEYS = new Uint8Array(48);

function receiver(): { readonly updates: CellUpdate[]; send(message: ToWorker): void } {
  const updates: CellUpdate[] = [];
  return { updates, send: (message) => message.kind === 'cell' && updates.push(message.update) };
}

test('a worker begins with all that there is, and gets what changes from then on', () => {
  const cells = createCells(KEYS, KEYS);
  const staple: Staple = { certificate: 'a', response: new Uint8Array(1) };
  cells.staples.set(changedStaples(cells.staples.value, [staple]), [staple]);
  cells.challenges.set({ http: { token: 'answer' }, alpn: [] });
  cells.secrets.set(SECRETS);
  const workers = new WorkerCells(cells);
  const following = workers.follow();
  expect(following.initial).toEqual([
    { cell: 'secrets', version: 1, isWhole: true, changed: SECRETS, removed: [] },
    { cell: 'challenges', version: 1, value: { http: { token: 'answer' }, alpn: [] } },
    { cell: 'staples', version: 1, isWhole: true, staples: [staple] },
  ]);
  const worker = receiver();
  following.sendTo(worker);
  const gone: Staple = { certificate: 'a', response: null };
  cells.staples.set(changedStaples(cells.staples.value, [gone]), [gone]);
  cells.ticketKeys.set(new Uint8Array(48).fill(1));
  workers.healthChanged(['web@file']);
  cells.secrets.set({}, { changed: {}, removed: ['web'] });
  expect(worker.updates).toEqual([
    { cell: 'staples', version: 2, isWhole: false, staples: [gone] },
    { cell: 'ticketKeys', version: 2, keys: new Uint8Array(48).fill(1) },
    { cell: 'health', version: 1, services: ['web@file'] },
    { cell: 'secrets', version: 2, isWhole: false, changed: {}, removed: ['web'] },
  ]);
  expect(cells.staples.value.size).toBe(0);
});

test('challenges are delivered when every worker has them, those that have just begun among them', async () => {
  const cells = createCells(KEYS, KEYS);
  const workers = new WorkerCells(cells);
  const [running, beginning] = [workers.follow(), workers.follow()];
  running.sendTo(receiver());
  running.begun();
  cells.challenges.set({ http: { token: 'answer' }, alpn: [] });
  let isDelivered = false;
  const delivered = cells.challenges.delivered().then((receipt) => {
    isDelivered = true;
    return receipt;
  });
  running.acknowledged('challenges', 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDelivered).toBe(false);
  beginning.begun();
  expect(await delivered).toEqual({ acked: 2, nacks: [] });
});

test('a worker that ends is not waited for', async () => {
  const cells = createCells(KEYS, KEYS);
  const workers = new WorkerCells(cells);
  const following = workers.follow();
  following.sendTo(receiver());
  cells.challenges.set({ http: { token: 'answer' }, alpn: [] });
  const delivered = cells.challenges.delivered();
  following.end();
  expect(await delivered).toEqual({ acked: 0, nacks: [] });
  expect(await cells.challenges.delivered()).toEqual({ acked: 0, nacks: [] });
});
