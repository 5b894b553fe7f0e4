// The server's side of a handshake on an accepted socket whose ClientHello has been looked at.
//
// Node gives contexts by server name only to its own tls.Server, and takes one set of options for all names. Here every
// connection is wrapped by itself, as the options of its name say. That uses two events of TLSSocket that are not
// documented ('secure', '_tlsError') and one method of its handle (`verifyError`): should one be gone, no handshake
// completes, and no client passes unverified. Reading stays with 'data' events: TLSSockets ignore `onread` on accepted
// connections.

import type net from 'node:net';
import tls from 'node:tls';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import type { ClientAuthMode, TlsOptionsSpec } from '../../model/tls.ts';

/** What a handshake has settled. */
export interface TlsSession {
  /** Lower case; '' when the client named no server. */
  readonly serverName: string;
  /** Qualified name of the options. */
  readonly options: string;
  /** As in metrics: `1.3`. */
  readonly version: string;
  /** IANA's name. */
  readonly cipher: string;
  /** Chosen by ALPN; '' for none. */
  readonly protocol: string;
  /** Distinguished name in the client's certificate, RFC 4514; '' without one. */
  readonly clientSubject: string;
  /** One of the authorities that the options name has issued it. */
  readonly isClientVerified: boolean;
}

export interface TlsHandshake {
  readonly options: TlsOptionsSpec;
  readonly context: tls.SecureContext;
  /** Handed to a client that asks for it (RFC 6066 §8); null for nothing. */
  readonly staple: Uint8Array | null;
  readonly serverName: string;
  /** Protocols that are offered, in order of preference. */
  readonly protocols: readonly string[];
  readonly timeoutMs: number;
}

export interface TlsResult {
  /** The socket is paused; data may be waiting in it. */
  secured(socket: tls.TLSSocket, session: TlsSession): void;
  /** The connection is gone. `reason` is short and stable: for metrics. */
  failed(reason: string): void;
}

/** What OpenSSL and Node hold of a connection that shakes hands, some of it for the first time and for good. */
const HANDSHAKE_BYTES = 32 * 1024;

/** What a ClientHello is refused with (RFC 8446 §6.2): there is nothing under its server name; */
export const ALERT_UNRECOGNIZED_NAME = 112;
/** it is malformed; */
export const ALERT_DECODE_ERROR = 50;
/** the certificate cannot be used. */
export const ALERT_INTERNAL_ERROR = 80;

/** Tells a client why there is no handshake, and closes. */
export function refuseHello(socket: net.Socket, alert: number): void {
  socket.on('error', ignore);
  socket.end(Buffer.from([21, 3, 1, 0, 2, 2, alert]), () => socket.destroy());
}

interface InternalSocket extends tls.TLSSocket {
  _handle: {
    verifyError?: () => (Error & { code?: string }) | null;
    setOCSPResponse?: (response: Uint8Array) => void;
  } | null;
}

/** `socket` is paused and has the ClientHello to read. Returns what ends the attempt. */
export function acceptTls(
  socket: net.Socket,
  handshake: TlsHandshake,
  wheel: TimerWheel,
  result: TlsResult,
): { destroy(): void } {
  const { options, context, protocols } = handshake;
  if (!heldMemory.take(HANDSHAKE_BYTES)) {
    socket.once('close', () => result.failed('memory'));
    socket.resetAndDestroy();
    return socket;
  }
  const { mode } = options.clientAuth;
  const secure = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    requestCert: mode !== 'none',
    // To OpenSSL it says that a client has to send one at all; whether it is good is looked at below.
    rejectUnauthorized: mode === 'require' || mode === 'requireAndVerify',
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
  }) as InternalSocket;
  // Node's own server does the same once it has asked its listeners: here it is known before.
  if (handshake.staple !== null) secure._handle?.setOCSPResponse?.(handshake.staple);
  const deadline = new Deadline(() => {
    reason = 'timeout';
    secure.destroy();
  });
  let reason = 'closed';
  wheel.arm(deadline, handshake.timeoutMs);
  const onError = (error: NodeJS.ErrnoException): void => {
    if (reason === 'closed') reason = reasonOf(error);
  };
  // Accepted sockets may be half open, which no handshake survives.
  const onEnd = (): void => {
    secure.destroy();
  };
  const onClose = (): void => {
    wheel.remove(deadline);
    heldMemory.give(HANDSHAKE_BYTES);
    result.failed(reason);
  };
  secure.on('_tlsError', onError);
  secure.on('error', onError);
  secure.once('end', onEnd);
  secure.once('close', onClose);
  secure.once('secure', () => {
    wheel.remove(deadline);
    const problem = clientProblem(secure, mode);
    if (problem !== null) {
      reason = problem;
      secure.destroy();
      return;
    }
    secure.removeListener('_tlsError', onError);
    secure.removeListener('error', onError);
    secure.removeListener('end', onEnd);
    secure.removeListener('close', onClose);
    heldMemory.give(HANDSHAKE_BYTES);
    // Node reports errors of an established connection here alone, unless its own server has released the socket.
    secure.on('_tlsError', destroyFailed);
    secure.pause();
    result.secured(secure, sessionOf(secure, handshake));
  });
  return secure;
}

function destroyFailed(this: tls.TLSSocket, error: Error): void {
  this.destroy(error);
}

/** Null when the client is who it has to be. */
function clientProblem(secure: InternalSocket, mode: ClientAuthMode): string | null {
  if (mode === 'none' || mode === 'request' || mode === 'require') return null;
  const verify = secure._handle?.verifyError;
  if (verify === undefined) return 'client_certificate';
  // Without a certificate there is no error in it: OpenSSL has seen to it that there is one where one is required.
  if (mode === 'verifyIfGiven' && Object.keys(secure.getPeerCertificate()).length === 0) return null;
  return secure._handle!.verifyError!() === null ? null : 'client_certificate';
}

function sessionOf(secure: tls.TLSSocket, handshake: TlsHandshake): TlsSession {
  const { mode } = handshake.options.clientAuth;
  return {
    serverName: handshake.serverName,
    options: handshake.options.name,
    version: versionOf(secure.getProtocol()),
    cipher: secure.getCipher().standardName,
    protocol: secure.alpnProtocol === false || secure.alpnProtocol === null ? '' : secure.alpnProtocol,
    clientSubject: mode === 'none' ? '' : subjectOf(secure),
    // Another one would not have come so far.
    isClientVerified: mode === 'verifyIfGiven' || mode === 'requireAndVerify',
  };
}

/** `TLSv1.3` as `1.3`; OpenSSL calls 1.0 `TLSv1`. */
function versionOf(protocol: string | null): string {
  const version = (protocol ?? '').replace('TLSv', '');
  return version === '1' ? '1.0' : version;
}

/** OpenSSL lists from the root; RFC 4514 §2.1 writes the other way around. */
function subjectOf(secure: tls.TLSSocket): string {
  const subject = secure.getPeerX509Certificate()?.subject;
  return subject === undefined ? '' : subject.split('\n').toReversed().join(',');
}

/** OpenSSL's codes change between versions: only those worth telling apart have names. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const code = error.code ?? '';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'closed';
  if (code.includes('NO_SHARED_CIPHER')) return 'no_shared_cipher';
  if (code.includes('UNSUPPORTED_PROTOCOL') || code.includes('VERSION')) return 'version';
  if (code.includes('NO_APPLICATION_PROTOCOL')) return 'no_shared_protocol';
  if (code.includes('PEER_DID_NOT_RETURN_A_CERTIFICATE')) return 'client_certificate';
  if (code.includes('ALERT')) return 'alert';
  return 'handshake';
}

function ignore(): void {}
