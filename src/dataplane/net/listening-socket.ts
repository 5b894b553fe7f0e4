// Listening sockets that outlive workers. The main thread binds one socket per entry point and never accepts on it;
// each worker gets a descriptor of its own for the same socket, so that closing one, or a crash, leaves the others and
// the kernel's queue alone. Node cannot duplicate a descriptor: a short-lived child process inherits the main thread's
// and sends it back over its IPC channel (SCM_RIGHTS), which yields a new number.

import { fork } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { SignalboxError } from '../../core/errors.ts';
import type { ListenAddress } from '../../model/entry-point.ts';
import { bindDatagrams } from './datagram-handle.ts';

/** The part of Node's TCP and UDP handles that is used; the same in Node 20, 24 and 26. */
export interface SocketHandle {
  readonly fd: number;
  close(): void;
  getsockname(out: { address?: string; port?: number }): number;
}

type CreateServerHandle = (
  address: string | null,
  port: number,
  addressType: 4 | 6,
  fd: undefined,
  flags: number,
) => SocketHandle | number;

const DUPLICATE_TIMEOUT_MS = 10_000;

export interface BoundSocket {
  readonly handle: SocketHandle;
  /** As bound: the port the kernel chose when 0 was asked for. */
  readonly address: ListenAddress;
}

export interface SharedSocket {
  readonly fd: number;
  readonly protocol: ListenAddress['protocol'];
}

/** Binds without accepting or reading. `entryPoint` names the option in errors. */
export async function bindSocket(entryPoint: string, address: ListenAddress, reusePort = false): Promise<BoundSocket> {
  if (reusePort && !CAN_REUSE_PORT) {
    throw new SignalboxError(
      'ERR_LISTEN_FAILED',
      `entryPoints.${entryPoint}.reusePort needs Node.js 22.12 or newer, and Linux; this is Node.js ${process.versions.node} on ${process.platform}`,
    );
  }
  const { host, port, protocol } = address;
  const bind = protocol === 'udp' ? bindDatagrams : bindTcp;
  if (host === '') {
    // '' is every address of both families; without IPv6 in the kernel that is IPv4.
    const both = await bind('::', port, 6, reusePort);
    const isWithoutIpv6 = typeof both === 'string' && both !== 'EADDRINUSE';
    return finish(entryPoint, address, isWithoutIpv6 ? await bind('0.0.0.0', port, 4, reusePort) : both);
  }
  const family = net.isIP(host);
  if (family !== 0) return finish(entryPoint, address, await bind(host, port, family === 6 ? 6 : 4, reusePort));
  const found = await lookup(host).catch((error: unknown) => {
    throw new SignalboxError(
      'ERR_LISTEN_FAILED',
      `entryPoints.${entryPoint}.address: the host "${host}" does not resolve; use an IP address or leave the host out`,
      { cause: error },
    );
  });
  return finish(entryPoint, address, await bind(found.address, port, found.family === 6 ? 6 : 4, reusePort));
}

/** libuv's flag, since 1.49. */
const UV_TCP_REUSEPORT = 2;
const [MAJOR = 0, MINOR = 0] = process.versions.uv.split('.').map(Number);
const CAN_REUSE_PORT = process.platform === 'linux' && (MAJOR > 1 || MINOR >= 49);

/** The handle, or the code of the error. */
function bindTcp(host: string, port: number, family: 4 | 6, reusePort: boolean): SocketHandle | string {
  // Internal but long-lived: node:cluster is built on it.
  const create = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;
  const handle = create(host, port, family, undefined, reusePort ? UV_TCP_REUSEPORT : 0);
  if (typeof handle === 'number') return getSystemErrorName(handle);
  // libuv reports an address in use only when it listens; an unbound socket shows as port 0.
  const name: { port?: number } = {};
  if (handle.getsockname(name) === 0 && (name.port ?? 0) !== 0) return handle;
  handle.close();
  return 'EADDRINUSE';
}

function finish(entryPoint: string, address: ListenAddress, bound: SocketHandle | string): BoundSocket {
  if (typeof bound === 'string') throw listenError(entryPoint, address, bound);
  const name: { port?: number } = {};
  bound.getsockname(name);
  return { handle: bound, address: { ...address, port: name.port ?? address.port } };
}

/** What a person can do about a socket that cannot be had. */
export function listenError(entryPoint: string, { host, port, protocol }: ListenAddress, code: string): SignalboxError {
  const option = `entryPoints.${entryPoint}.address`;
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}${protocol === 'udp' ? '/udp' : ''}`;
  switch (code) {
    case 'EADDRINUSE':
      return new SignalboxError(
        'ERR_LISTEN_ADDRESS_IN_USE',
        `${option}: another process listens on ${place}; stop it (ss -l${protocol[0]}np "sport = :${port}" names it) or choose another port`,
      );
    case 'EACCES':
      return new SignalboxError(
        'ERR_LISTEN_PERMISSION',
        `${option}: this user may not listen on port ${port}; choose a port above 1023, run setcap cap_net_bind_service=+ep on ` +
          `the node binary, or lower net.ipv4.ip_unprivileged_port_start`,
      );
    default:
      return new SignalboxError(
        'ERR_LISTEN_FAILED',
        `${option}: ${place} cannot be bound (${code}); check the address`,
      );
  }
}

/**
 * New descriptors for the same sockets, in order. Each is wrapped in a handle: `server.listen({ _handle })` takes that
 * of a TCP socket, `adoptDatagrams` that of a UDP socket.
 */
export function duplicateSockets(sockets: readonly SharedSocket[]): Promise<readonly object[]> {
  if (sockets.length === 0) return Promise.resolve([]);
  const program = fileURLToPath(new URL('./socket-duplicator.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const handles: object[] = [];
    const protocols = sockets.map(({ protocol }) => protocol);
    const child = fork(program, protocols, {
      env: {},
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...sockets.map(({ fd }) => fd)],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), DUPLICATE_TIMEOUT_MS);
    child.on('message', (_, handle) => {
      if (handle !== undefined) handles.push(handle);
      if (handles.length < sockets.length) return;
      clearTimeout(timer);
      child.disconnect();
      resolve(handles);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(
        new SignalboxError(
          'ERR_WORKER_START',
          `no process can begin, which each new descriptor needs (${error.code ?? error.message}); raise the limit of processes (ulimit -u, pids.max, TasksMax=)`,
          { cause: error },
        ),
      );
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (handles.length < sockets.length) {
        reject(
          new SignalboxError('ERR_WORKER_START', `the socket duplicator ended early (${signal ?? `exit ${code}`})`),
        );
      }
    });
  });
}
