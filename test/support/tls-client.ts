// HTTP/1.1 over TLS for tests: one request, with everything a handshake can say.

import tls from 'node:tls';
import type { IssuedPair } from '../../src/core/x509/issue-certificate.ts';
import { selfSigned } from '../../src/core/x509/self-signed.ts';

/** A certificate for these names, valid from yesterday for a month or as long as said. */
export function certificateFor(hosts: readonly string[], days = 30): IssuedPair {
  return selfSigned({ commonName: hosts[0] ?? 'nobody', hosts, nowMs: Date.now(), days });
}

export interface TlsAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Subject of the server's certificate. */
  readonly subject: string;
  readonly serial: string;
  readonly version: string;
  readonly isResumed: boolean;
  readonly protocol: string | false | null;
  /** A ticket, when the server sent one before it answered. */
  readonly session: Buffer | null;
}

/** Sends one GET and reads the whole answer. Rejects when the handshake fails or the answer does not come whole. */
export function tlsGet(
  port: number,
  options: tls.ConnectionOptions & {
    readonly host?: string;
    readonly path?: string;
    readonly connection?: string;
  } = {},
): Promise<TlsAnswer> {
  const { host = 'a.example', path = '/', connection = 'close', ...rest } = options;
  return new Promise((resolve, reject) => {
    let session: Buffer | null = null;
    let received = '';
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: host,
      rejectUnauthorized: false,
      ...rest,
    });
    socket.on('session', (ticket) => {
      session = ticket;
    });
    socket.on('secureConnect', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: ${connection}\r\n\r\n`);
    });
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('end', () => {
      const end = received.indexOf('\r\n\r\n');
      const certificate = socket.getPeerCertificate();
      if (end < 0) {
        reject(new Error(`no answer, only ${JSON.stringify(received)}`));
        return;
      }
      resolve({
        status: Number(received.slice(9, 12)),
        head: received.slice(0, end + 4),
        body: received.slice(end + 4),
        subject: String(certificate.subject?.CN ?? ''),
        serial: certificate.serialNumber,
        version: socket.getProtocol() ?? '',
        isResumed: socket.isSessionReused(),
        protocol: socket.alpnProtocol,
        session,
      });
      socket.end();
    });
  });
}
