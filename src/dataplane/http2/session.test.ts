// What both sides' connections do alike.

import { describe, expect, test } from 'vitest';
import { frame } from '../../../test/support/raw-http2.ts';
import { sessionLab, turn, WINDOW } from '../../../test/support/http2-session.ts';
import { FAILURES } from '../http/failure.ts';
import { FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './protocol.ts';
import { MAX_PENDING_BYTES, STATE_LEAVING, STATE_OPEN, STATE_OVER } from './session.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const goaway = (code: number): string => `7 0 0 ${'0000004d'}${code.toString(16).padStart(8, '0')}`;

describe('frames of the connection', () => {
  test('settings move the windows of all streams and are acknowledged, before the side hears of them', async () => {
    const { session, sent } = sessionLab();
    const [one, three] = [session.open(1), session.open(3)];
    three.sendWindow = -5;
    session.onRead(frame(4, 0, 0, hex('00040000ffff' + '000400010000')));
    expect([one.sendWindow, three.sendWindow]).toEqual([65_536, -4]);
    expect(session.calls).toEqual(['applied']);
    expect(await sent()).toEqual(['4 1 0']);
    session.onRead(frame(4, 1, 0));
    expect(session.calls).toEqual(['applied', 'acknowledged']);
    expect(await sent()).toEqual([]);
  });

  test('settings that let the window of a stream overflow end the connection, unacknowledged', async () => {
    const { session, sent } = sessionLab();
    session.open(1).sendWindow = 0x7fff_ffff;
    session.onRead(frame(4, 0, 0, hex('000400010000')));
    expect(session.calls).toEqual(['over', FAILURES.http2Error.flag]);
    expect(await sent()).toEqual([goaway(FLOW_CONTROL_ERROR)]);
  });

  test('a smaller table of the peer is what header blocks say they use', async () => {
    const { session, sent } = sessionLab();
    session.onRead(frame(4, 0, 0, hex('000100000000')));
    await sent();
    session.headers.begin(100);
    session.headers.end(1, true, { slab: null, flagsAt: 0, epoch: -1 });
    // RFC 7541 §6.3: a size update to 0.
    expect(await sent()).toEqual(['1 5 1 20']);
  });

  test('a PING is answered, its answer is the side’s', async () => {
    const { session, sent } = sessionLab();
    session.onRead(Buffer.concat([frame(6, 0, 0, '12345678'), frame(6, 1, 0, 'abcdefgh')]));
    expect(await sent()).toEqual([`6 1 0 ${Buffer.from('12345678').toString('hex')}`]);
    expect(session.calls).toEqual(['pong abcdefgh']);
  });

  test.each([
    ['of nothing, for the connection', 0, 0, ['over', 'http2_error'], PROTOCOL_ERROR],
    ['that overflows the connection', 0, 0x7fff_ffff, ['over', 'http2_error'], FLOW_CONTROL_ERROR],
    ['of nothing, for a stream', 1, 0, ['break 1 1'], NO_ERROR],
    ['that overflows a stream', 1, 0x7fff_ffff, ['break 1 3'], NO_ERROR],
    ['for a stream that is gone', 5, 1, ['late 5'], NO_ERROR],
  ])('WINDOW_UPDATE %s', async (_, streamId, increment, calls, code) => {
    const { session, sent } = sessionLab();
    session.open(1);
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(increment);
    session.onRead(frame(8, 0, streamId, payload));
    expect(session.calls).toEqual(calls);
    expect(await sent()).toEqual(code === NO_ERROR ? [] : [goaway(code)]);
  });

  test('a header block of a stream that is gone still fills the table', () => {
    const { session } = sessionLab();
    // Literal with indexing, `x-a: b`; then the entry it has made.
    session.onRead(frame(1, 4, 1, hex('4003782d610162')));
    session.onRead(frame(1, 5, 3, hex('be')));
    expect(session.names).toEqual(['x-a']);
  });

  test('a connection error is said once, with the last stream dealt with', async () => {
    const { session, sent } = sessionLab();
    session.onRead(frame(8, 0, 0, hex('00000000')));
    session.onRead(frame(8, 0, 0, hex('00000000')));
    expect(session.calls).toEqual(['over', 'http2_error']);
    expect(await sent()).toEqual([goaway(PROTOCOL_ERROR)]);
  });
});

describe('what the peer may cost', () => {
  test.each([
    ['PING', frame(6, 0, 0, '12345678'), 1],
    ['SETTINGS', frame(4, 0, 0), 10],
    ['acknowledged SETTINGS', frame(4, 1, 0), 1],
    ['frames that nobody knows', frame(99, 0, 0), 1],
    ['small windows', frame(8, 0, 0, hex('00000001')), 1],
    ['empty DATA', frame(0, 0, 1), 1],
  ])('%s: a burst of it, then no more', (_, bytes, cost) => {
    const { session } = sessionLab();
    session.open(1);
    for (let count = 0; count < (2000 - 10) / cost; count++) session.onRead(bytes);
    expect(session.now).toBe(STATE_OPEN);
    session.onRead(bytes);
    expect(session.calls.slice(-2)).toEqual(['over', FAILURES.http2Flood.flag]);
  });

  test('DATA pays for frames that go with it by what it carries, not by its padding', () => {
    const padded = Buffer.concat([Buffer.from([255]), Buffer.alloc(1024, 'a')]);
    for (const [payload, isPaid] of [
      [Buffer.alloc(1024, 'a'), true],
      [padded, false],
    ] as const) {
      const { session } = sessionLab();
      session.open(1);
      const data = frame(0, isPaid ? 0 : 8, 1, payload);
      for (let count = 0; count < 60; count++) {
        for (let ping = 0; ping < 40; ping++) session.onRead(frame(6, 0, 0, '12345678'));
        for (let times = 0; times < 10; times++) {
          session.onRead(data);
          session.creditConnection(payload.length);
        }
      }
      expect(session.now).toBe(isPaid ? STATE_OPEN : STATE_OVER);
    }
  });
});

describe('DATA', () => {
  test('goes to its stream, padding back to the windows, and the end to the side', () => {
    const { session } = sessionLab();
    const stream = session.open(1);
    session.onRead(frame(0, 9, 1, Buffer.concat([hex('02'), Buffer.from('abc\0\0')])));
    expect(stream.seen).toEqual(['abc', 'deliver']);
    // The octet that says how much padding there is counts with it.
    expect(stream.credited).toBe(3);
    expect(session.calls).toEqual(['end 1']);
  });

  test('beyond the window of the connection is an error, for whatever stream', async () => {
    const { session, sent } = sessionLab();
    for (let left = WINDOW; left > 0; left -= 10_000) {
      session.open(left);
      session.onRead(frame(0, 0, left, Buffer.alloc(10_000)));
    }
    expect(session.now).toBe(STATE_OPEN);
    session.onRead(frame(0, 0, 1, 'a'));
    expect(await sent()).toEqual([goaway(FLOW_CONTROL_ERROR)]);
  });

  test('that no stream takes is credited, in portions, until the connection is over', async () => {
    const { session, sent } = sessionLab();
    for (let count = 0; count < 5; count++) session.onRead(frame(0, 0, 99, Buffer.alloc(10_000)));
    expect(await sent()).toEqual(['8 0 0 0000c350']);
    session.now = STATE_LEAVING;
    session.creditConnection(WINDOW);
    expect(await sent()).toEqual(['8 0 0 000186a0']);
    session.now = STATE_OVER;
    session.creditConnection(WINDOW);
    expect(await sent()).toEqual([]);
  });

  test('that a stream refuses, or that comes for one closed meanwhile', () => {
    const { session } = sessionLab();
    const stream = session.open(1);
    session.onRead(frame(0, 0, 1, 'no!'));
    expect(session.calls).toEqual(['refused 1 3']);
    const [header, rest] = [frame(0, 1, 1, 'abc').subarray(0, 10), Buffer.from('bc')];
    session.onRead(header);
    stream.isClosed = true;
    session.onRead(rest);
    expect(stream.seen).toEqual(['no!', 'deliver', 'a', 'deliver']);
    expect(session.calls).toEqual(['refused 1 3']);
  });

  test('of one read is delivered when the whole read is understood, once for frames in a row', () => {
    const { session } = sessionLab();
    const [one, three] = [session.open(1), session.open(3)];
    session.onRead(Buffer.concat([frame(0, 0, 1, 'a'), frame(0, 0, 1, 'b'), frame(0, 0, 3, 'c')]));
    expect([one.seen, three.seen]).toEqual([
      ['a', 'b', 'deliver'],
      ['c', 'deliver'],
    ]);
    session.onRead(frame(6, 0, 0, '12345678'));
    expect(three.seen).toEqual(['c', 'deliver']);
  });
});

describe('a peer that does not read', () => {
  test('is not read while too much waits for it, and again when it has taken enough', async () => {
    const { socket, session, sent } = sessionLab();
    session.say(MAX_PENDING_BYTES + 1);
    await turn();
    session.onRead(frame(6, 0, 0, '12345678'));
    expect([socket.isPaused, session.calls]).toEqual([true, ['stall']]);
    // Only once.
    session.onRead(frame(6, 0, 0, '12345678'));
    expect(session.calls).toEqual(['stall']);
    expect(session.moved()).toBe(false);
    await sent();
    expect([socket.isPaused, session.calls]).toEqual([false, ['stall', 'resumed']]);
    expect([session.moved(), session.moved()]).toEqual([true, false]);
  });

  test('that takes a little is moving, and still not read', async () => {
    const { socket, session, sent } = sessionLab();
    session.say(100);
    await turn();
    session.say(MAX_PENDING_BYTES + 1);
    session.onRead(frame(6, 0, 0, '12345678'));
    expect(socket.isPaused).toBe(true);
    socket.take();
    expect([socket.isPaused, session.moved()]).toEqual([true, true]);
    await sent();
    expect(socket.isPaused).toBe(false);
  });

  test('is left as it is once the connection is over', async () => {
    const { socket, session, sent } = sessionLab();
    session.say(MAX_PENDING_BYTES + 1);
    session.now = STATE_OVER;
    session.onRead(frame(6, 0, 0, '12345678'));
    await sent();
    expect([socket.isPaused, session.calls]).toEqual([false, []]);
  });
});
