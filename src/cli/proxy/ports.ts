// Where `signalbox proxy` listens: on the ports of browsers, where they can be had, on loopback alone.

import { SignalboxError } from '../../core/errors.ts';
import { bindSocket, type BoundSocket } from '../../dataplane/net/listening-socket.ts';

export interface OpenPort {
  readonly port: number;
  /** Of IPv4, and of IPv6 where the machine has it. */
  readonly sockets: readonly BoundSocket[];
}

/** A port that could not be had, with the reason in words. */
interface Refusal {
  readonly port: number;
  readonly why: string;
}

export interface Ports {
  readonly https: OpenPort;
  /** Where browsers are sent to HTTPS; null when no port for that can be had. */
  readonly http: OpenPort | null;
  /** What is not as everybody would expect it, a sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Undefined ones are those of browsers. Rejects with a SignalboxError when there is no port for HTTPS, or none that was
 * named.
 */
export async function openPorts(
  httpsPort: number | undefined,
  httpPort: number | undefined,
  bind: typeof bindSocket = bindSocket,
): Promise<Ports> {
  const remarks: string[] = [];
  const https = await firstOf(httpsPort === undefined ? [443, 8443] : [httpsPort], bind);
  if (https.open === null) {
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `proxy: nowhere to listen for HTTPS: ${https.refused.map(({ why }) => why).join('; ')}. Name a port that is free with --port`,
    );
  }
  for (const { why } of https.refused) remarks.push(`${why}: HTTPS is on ${https.open.port}`);
  const http = await firstOf(httpPort === undefined ? [80, 8080] : [httpPort], bind);
  if (http.open === null && httpPort !== undefined) {
    close(https.open);
    const whys = http.refused.map(({ why }) => why).join('; ');
    throw new SignalboxError('ERR_CLI_USAGE', `proxy: ${whys}. Name another one with --http-port, or leave it out`);
  }
  if (http.open === null) {
    remarks.push(`${http.refused.map(({ why }) => why).join('; ')}: nothing sends http:// to https://`);
  }
  return { https: https.open, http: http.open, remarks };
}

async function firstOf(
  ports: readonly number[],
  bind: typeof bindSocket,
): Promise<{ readonly open: OpenPort | null; readonly refused: readonly Refusal[] }> {
  const refused: Refusal[] = [];
  for (const port of ports) {
    const found = await open(port, bind);
    if ('sockets' in found) return { open: found, refused };
    refused.push(found);
  }
  return { open: null, refused };
}

async function open(port: number, bind: typeof bindSocket): Promise<OpenPort | Refusal> {
  let first: BoundSocket;
  try {
    first = await bind('https', { host: '127.0.0.1', port, protocol: 'tcp' });
  } catch (error) {
    return { port, why: reasonOf(error, port) };
  }
  const chosen = first.address.port;
  try {
    const second = await bind('https', { host: '::1', port: chosen, protocol: 'tcp' });
    return { port: chosen, sockets: [first, second] };
  } catch (error) {
    const isTaken = error instanceof SignalboxError && error.code === 'ERR_LISTEN_ADDRESS_IN_USE';
    // Without IPv6 nobody comes by it. Where another program has it, browsers would come to that one first.
    if (!isTaken || port === 0) return { port: chosen, sockets: [first] };
    first.handle.close();
    return { port, why: reasonOf(error, port) };
  }
}

function close({ sockets }: OpenPort): void {
  for (const { handle } of sockets) handle.close();
}

function reasonOf(error: unknown, port: number): string {
  if (!(error instanceof SignalboxError)) return String(error);
  if (error.code === 'ERR_LISTEN_ADDRESS_IN_USE') return `port ${port} is taken by another program`;
  if (error.code === 'ERR_LISTEN_PERMISSION') {
    return `port ${port} is not allowed to this user (below 1024 it takes root, or CAP_NET_BIND_SERVICE)`;
  }
  return `port ${port} cannot be had (${error.message})`;
}
