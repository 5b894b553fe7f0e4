// The same bytes read by the product and by Node's own parser, in memory. Each gives the complete requests it saw
// and how it went on; the product runs whole, connection and all, so that a message boundary is where it really is.

import { createRequire } from 'node:module';
import type net from 'node:net';
import { Duplex } from 'node:stream';
import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { entryPointOptions, entryPointSpec } from '../../src/controlplane/config/install/entry-point-options.ts';
import { BODY_NONE } from '../../src/dataplane/http/body.ts';
import type { Exchange } from '../../src/dataplane/http/exchange.ts';
import { entryPointSettings, entryPointState } from '../../src/dataplane/downstream/entry-point-state.ts';
import { Http1Connection } from '../../src/dataplane/downstream/http1-connection.ts';
import { respond } from '../../src/dataplane/http/respond.ts';
import type { EntryPointSpec } from '../../src/model/entry-point.ts';
import { DecodeContext } from '../../src/schema/decode-context.ts';

export interface ReadRequest {
  readonly method: string;
  /** As received. */
  readonly target: string;
  /** One character per byte. */
  readonly body: string;
}

export interface Reading {
  readonly requests: readonly ReadRequest[];
  /** `open`: waits for more; `closed`: ended after an answer as asked; otherwise the code of the refusal. */
  readonly end: string;
}

/** A socket without a network. What is written to it is kept as text. */
class MemorySocket extends Duplex {
  written = '';

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written += chunk.toString('latin1');
    done();
  }

  destroySoon(): void {
    this.end();
  }

  resetAndDestroy(): void {
    this.destroy();
  }
}

function defaultSpec(): EntryPointSpec {
  const context = new DecodeContext('test', () => null);
  const options = entryPointOptions.decode({ address: ':0' }, context);
  if (typeof options === 'symbol') throw new Error('an address alone is a whole entry point');
  return entryPointSpec('web', { host: '', port: 0, protocol: 'tcp' }, options);
}

const SPEC = defaultSpec();

/** Feeds the pieces one after the other to a connection whose handler reads each body and answers 200. */
export function readAsProduct(pieces: readonly Buffer[]): Reading {
  const requests: ReadRequest[] = [];
  let refusal: string | null = null;
  const socket = new MemorySocket();
  const answer = (exchange: Exchange, body: string): void => {
    requests.push({ method: exchange.method, target: exchange.target, body });
    respond(exchange, 200, 'ok');
  };
  const context = {
    entryPoint: entryPointState(
      entryPointSettings(SPEC, {
        finished: (exchange) => {
          if (exchange.failure !== null) refusal = exchange.failure.flag;
        },
      }),
    ),
    wheel: new TimerWheel(new ManualClock()),
    handler: (exchange: Exchange) => {
      if (exchange.requestFraming === BODY_NONE) {
        answer(exchange, '');
        return;
      }
      let body = '';
      exchange.downstream.readBody({
        write: (chunk, start, end) => {
          body += chunk.latin1Slice(start, end);
          return true;
        },
        flush: () => {},
        end: () => answer(exchange, body),
        abort: () => {},
      });
    },
    closed: () => {},
    switchToHttp2: (_: unknown, other: net.Socket) => other.destroy(),
    handlerFailed: (_: Exchange, error: unknown) => {
      throw error;
    },
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
  // The connection uses the part of a socket that MemorySocket has.
  const connection = new Http1Connection(context, socket as unknown as net.Socket, client, 0, false);
  for (const piece of pieces) if (piece.length > 0) connection.onRead(piece, piece.length);
  const end = refusal ?? (socket.writableEnded || socket.destroyed ? 'closed' : 'open');
  connection.onClose();
  socket.destroy();
  return { requests, end };
}

/** The part of Node's parser binding that is used; Node publishes no types for it. */
interface ParserBinding {
  new (): {
    initialize(type: number, resource: object, maxHeaderSize: number): void;
    execute(bytes: Buffer): number | NodeJS.ErrnoException;
    close(): void;
    [callback: number]: ((...values: never[]) => number | void) | null;
  };
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

/** `methods`: those that Node knows; it refuses all others. */
export const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as {
  readonly HTTPParser: ParserBinding;
  readonly methods: readonly string[];
};

/** Parses as Node's server does without lenient flags; the parser alone, since its server would abort what it holds. */
export function readAsNode(bytes: Buffer): Reading {
  const requests: ReadRequest[] = [];
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, SPEC.limits.maxHeaderBytes);
  let method = '';
  let target = '';
  let body = '';
  let upgrades = false;
  let isInHead = true;
  // Called ahead of the rest when a head has many fields, and once more, with the target again, for trailers.
  parser[HTTPParser.kOnHeaders] = (_: unknown, url: string): void => {
    if (isInHead) target += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    _fields: unknown,
    code: number,
    url: string | undefined,
    _status: unknown,
    _reason: unknown,
    isUpgrade: boolean,
  ): number => {
    method = methods[code] ?? '';
    target += url ?? '';
    isInHead = false;
    upgrades ||= isUpgrade;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer): void => {
    body += chunk.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    requests.push({ method, target, body });
    target = body = '';
    isInHead = true;
  };
  const outcome = parser.execute(bytes);
  const code = typeof outcome === 'number' ? null : (outcome.code ?? outcome.message);
  parser.close();
  if (upgrades) return { requests, end: 'upgrade' };
  return { requests, end: code === 'HPE_CLOSED_CONNECTION' ? 'closed' : (code ?? 'open') };
}
