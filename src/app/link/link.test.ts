// Both ends of a link in one process, over a Unix socket.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Log } from '../../core/log.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import { createCells, type Cells } from '../../model/message/cells.ts';
import type { Snapshot, SnapshotDelta } from '../../model/snapshot.ts';
import { SECTION_NAMES } from '../../model/snapshot-sections.ts';
import { ControlLink, HELLO_MS } from './control-link.ts';
import { EdgeLink } from './edge-link.ts';

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

function snapshot(version: number, rule: string): Snapshot {
  const empty = Object.fromEntries(SECTION_NAMES.map((name) => [name, {}]));
  // Nobody looks into the objects.
  return { version, digest: rule, ...empty, routes: { 'a@file': { rule } } } as unknown as Snapshot;
}

function delta(version: number, rule: string): SnapshotDelta {
  return {
    baseVersion: version - 1,
    version,
    digest: rule,
    changed: { routes: snapshot(version, rule).routes },
    removed: {},
  };
}

/** A control plane's end: cells, and a server that edges come to. */
class Control {
  readonly cells = createCells(new Uint8Array(48), randomBytes(32));
  readonly link: ControlLink;
  readonly server: Server = net.createServer();
  readonly sockets: Socket[] = [];
  /** Those who have connected are waited for this long. */
  readonly pauses: { readonly ms: number; readonly over: () => void; isOff: boolean }[] = [];
  #joined: () => void = () => {};

  constructor(path: string) {
    this.link = new ControlLink({
      cells: this.cells,
      log: SILENT,
      joined: () => this.#joined(),
      after: (ms, over) => {
        const pause = { ms, over, isOff: false };
        this.pauses.push(pause);
        return { close: () => void (pause.isOff = true) };
      },
    });
    this.server.on('connection', (socket) => this.sockets.push(socket));
    this.link.accept(this.server);
    this.server.listen(path);
  }

  /** The next edge has said hello. */
  joins(): Promise<void> {
    return new Promise((resolve) => {
      this.#joined = resolve;
    });
  }

  change(version: number, rule: string): void {
    this.cells.snapshot.set(snapshot(version, rule), delta(version, rule), version);
  }

  async close(): Promise<void> {
    this.link.close();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** An edge's end, whose edge has every snapshot at once. */
class Remote {
  readonly cells: Cells = createCells(new Uint8Array(48), randomBytes(32));
  /** Versions it was given, and whether as a change. */
  readonly taken: (readonly [version: number, isChange: boolean])[] = [];
  readonly link: EdgeLink;
  refusal = '';

  constructor(path: string) {
    this.link = new EdgeLink({
      edge: 'e',
      path,
      cells: this.cells,
      log: SILENT,
      start: () => this.#start(),
      bound: () => new Map([['web', { host: '127.0.0.1', port: 80, protocol: 'tcp' as const }]]),
      bind: ({ name }) => (name === 'web' ? Promise.resolve() : Promise.reject(new Error('it is taken'))),
      measure: () => [{ metric: 'm', labels: {}, values: [1] }],
    });
  }

  #start(): Promise<void> {
    const { snapshot: cell } = this.cells;
    this.taken.push([cell.version, false]);
    const following = cell.follow(
      {
        take: ({ version, change }) => {
          this.taken.push([version, change !== null]);
          if (this.refusal === '') following.acknowledge(version, { acked: 4, nacks: [] });
          else following.refuse(version, [this.refusal]);
        },
      },
      cell.version,
    );
    return Promise.resolve();
  }
}

let directory = '';
let path = '';
let control: Control;
let remote: Remote;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'link-'));
  path = join(directory, 'link');
  control = new Control(path);
  remote = new Remote(path);
});

afterEach(async () => {
  remote.link.stop();
  await control.close();
  await rm(directory, { recursive: true });
});

test('an edge gets what there is, then what changes, and answers for both', async () => {
  control.cells.snapshot.set(snapshot(5, 'x'), null, 5);
  const joined = control.joins();
  remote.link.start();
  await joined;
  expect(await control.cells.snapshot.delivered()).toEqual({ acked: 1, nacks: [] });
  control.change(6, 'y');
  expect(await control.cells.snapshot.delivered()).toEqual({ acked: 4, nacks: [] });
  expect(remote.cells.snapshot.value).toEqual(snapshot(6, 'y'));
  expect(remote.taken).toEqual([
    [5, false],
    [6, true],
  ]);
  expect(control.link.addressOf('web')).toMatchObject({ port: 80 });
  expect(await control.link.measure()).toEqual([{ metric: 'm', labels: {}, values: [1] }]);
});

test('what an edge refuses comes back with its reason', async () => {
  control.cells.snapshot.set(snapshot(1, 'x'), null, 1);
  const joined = control.joins();
  remote.link.start();
  await joined;
  await control.cells.snapshot.delivered();
  remote.refusal = 'no room';
  control.change(2, 'y');
  expect(await control.cells.snapshot.delivered()).toEqual({ acked: 0, nacks: ['no room'] });
  await control.link.openEntryPoint({ name: 'web' } as unknown as EntryPointSpec);
  await expect(control.link.openEntryPoint({ name: 'other' } as unknown as EntryPointSpec)).rejects.toThrow(
    'edge e: it is taken',
  );
});

test('an edge that was away gets the changes it has missed, and of another control plane the whole', async () => {
  control.cells.snapshot.set(snapshot(1, 'x'), null, 1);
  let joined = control.joins();
  remote.link.start();
  await joined;
  await control.cells.snapshot.delivered();
  joined = control.joins();
  control.sockets[0]!.destroy();
  control.change(2, 'y');
  control.change(3, 'z');
  await joined;
  expect(await control.cells.snapshot.delivered()).toEqual({ acked: 4, nacks: [] });
  expect(remote.taken.slice(1)).toEqual([
    [2, true],
    [3, true],
  ]);
  await control.close();
  control = new Control(path);
  control.cells.snapshot.set(snapshot(1, 'w'), null, 1);
  await control.joins();
  expect(await control.cells.snapshot.delivered()).toEqual({ acked: 4, nacks: [] });
  expect(remote.taken.at(-1)).toEqual([1, false]);
  expect(remote.cells.snapshot.value).toEqual(snapshot(1, 'w'));
});

test('who waits for an edge that goes is told so', async () => {
  control.cells.snapshot.set(snapshot(1, 'x'), null, 1);
  const joined = control.joins();
  remote.link.start();
  await joined;
  await control.cells.snapshot.delivered();
  control.change(2, 'y');
  const delivered = control.cells.snapshot.delivered();
  control.sockets[0]!.destroy();
  const { acked, nacks } = await delivered;
  expect([
    [4, []],
    [0, ['edge e has gone']],
  ]).toContainEqual([acked, nacks]);
});

test('what is no message ends the connection, and the edge comes again', async () => {
  control.cells.snapshot.set(snapshot(1, 'x'), null, 1);
  const joined = control.joins();
  remote.link.start();
  await joined;
  const again = control.joins();
  control.sockets[0]!.write('HTTP/1.1 400 Bad Request\r\n\r\n');
  await again;
  expect(await control.cells.snapshot.delivered()).toMatchObject({ nacks: [] });
});

test('whoever does not say hello in time is let go, and who has said it stays', async () => {
  const silent = net.connect(path);
  await once(control.server, 'connection');
  expect(control.pauses.map(({ ms, isOff }) => [ms, isOff])).toEqual([[HELLO_MS, false]]);
  const closed = once(silent, 'close');
  control.pauses[0]!.over();
  await closed;
  expect(control.pauses[0]!.isOff).toBe(true);
  const joined = control.joins();
  remote.link.start();
  await joined;
  expect(control.pauses.map(({ isOff }) => isOff)).toEqual([true, true]);
});

test('an edge takes the shared secret before it begins, and keeps it when another control plane has another one', async () => {
  const mine = control.cells.sharedSecret.value;
  control.cells.snapshot.set(snapshot(1, 'x'), null, 1);
  const joined = control.joins();
  remote.link.start();
  await joined;
  await control.cells.snapshot.delivered();
  expect(remote.cells.sharedSecret.value).toEqual(mine);
  expect(await control.cells.sharedSecret.delivered()).toMatchObject({ nacks: [] });
  await control.close();
  control = new Control(path);
  control.cells.snapshot.set(snapshot(1, 'w'), null, 1);
  await control.joins();
  const { acked, nacks } = await control.cells.sharedSecret.delivered();
  expect([acked, nacks.join()]).toEqual([0, expect.stringContaining('it keeps the shared secret it has begun with')]);
  await control.cells.snapshot.delivered();
  expect(remote.cells.sharedSecret.value).toEqual(mine);
});
