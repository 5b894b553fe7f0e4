// A connection to one address of a server, until it can be used: TCP, and TLS with what it pins. Nothing has been asked
// over it, so whatever the server says or does before is the end of the attempt. Requests and health checks go this way
// alike.

import type net from 'node:net';
import type tls from 'node:tls';
import type { UpstreamTlsSpec } from '../../../model/service.ts';
import { connectFixed, Reading, type ReadTarget } from '../../net/fixed-read.ts';
import { pinProblem } from '../../tls/upstream-tls.ts';
import type { Address } from '../name/address.ts';
import type { AddressTry } from './address-race.ts';

export interface AddressDialOptions {
  readonly port: number;
  /** Null for a connection without TLS. */
  readonly secure: tls.ConnectionOptions | null;
  /** What the server's certificate has to have besides. */
  readonly tls: UpstreamTlsSpec | null;
}

export abstract class AddressDial implements AddressTry, ReadTarget {
  readonly address: Address;
  readonly reading = new Reading();
  isConnected = false;
  protected readonly socket: net.Socket;
  private isAbandoned = false;

  /** Nothing is told before the constructor of the class below is through. */
  constructor(address: Address, { port, secure, tls: spec }: AddressDialOptions) {
    this.address = address;
    const where = { host: address.host, port, family: address.family };
    const socket = connectFixed(where, this, this.reading, secure);
    this.socket = socket;
    if (secure === null) {
      socket.once('connect', () => this.usable(socket, ''));
      return;
    }
    socket.once('connect', () => this.answered());
    socket.once('secureConnect', () => {
      const secured = socket as tls.TLSSocket; // As it was asked for.
      const problem = spec === null ? null : pinProblem(spec, secured.getPeerCertificate());
      if (problem === null) this.usable(secured, secured.alpnProtocol || '');
      else secured.destroy(problem);
    });
  }

  /** The address took the connection; a handshake follows. */
  protected abstract answered(): void;
  /** `protocol` is what ALPN has chosen, '' without. */
  protected abstract usable(socket: net.Socket, protocol: string): void;
  /** It has closed by itself; null for an end in order. */
  protected abstract closed(error: Error | null): void;

  abandon(): void {
    this.isAbandoned = true;
    this.socket.destroy();
  }

  onRead(): void {
    // Bytes nobody asked for: the next client would get them as an answer.
    this.socket.destroy();
  }

  onDrain(): void {}

  onEnd(): void {
    this.socket.destroy();
  }

  onClose(error: Error | null): void {
    if (!this.isAbandoned) this.closed(error);
  }
}
