// Entry points that come, stay and go, as parts of a delta: doubles note what they are told.

import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entryPointSpecs } from '../../../test/support/data-plane.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { runAtOnce } from '../live/slices.ts';
import type { DatagramEntryPoint } from './datagram-entry-point.ts';
import { DRAIN_PATIENCE_MS, EntryPoints, type EntryPointPlan, type EntryPointRows } from './entry-points.ts';
import type { StreamEntryPoint } from './stream-entry-point.ts';

const SPECS = entryPointSpecs(
  '{ web: { address: ":1", transport: { lifeCycle: { graceTimeOut: 1ms } } }, other: { address: ":2" }, dns: { address: ":3/udp" } }',
);

let told: string[];
/** `ended` of an entry point whose last connection is gone; `destroyed`. */
let events: EventEmitter;
let entryPoints: EntryPoints;

beforeEach(() => {
  told = [];
  events = new EventEmitter();
  const make = (spec: EntryPointSpec, row: number) => {
    const { name } = spec;
    told.push(`${name} in row ${row}`);
    return {
      spec,
      doorClosed: Promise.resolve(),
      listen: async (handle: string) => void told.push(`${name} on ${handle}`),
      update(after: EntryPointSpec) {
        this.spec = after;
        told.push(`${name} changes`);
      },
      leave: (patienceMs: number) => void told.push(`${name} leaves in ${patienceMs}`),
      drain(patienceMs: number, isShared = true) {
        told.push(`${name} drains in ${patienceMs}${isShared ? '' : ' alone'}`);
        return new Promise<void>((resolve) => void events.once('ended', () => resolve()));
      },
      destroy() {
        told.push(`${name} is destroyed`);
        events.emit('destroyed');
        return 2;
      },
    };
  };
  entryPoints = new EntryPoints({
    stream: (spec, row) =>
      ({ ...make(spec, row), plain: `${spec.name} plain`, secure: `${spec.name} secure`, tcp: `${spec.name} tcp` }) as unknown as StreamEntryPoint,
    datagram: (spec, row) => make(spec, row) as unknown as DatagramEntryPoint,
  });
}); // prettier-ignore

afterEach(() => entryPoints.destroy());

function plan(changed: readonly string[], removed: readonly string[] = [], rows: EntryPointRows = {}): EntryPointPlan {
  const delta: SnapshotDelta = {
    baseVersion: 0,
    version: 1,
    digest: '',
    changed: { entryPoints: Object.fromEntries(changed.map((name) => [name, SPECS[name]!])) },
    removed: { entryPoints: removed },
  };
  return entryPoints.plan(delta, rows);
}

function commit(planned: EntryPointPlan): void {
  runAtOnce(entryPoints.build(null as never, planned))(); // Everything is in the plan.
}

const all = (): readonly string[] => [...entryPoints.streams.keys(), ...entryPoints.datagrams.keys()];
/** What was told since this was asked last. */
const news = (): readonly string[] => told.splice(0);

test('those that are new are made in their rows, and there after the commit', () => {
  const planned = plan(['web', 'dns'], [], { web: 4, dns: 5 });
  expect([all(), news()]).toEqual([[], ['web in row 4', 'dns in row 5']]);
  expect([planned.httpRoutings.added, planned.tcpRoutings.added]).toEqual([['web plain', 'web secure'], ['web tcp']]);
  commit(planned);
  expect([all(), news()]).toEqual([['web', 'dns'], []]);
});

test('one that stays is changed by the commit, and its routings are told of the change before', () => {
  commit(plan(['web', 'dns'], [], { web: 0, dns: 1 }));
  news();
  const planned = plan(['web', 'dns']);
  const { added, removed, changed } = planned.httpRoutings;
  expect([added, removed.size, [...changed.keys()]]).toEqual([[], 0, ['web plain', 'web secure']]);
  expect([[...planned.tcpRoutings.anew], [...planned.tcpRoutings.gone]]).toEqual([['web tcp'], []]);
  expect([planned.specOf('web'), planned.specOf('dns')]).toEqual([SPECS['web'], SPECS['dns']]);
  expect(news()).toEqual([]);
  commit(planned);
  expect(news()).toEqual(['web changes', 'dns changes']);
});

test('one that has moved to another address is made anew, and the one before leaves', () => {
  commit(plan(['other'], [], { other: 0 }));
  news();
  const planned = plan(['other'], [], { other: 7 });
  expect([[...planned.httpRoutings.removed], [...planned.tcpRoutings.gone]]).toEqual([
    ['other plain', 'other secure'],
    ['other tcp'],
  ]);
  commit(planned);
  expect([all(), news()]).toEqual([['other'], ['other in row 7', `other drains in ${DRAIN_PATIENCE_MS}`]]);
  expect(entryPoints.destroy()).toBe(4);
});

test('one that leaves is destroyed once its last connection is gone, and only then', async () => {
  commit(plan(['other', 'dns'], [], { other: 0, dns: 1 }));
  commit(plan([], ['other', 'dns', 'never']));
  expect(all()).toEqual([]);
  await entryPoints.doorsClosed();
  expect(news().filter((one) => one.endsWith('destroyed'))).toEqual([]);
  const destroyed = new Promise((resolve) => events.once('destroyed', resolve));
  events.emit('ended');
  await destroyed;
  await Promise.resolve();
  expect(news()).toEqual(['other is destroyed', 'dns is destroyed']);
  expect([entryPoints.destroy(), news()]).toEqual([0, []]);
});

test('one whose grace time is over is destroyed with what is left of it, once', async () => {
  commit(plan(['web'], [], { web: 0 }));
  const destroyed = new Promise((resolve) => events.once('destroyed', resolve));
  commit(plan([], ['web']));
  await destroyed;
  events.emit('ended');
  await new Promise((resolve) => setImmediate(resolve));
  expect(news().filter((one) => one.endsWith('destroyed'))).toEqual(['web is destroyed']);
});

test('sockets are given to those that are there', async () => {
  commit(plan(['web', 'dns'], [], { web: 0, dns: 1 }));
  news();
  await entryPoints.listen('web', 'a handle' as never);
  await entryPoints.listen('dns', 'another' as never);
  expect(news()).toEqual(['web on a handle', 'dns on another']);
  await expect(entryPoints.listen('other', {})).rejects.toThrow('no entry point other in the snapshot');
});

test('the end of the worker concerns all, those that are leaving as well', async () => {
  commit(plan(['other', 'dns'], [], { other: 0, dns: 1 }));
  commit(plan(['web'], ['other'], { web: 2 }));
  news();
  entryPoints.leave(9);
  expect(news()).toEqual(['web leaves in 9']);
  let isOver = false;
  const drained = entryPoints.drain(5, false).then(() => (isOver = true));
  expect(news()).toEqual(['web drains in 5 alone', 'dns drains in 5 alone', 'other drains in 5 alone']);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  events.emit('ended');
  await drained;
});
