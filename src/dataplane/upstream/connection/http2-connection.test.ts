import { EventEmitter } from 'node:events';
import type net from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frame } from '../../../../test/support/raw-http2.ts';
import { ManualClock } from '../../../core/clock.ts';
import { TimerWheel } from '../../../core/timer-wheel.ts';
import { DEFAULT_UPSTREAM_TLS, type ServerSpec, type UpstreamTransportSpec } from '../../../model/service.ts';
import { BODY_CHUNKED, BODY_NONE } from '../../http/body.ts';
import { Exchange, type Downstream } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { Reading } from '../../net/fixed-read.ts';
import type { SharedConnectionOwner } from '../connection-owner.ts';
import { UpstreamHttp2Connection } from './http2-connection.ts';

/** Takes everything at once, and keeps it. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  written = Buffer.alloc(0);

  write(chunk: Buffer, done?: () => void): boolean {
    this.written = Buffer.concat([this.written, chunk]);
    if (done !== undefined) queueMicrotask(done);
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

const SERVER: ServerSpec = {
  url: 'h2c://a:1',
  scheme: 'h2c',
  host: 'a',
  port: 1,
  path: '',
  preservePath: false,
  weight: 1,
};
const TRANSPORT: UpstreamTransportSpec = {
  dialTimeoutMs: 1000,
  responseHeaderTimeoutMs: 1000,
  idleConnTimeoutMs: 1000,
  readIdleTimeoutMs: 0,
  pingTimeoutMs: 0,
  writeIdleTimeoutMs: 1000,
  maxIdleConnsPerHost: 10,
  maxConnsPerHost: 0,
  maxPendingRequests: 10,
  maxResponseHeaderBytes: 4096,
  maxResponseHeaderCount: 20,
  isHttp2: true,
  tls: DEFAULT_UPSTREAM_TLS,
};

interface Lab {
  readonly socket: FakeSocket;
  readonly connection: UpstreamHttp2Connection;
  readonly wheel: TimerWheel;
  readonly clock: ManualClock;
  inFlight: number;
  isGone: boolean;
  /** Sends a request; `outcome` of it is '' until it is over. */
  ask(hasBody: boolean): { outcome: string; bytes: number };
}

function lab(): Lab {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const owner: SharedConnectionOwner<UpstreamHttp2Connection> = {
    server: SERVER,
    transport: TRANSPORT,
    // What a connection uses of it.
    context: {
      wheel,
      keepOriginHeaders: false,
    } as unknown as SharedConnectionOwner<UpstreamHttp2Connection>['context'],
    ready: () => {},
    finished: () => void made.inFlight--,
    widened: () => {},
    leaving: () => {},
    gone: () => void (made.isGone = true),
    answered: () => {},
    failed: (exchange) => {
      exchange.responseSource = null;
      respondFailure(exchange, exchange.attempt.failure!);
    },
  };
  const socket = new FakeSocket();
  const made: Lab = {
    socket,
    clock,
    wheel,
    connection: new UpstreamHttp2Connection(owner, socket as unknown as net.Socket, new Reading()), // The part that is used.
    inFlight: 0,
    isGone: false,
    ask(hasBody) {
      const seen = { outcome: '', bytes: 0 };
      const end = (outcome: string): void => {
        expect(seen.outcome).toBe('');
        seen.outcome = outcome;
        exchange.finish();
      };
      const downstream: Partial<Downstream> = {
        readBody: (sink) => {
          sink.write(Buffer.from('body'), 0, 4, null);
          sink.end(null);
        },
        startResponse: () => void (exchange.isResponseStarted = true),
        sendInformational: () => {},
        write: (_, start, to) => {
          seen.bytes += to - start;
          return true;
        },
        flush: () => {},
        end: () => end(exchange.failure?.flag ?? 'complete'),
        abort: (failure) => end(failure.flag),
        resumeBody: () => {},
      };
      const client = {
        ip: '127.0.0.1',
        port: 1,
        scheme: 'http',
        tls: null,
        isTrusted: false,
        bonds: null,
        identity: null,
      } as const;
      const exchange = new Exchange(downstream as Downstream, client); // The part that is used.
      exchange.method = 'POST';
      exchange.forwardPath = exchange.path = '/';
      exchange.upstreamHost = 'a';
      exchange.requestFraming = hasBody ? BODY_CHUNKED : BODY_NONE;
      made.inFlight++;
      made.connection.start(exchange);
      return seen;
    },
  };
  return made;
}

function feed({ connection }: Lab, bytes: Buffer): void {
  connection.onRead(bytes, bytes.length);
}

const SETTINGS = frame(4, 0, 0);
/** `:status: 200` of the static table. */
const OK = Buffer.from([0x88]);

test('ids are used once: the last one makes the connection leave', () => {
  const one = lab();
  feed(one, SETTINGS);
  // Nobody waits for a billion requests.
  (one.connection as unknown as { nextId: number }).nextId = 0x7fff_ffff;
  expect(one.connection.canTake).toBe(true);
  const asked = one.ask(false);
  expect([one.connection.canTake, one.isGone]).toEqual([false, false]);
  feed(one, frame(1, 5, 0x7fff_ffff, OK));
  expect([asked.outcome, one.isGone, one.inFlight]).toEqual(['complete', true, 0]);
});

test('takes nothing before SETTINGS, nor beyond what they allow', () => {
  const one = lab();
  expect(one.connection.canTake).toBe(false);
  feed(one, frame(4, 0, 0, Buffer.from('000300000002', 'hex')));
  one.ask(false);
  expect(one.connection.canTake).toBe(true);
  one.ask(false);
  expect(one.connection.canTake).toBe(false);
  feed(one, frame(1, 5, 1, OK));
  expect(one.connection.canTake).toBe(true);
  feed(one, frame(4, 0, 0, Buffer.from('000300000000', 'hex')));
  expect(one.connection.canTake).toBe(false);
});

test('a window grows for a client that keeps up', async () => {
  const one = lab();
  feed(one, SETTINGS);
  const asked = one.ask(false);
  feed(one, frame(1, 4, 1, OK));
  const piece = frame(0, 0, 1, 'x'.repeat(16_000));
  for (let index = 0; index < 100; index++) feed(one, piece);
  expect(asked.bytes).toBe(1_600_000);
  await new Promise(setImmediate);
  // WINDOW_UPDATE of the stream alone: increments larger than what was consumed.
  let credited = 0;
  for (let at = 24; at < one.socket.written.length;) {
    const length = one.socket.written.readUIntBE(at, 3);
    const isUpdate = one.socket.written[at + 3] === 8 && one.socket.written.readUInt32BE(at + 5) === 1;
    if (isUpdate) credited += one.socket.written.readUInt32BE(at + 9);
    at += 9 + length;
  }
  expect(credited).toBeGreaterThan(1_600_000);
});

const anyFrame = fc
  .tuple(
    fc.constantFrom(0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200),
    fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0xff),
    fc.constantFrom(0, 1, 1, 3, 3, 5, 7, 2, 0x7fff_ffff),
    fc.oneof(
      fc.constantFrom(
        Buffer.alloc(0),
        OK,
        Buffer.from([0x08, 3, 0x31, 0x30, 0x33]),
        Buffer.from([0x88, 0x5c, 1, 0x35]),
        Buffer.from([0, 1, 0x78, 1, 0x79]),
        Buffer.from('000300000001', 'hex'),
        Buffer.from('000400000000', 'hex'),
        Buffer.from('00047fffffff', 'hex'),
        Buffer.from('0000000000000000', 'hex'),
        Buffer.from('00000007', 'hex'),
        Buffer.from('7fffffff', 'hex'),
        Buffer.from('hello'),
      ),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    ),
  )
  .map(([type, flags, streamId, payload]) => frame(type, flags, streamId, payload));

test('whatever frames a server sends, however they are cut, every request ends once and is counted once', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 30 }),
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.boolean(), { maxLength: 4 }),
      (frames, size, bodies) => {
        const one = lab();
        feed(one, SETTINGS);
        const asked = bodies.map((hasBody) => one.ask(hasBody));
        const bytes = Buffer.concat(frames);
        for (let at = 0; at < bytes.length; at += size) feed(one, bytes.subarray(at, at + size));
        one.connection.onEnd();
        one.connection.onClose(null);
        expect(asked.map(({ outcome }) => outcome !== '')).toEqual(bodies.map(() => true));
        expect([one.inFlight, one.isGone]).toEqual([0, true]);
      },
    ),
    { numRuns: 2000 },
  );
});

test('bytes that are no frames end the connection and its requests', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 9, maxLength: 300 }), (bytes) => {
      const one = lab();
      const asked = one.ask(false);
      feed(one, Buffer.from(bytes));
      one.connection.onClose(new Error('reset'));
      expect(asked.outcome).not.toBe('');
      expect([one.inFlight, one.isGone]).toEqual([0, true]);
    }),
  );
});

test('a response that does not come, and a server that takes nothing, are given up by the wheel', () => {
  const one = lab();
  feed(one, frame(4, 0, 0, Buffer.from('000400000000', 'hex')));
  const silent = one.ask(false);
  const stuck = one.ask(true);
  one.clock.advance(1500);
  one.wheel.tick();
  expect(silent.outcome).toBe(FAILURES.upstreamResponseTimeout.flag);
  expect(stuck.outcome).toBe(FAILURES.upstreamWriteTimeout.flag);
  one.clock.advance(1500);
  one.wheel.tick();
  expect(one.isGone).toBe(true);
  one.wheel.stop();
});
