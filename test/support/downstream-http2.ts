// A connection of HTTP/2 whose client is the test: frames go in, lines come out.

import { Http2Connection } from '../../src/dataplane/downstream/http2-connection.ts';
import { ClientBonds } from '../../src/dataplane/http/client-bonds.ts';
import type { Exchange } from '../../src/dataplane/http/exchange.ts';
import { CLIENT, downstreamLab, type DownstreamLab, type DownstreamOptions } from './downstream.ts';
import { FakeSocket } from './fake-socket.ts';
import { FrameLines } from './http2-frames.ts';
import { block, frame, GET, type FieldPair } from './raw-http2.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const SETTINGS = frame(4, 0, 0);

export interface Http2Lab extends DownstreamLab {
  readonly socket: FakeSocket;
  readonly connection: Http2Connection;
  /** One read. */
  readonly say: (...frames: readonly Buffer[]) => void;
  /** What the client has been sent since this was asked last. */
  readonly lines: () => Promise<readonly string[]>;
  /** Opens a stream, and returns its exchange. */
  readonly ask: (streamId: number, fields?: readonly FieldPair[], endStream?: boolean) => Exchange;
}

/** As it stands before the client has said anything; `prepare` comes before the connection is made. */
export function bareHttp2Lab(
  options: DownstreamOptions = {},
  prepare: (shared: DownstreamLab) => void = () => {},
): Http2Lab {
  const shared = downstreamLab(options);
  prepare(shared);
  const socket = new FakeSocket();
  const client = { ...CLIENT, bonds: new ClientBonds() };
  client.bonds.add(shared, { clientGone: () => void shared.heard.push('bond') });
  const connection = new Http2Connection(shared.context, socket.asSocket, client, 7);
  const frames = new FrameLines();
  const say = (...sent: readonly Buffer[]): void => {
    const bytes = Buffer.concat(sent);
    connection.onRead(bytes, bytes.length);
  };
  return Object.assign(shared, {
    socket,
    connection,
    say,
    async lines() {
      await new Promise(setImmediate);
      const { bytes } = socket;
      socket.bytes = Buffer.alloc(0);
      return frames.read(bytes);
    },
    ask(streamId: number, fields: readonly FieldPair[] = GET, endStream = true) {
      say(frame(1, endStream ? 5 : 4, streamId, block(fields)));
      return shared.exchanges.at(-1)!;
    },
  });
}

/** Both have introduced themselves. */
export async function http2Lab(options: DownstreamOptions = {}): Promise<Http2Lab> {
  const one = bareHttp2Lab(options);
  one.say(PREFACE, SETTINGS);
  await one.lines();
  return one;
}
