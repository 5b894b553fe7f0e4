// A connection of HTTP/2 to a server that is the test: frames go in, lines come out.

import { Reading } from '../../src/dataplane/net/fixed-read.ts';
import type { Exchange } from '../../src/dataplane/http/exchange.ts';
import type { UpstreamContext } from '../../src/dataplane/upstream/connection-owner.ts';
import { UpstreamHttp2Connection } from '../../src/dataplane/upstream/connection/http2-connection.ts';
import type { UpstreamTransportSpec } from '../../src/model/service.ts';
import { FakeSocket } from './fake-socket.ts';
import { FrameLines } from './http2-frames.ts';
import { frame } from './raw-http2.ts';
import { exchangeFor, serverSpec, upstreamLab, type NotingDownstream, type UpstreamLab } from './upstream.ts';

const PREFACE_BYTES = 24;

export interface UpstreamHttp2Lab extends UpstreamLab {
  readonly socket: FakeSocket;
  readonly connection: UpstreamHttp2Connection;
  /** One read. */
  readonly says: (...frames: readonly Buffer[]) => void;
  /** What the server has been sent since this was asked last. */
  readonly lines: () => Promise<readonly string[]>;
  readonly ask: (prepare?: (exchange: Exchange) => unknown) => {
    readonly exchange: Exchange;
    readonly client: NotingDownstream;
  };
}

/** As it stands before the server has said anything. */
export function bareUpstreamHttp2Lab(
  transport: Partial<UpstreamTransportSpec> = {},
  context: Partial<UpstreamContext> = {},
): UpstreamHttp2Lab {
  const shared = upstreamLab(serverSpec('h2c'), transport, context);
  const { heard } = shared;
  const socket = new FakeSocket();
  const connection = new UpstreamHttp2Connection(
    {
      ...shared.owner,
      ready: () => void heard.push('ready'),
      finished: () => void heard.push('finished'),
      widened: () => {},
      leaving: () => void heard.push('leaving'),
      gone: (_, failure) => void heard.push(`gone ${failure.flag}`),
    },
    socket.asSocket,
    new Reading(),
  );
  const frames = new FrameLines();
  let skipped = PREFACE_BYTES;
  return Object.assign(shared, {
    socket,
    connection,
    says(...sent: readonly Buffer[]) {
      const bytes = Buffer.concat(sent);
      connection.onRead(bytes, bytes.length);
    },
    async lines() {
      await new Promise(setImmediate);
      const bytes = socket.bytes.subarray(skipped);
      skipped = 0;
      socket.bytes = Buffer.alloc(0);
      return frames.read(bytes);
    },
    ask(prepare: (exchange: Exchange) => unknown = () => {}) {
      const asked = exchangeFor();
      prepare(asked.exchange);
      connection.start(asked.exchange);
      return asked;
    },
  });
}

/** Both have introduced themselves; nobody asks whether the server still lives unless a test says so. */
export async function upstreamHttp2Lab(
  transport: Partial<UpstreamTransportSpec> = {},
  context: Partial<UpstreamContext> = {},
): Promise<UpstreamHttp2Lab> {
  const one = bareUpstreamHttp2Lab({ readIdleTimeoutMs: 0, ...transport }, context);
  one.says(frame(4, 0, 0));
  await one.lines();
  one.heard.length = 0;
  return one;
}
