// A client's connection without a client: what its stages and its entry point would be is here, with a clock that is
// moved by hand.

import { onTestFinished, vi } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import {
  entryPointSettings,
  entryPointState,
  type EntryPointState,
} from '../../src/dataplane/downstream/entry-point-state.ts';
import type { Http1DownstreamContext } from '../../src/dataplane/downstream/http1-socket.ts';
import type { BodyFraming, BodySink, BodySource, TunnelEnd } from '../../src/dataplane/http/body.ts';
import type { ClientInfo } from '../../src/dataplane/http/client-info.ts';
import type { Exchange, Handler } from '../../src/dataplane/http/exchange.ts';
import type { Failure } from '../../src/dataplane/http/failure.ts';
import type { HeaderList } from '../../src/dataplane/http/message/header-list.ts';
import type { DownstreamLimits, DownstreamTimeouts, EntryPointSpec } from '../../src/model/entry-point.ts';
import { entryPointSpecs } from './data-plane.ts';

export const CLIENT: ClientInfo = {
  ip: '127.0.0.1',
  port: 1,
  scheme: 'http',
  tls: null,
  isTrusted: false,
  bonds: null,
  identity: null,
};

/**
 * Whoever is on the other side of an exchange: takes a body, gives one, or is the end of a tunnel. Notes what it is
 * told.
 */
export class OtherSide implements BodySink, BodySource, TunnelEnd {
  readonly seen: string[] = [];
  isFull = false;
  onWrite: () => void = () => {};

  write(chunk: Buffer, start: number, end: number): boolean {
    this.seen.push(chunk.latin1Slice(start, end));
    this.onWrite();
    return !this.isFull;
  }
  flush(): void {
    this.seen.push('(flush)');
  }
  end(trailers: HeaderList | null): void {
    this.seen.push(trailers === null ? '(end)' : `(end ${trailers.render().trim()})`);
  }
  abort(failure: Failure): void {
    this.seen.push(`(abort ${failure.flag})`);
  }
  resume(): void {
    this.seen.push('(resume)');
  }
  cancel(): void {
    this.seen.push('(cancel)');
  }
  finish(): void {
    this.seen.push('(finish)');
  }
  destroy(): void {
    this.seen.push('(destroy)');
  }
  /** What was noted since this was asked last. */
  noted(): readonly string[] {
    return this.seen.splice(0);
  }
}

export interface DownstreamLab {
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  readonly entryPoint: EntryPointState;
  readonly context: Http1DownstreamContext;
  /** Those that have reached the stages. */
  readonly exchanges: Exchange[];
  /** What the entry point and the observer of exchanges have heard. */
  readonly heard: string[];
  /** The stages; they do nothing unless a test says so. */
  handler: Handler;
  /** Lets time go by. */
  readonly pass: (ms: number) => void;
}

export interface DownstreamOptions {
  readonly timeouts?: Partial<DownstreamTimeouts>;
  readonly limits?: Partial<DownstreamLimits>;
  readonly http2?: Partial<EntryPointSpec['http2']>;
}

/** All waits are a second long, but for those a test names. */
export function downstreamLab({ timeouts, limits, http2 }: DownstreamOptions = {}): DownstreamLab {
  const clock = new ManualClock();
  const present = vi.spyOn(performance, 'now').mockImplementation(() => clock.now());
  const wheel = new TimerWheel(clock);
  onTestFinished(() => {
    present.mockRestore();
    wheel.stop();
  });
  const written = entryPointSpecs('{ web: { address: ":0" } }')['web']!;
  const spec: EntryPointSpec = {
    ...written,
    timeouts: {
      ...written.timeouts,
      headerMs: 1000,
      idleMs: 1000,
      readIdleMs: 1000,
      writeIdleMs: 1000,
      tunnelIdleMs: 1000,
      readTotalMs: 0,
      writeTotalMs: 0,
      ...timeouts,
    },
    limits: { ...written.limits, ...limits },
    http2: { ...written.http2, ...http2 },
  };
  const heard: string[] = [];
  const finished = (exchange: Exchange): void =>
    void heard.push(`finished ${exchange.failure?.flag ?? 'well'} ${exchange.status}`);
  const entryPoint = entryPointState(entryPointSettings(spec, { finished }));
  const lab: DownstreamLab = {
    clock,
    wheel,
    entryPoint,
    exchanges: [],
    heard,
    handler: () => {},
    pass(ms) {
      clock.advance(ms);
      wheel.tick();
    },
    context: {
      entryPoint,
      wheel,
      handler(exchange) {
        lab.exchanges.push(exchange);
        return lab.handler(exchange);
      },
      closed: () => void heard.push('closed'),
      handlerFailed: (_, error) => void heard.push(`failed ${String(error)}`),
      switchToHttp2: (_connection, _socket, chunk) => void heard.push(`http2 ${chunk.toString('latin1')}`),
    },
  };
  return lab;
}

/** Begins a response as a server's connection does; the caller goes on with its body. */
export function beginResponse(exchange: Exchange, status: number, framing: BodyFraming, length = 0): void {
  exchange.status = status;
  exchange.responseFraming = framing;
  exchange.responseLength = length;
  exchange.responseSink.startResponse(exchange);
}

export function writeText(sink: BodySink, text: string): boolean {
  return sink.write(Buffer.from(text, 'latin1'), 0, text.length, null);
}
