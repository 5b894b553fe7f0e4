// A stream of HTTP/2 on either side, as far as bytes that come in are concerned: they are held until somebody takes
// them, at most a window of them, so that who stalls holds up nobody else on the connection; then comes their end.
// Whose body they are, who takes them and what that is worth to the peer's window is the side's, which extends it.
//
//   DATA ──▶ counted against Content-Length ──▶ passed on, or held ──deliver──▶ passed on ──▶ end, after what is held
//
// It extends what goes out, data-sender.ts, for the same reason as the session is a base class: a stream is one object,
// made for each request.

import { heldMemory } from '../../core/held-memory.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import { type DataSender, OutgoingStream } from './data-sender.ts';
import type { FrameOutput } from './frame-output.ts';
import type { HeaderBlockWriter } from './header-block-writer.ts';
import { HeldBytes } from './held-bytes.ts';
import type { ReceiveWindow } from './receive-window.ts';

/** The connection as its streams see it, on either side. */
export interface StreamOwner<Stream> {
  readonly output: FrameOutput;
  readonly sender: DataSender;
  readonly headers: HeaderBlockWriter;
  /** The sink of the stream wants a flush when the present read is over. */
  flushLater(stream: Stream): void;
  /** Both sides have ended the stream. */
  completed(stream: Stream): void;
  /** Ends the stream with an error code. */
  reset(stream: Stream, code: number): void;
}

export abstract class IncomingStream extends OutgoingStream {
  // Declared here and set by the constructor: fields that are defined at one more level of the class cost each request
  // up to 2 % of its time in the codec.

  /** Null once it is over. */
  declare exchange: Exchange | null;
  /** Nothing more is sent or taken. */
  declare isClosed: boolean;
  /** END_STREAM has come. */
  declare isPeerDone: boolean;
  /** What the peer may send; null when it has ended the stream with the head. */
  declare receiveWindow: ReceiveWindow | null;
  /** Of a body with a known length: bytes still to come; -1 for others. */
  declare protected incomingLeft: number;
  /** Who takes the bytes has room. */
  declare protected isSinkReady: boolean;
  /** Taken and not passed on; null when there is nothing. */
  declare protected incoming: HeldBytes | null;
  /** What has come behind the body. */
  declare protected peerTrailers: HeaderList | null;
  /** Who takes the bytes has been told of their end. */
  declare protected isEndPassed: boolean;
  protected abstract readonly owner: StreamOwner<this>;

  constructor(id: number, sendWindow: number, exchange: Exchange | null, receiveWindow: ReceiveWindow | null) {
    super(id, sendWindow);
    this.exchange = exchange;
    this.receiveWindow = receiveWindow;
    this.isClosed = false;
    this.isPeerDone = false;
    this.incomingLeft = -1;
    this.isSinkReady = true;
    this.incoming = null;
    this.peerTrailers = null;
    this.isEndPassed = false;
  }

  // ── what the sides say ─────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes of DATA; false when there are more than may come. */
  abstract receive(chunk: Buffer, start: number, end: number): boolean;
  /** Somebody takes the bytes. */
  protected abstract get hasSink(): boolean;
  /** Gives them the bytes; `isSinkReady` says then whether there is room for more. */
  protected abstract pass(chunk: Buffer, start: number, end: number): void;
  /** Everything has been passed on, and END_STREAM has come. Called once. */
  protected abstract passEnd(): void;
  /** Everything has been passed on that is wanted for now. */
  protected abstract passPause(): void;
  /** Bytes have gone on, or were none of the body's: the peer may send more. */
  abstract credit(bytes: number): void;
  /** Ends the stream, and the exchange with it. */
  protected abstract giveUp(failure: Failure): void;

  // ── bytes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** False when there are more of the body than Content-Length says (RFC 9113 §8.1.1). */
  protected countIncoming(bytes: number): boolean {
    if (this.incomingLeft < 0) return true;
    if (bytes > this.incomingLeft) return false;
    this.incomingLeft -= bytes;
    return true;
  }

  /** Passes the bytes on, or holds them. */
  protected take(chunk: Buffer, start: number, end: number): void {
    if (this.incoming === null && this.isSinkReady && this.hasSink) {
      const { exchange } = this;
      this.pass(chunk, start, end);
      this.credit(end - start);
      if (this.exchange === exchange) this.owner.flushLater(this);
      return;
    }
    (this.incoming ??= new HeldBytes()).append(chunk, start, end);
    if (heldMemory.isOver) this.giveUp(FAILURES.memoryFull);
  }

  /** END_STREAM has come; false when the body is shorter than Content-Length says. */
  protected endIncoming(trailers: HeaderList | null): boolean {
    if (this.incomingLeft > 0) return false;
    this.isPeerDone = true;
    this.peerTrailers = trailers;
    return true;
  }

  /** Passes on what is held, as far as it is wanted; then the end, or a pause. */
  deliver(): void {
    const { exchange } = this;
    if (exchange === null || !this.hasSink) return;
    while (this.incoming !== null && this.isSinkReady) {
      const piece = this.incoming.first!;
      const bytes = piece.end - piece.start;
      this.pass(piece.memory, piece.start, piece.end);
      // Closed by what the bytes have brought about: `close` has counted them with the rest.
      if (this.exchange !== exchange || this.incoming === null) return;
      this.incoming.consume(bytes);
      if (this.incoming.length === 0) this.incoming = null;
      this.credit(bytes);
    }
    if (this.incoming === null && this.isPeerDone) this.finishPassing();
    else this.passPause();
  }

  protected finishPassing(): void {
    if (this.isEndPassed) return;
    this.isEndPassed = true;
    this.passEnd();
  }

  /** Who takes the bytes has room again. */
  resume(): void {
    this.isSinkReady = true;
    this.deliver();
  }

  /** The connection has closed the stream: gives back what it holds. Returns the bytes that had come and waited. */
  close(): number {
    this.isClosed = true;
    this.owner.sender.remove(this);
    if (this.incoming === null) return 0;
    const held = this.incoming.length;
    this.incoming.clear();
    this.incoming = null;
    return held;
  }
}
