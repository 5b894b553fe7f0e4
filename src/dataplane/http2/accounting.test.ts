// The small tables of a connection: settings, windows towards this side, streams that are gone, floods.

import { describe, expect, test } from 'vitest';
import { FloodGuard } from './flood-guard.ts';
import { HeldBytes } from './held-bytes.ts';
import { FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import { PeerSettings } from './settings.ts';
import { CLOSED_BY_PEER, CLOSED_BY_RESET, CLOSED_LONG_AGO, IDLE, StreamTable } from './stream-table.ts';

describe('settings', () => {
  test.each([
    ['header table size', '000100000800', { headerTableBytes: 2048 }],
    ['concurrent streams', '000300000007', { maxConcurrentStreams: 7 }],
    ['initial window', '00047fffffff', { initialWindow: 0x7fff_ffff }],
    ['header list size', '0006ffffffff', { maxHeaderListBytes: 0xffff_ffff }],
    ['extended CONNECT', '000800000001', { enableConnectProtocol: true }],
    ['an unknown one', 'abcd00000001', {}],
    ['the last of two', '000300000007000300000009', { maxConcurrentStreams: 9 }],
  ])('%s', (_, payload, expected) => {
    const settings = new PeerSettings(false);
    const bytes = Buffer.from(payload, 'hex');
    expect(settings.apply(bytes, 0, bytes.length)).toBe(NO_ERROR);
    expect(settings).toMatchObject(expected);
  });

  test.each([
    ['push neither on nor off', '000200000002', PROTOCOL_ERROR],
    ['a window that is too large', '000480000000', FLOW_CONTROL_ERROR],
    ['frames that are too small', '000500003fff', PROTOCOL_ERROR],
    ['frames that are too large', '000501000000', PROTOCOL_ERROR],
    ['extended CONNECT taken back', '000800000001000800000000', PROTOCOL_ERROR],
  ])('refuses %s', (_, payload, code) => {
    const bytes = Buffer.from(payload, 'hex');
    expect(new PeerSettings(false).apply(bytes, 0, bytes.length)).toBe(code);
  });
});

test('a window gives credit in portions, for what has gone on', () => {
  const window = new ReceiveWindow(1000, 1000);
  expect(window.take(600)).toBe(true);
  expect(window.give(400)).toBe(0);
  expect(window.give(200)).toBe(600);
  expect(window.take(1000)).toBe(true);
  expect(window.take(1)).toBe(false);
});

test('streams that are gone are remembered for how they went, the latest only', () => {
  const open = new Map<number, string>();
  const table = new StreamTable(open);
  table.add(1, 'one');
  table.add(3, 'three');
  table.refuse(7);
  expect(open.get(3)).toBe('three');
  table.close(1, CLOSED_BY_PEER);
  table.close(3, CLOSED_BY_RESET);
  expect([1, 3, 5, 7, 9].map((id) => table.stateOf(id))).toEqual([
    CLOSED_BY_PEER,
    CLOSED_BY_RESET,
    CLOSED_LONG_AGO,
    CLOSED_BY_RESET,
    IDLE,
  ]);
  for (let id = 9; id < 1000; id += 2) {
    table.add(id, '');
    table.close(id, CLOSED_BY_PEER);
  }
  expect(table.stateOf(1)).toBe(CLOSED_LONG_AGO);
  expect(open.size).toBe(0);
});

describe('floods', () => {
  test('control frames: a burst, then a rate', () => {
    const guard = new FloodGuard(0);
    let allowed = 0;
    while (guard.allowControl(0, 1)) allowed++;
    expect(allowed).toBe(2000);
    let later = 0;
    while (guard.allowControl(10_000, 1)) later++;
    // What was too much before counts as well.
    expect(later).toBeGreaterThan(1900);
  });

  test('data pays for the frames that go with it', () => {
    const guard = new FloodGuard(0);
    for (let index = 0; index < 10_000; index++) {
      guard.earn();
      for (let frame = 0; frame < 3; frame++) expect(guard.allowControl(0, 1)).toBe(true);
    }
  });

  test('resets count per time, not per connection', () => {
    const guard = new FloodGuard(0);
    for (let second = 0; second < 1000; second++) {
      for (let index = 0; index < 40; index++) expect(guard.allowReset(second * 1000)).toBe(true);
    }
    let allowed = 0;
    while (guard.allowReset(1_000_000)) allowed++;
    // What was left, and once more what fills up while nobody looks.
    expect(allowed).toBeLessThanOrEqual(1000);
  });
});

test('held octets come back in order, and few pieces hold them', () => {
  const held = new HeldBytes();
  const bytes = Buffer.alloc(100_000, 'abcdefg');
  for (let at = 0; at < bytes.length; at++) held.append(bytes, at, at + 1);
  expect(held.length).toBe(bytes.length);
  let text = '';
  let pieces = 0;
  for (let piece = held.first; piece !== undefined; piece = held.first) {
    const size = Math.min(30_000, piece.end - piece.start);
    text += piece.memory.latin1Slice(piece.start, piece.start + size);
    held.consume(size);
    pieces++;
  }
  expect(text).toBe(bytes.latin1Slice());
  expect(pieces).toBeLessThan(12);
  expect(held.length).toBe(0);
});
