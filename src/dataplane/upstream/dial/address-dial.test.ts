// One address of a server on loopback: what makes a connection usable, and what ends it before anything is asked.

import net from 'node:net';
import type tls from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { plainServer, tlsServer, type TestServer } from '../../../../test/support/tcp-servers.ts';
import { certificateFor } from '../../../../test/support/tls-client.ts';
import { DEFAULT_UPSTREAM_TLS, type UpstreamTlsSpec } from '../../../model/service.ts';
import { AddressDial, type AddressDialOptions } from './address-dial.ts';

const certificate = certificateFor(['server.test']);

let servers: TestServer[];
let dials: RecordedDial[];

beforeEach(() => {
  [servers, dials] = [[], []];
});
afterEach(async () => {
  for (const dial of dials) dial.abandon();
  for (const server of servers) await server.close();
});

class RecordedDial extends AddressDial {
  readonly told: string[] = [];
  /** Settles when it is usable, or has closed. */
  readonly over: Promise<void>;
  private finish: () => void = () => {};

  constructor(options: AddressDialOptions) {
    super({ host: '127.0.0.1', family: 4 }, options);
    this.over = new Promise((resolve) => {
      this.finish = resolve;
    });
    dials.push(this);
  }

  /** Nothing is left of the connection. */
  get gone(): Promise<void> {
    return new Promise((resolve) => void this.socket.once('close', () => setImmediate(resolve)));
  }

  protected override answered(): void {
    this.told.push('answered');
  }

  protected override usable(socket: net.Socket, protocol: string): void {
    this.told.push(`usable ${protocol}`.trim());
    expect(socket).toBe(this.socket);
    this.finish();
  }

  protected override closed(error: (Error & { code?: string }) | null): void {
    this.told.push(`closed ${error?.code ?? 'in order'}`);
    this.finish();
  }
}

async function plain(serve: (socket: net.Socket) => void = () => {}): Promise<AddressDialOptions> {
  const server = await plainServer(serve);
  servers.push(server);
  return { port: server.port, secure: null, tls: null };
}

async function secure(spec: UpstreamTlsSpec | null, ALPNProtocols?: string[]): Promise<AddressDialOptions> {
  const options: tls.TlsOptions = { ALPNProtocols: ['h2', 'http/1.1'] };
  const server = await tlsServer(certificate, () => {}, options);
  servers.push(server);
  const offered = ALPNProtocols === undefined ? {} : { ALPNProtocols };
  return { port: server.port, secure: { rejectUnauthorized: false, ...offered }, tls: spec };
}

test('without TLS it is usable once it is connected', async () => {
  const dial = new RecordedDial(await plain());
  await dial.over;
  expect(dial.told).toEqual(['usable']);
});

test.each([
  [['h2', 'http/1.1'], 'usable h2'],
  [['http/1.1'], 'usable http/1.1'],
  [undefined, 'usable'],
])('with TLS it is usable after the handshake, with the protocol of %j', async (offered, expected) => {
  const dial = new RecordedDial(await secure(DEFAULT_UPSTREAM_TLS, offered));
  await dial.over;
  expect(dial.told).toEqual(['answered', expected]);
});

test('a certificate without the name that is pinned is not usable', async () => {
  const pinned = { ...DEFAULT_UPSTREAM_TLS, pinnedNames: [{ type: 'DNS', value: 'other.test' }] } as const;
  const dial = new RecordedDial(await secure(pinned));
  await dial.over;
  expect(dial.told).toEqual(['answered', 'closed SERVER_UNTRUSTED']);
  const right = { ...DEFAULT_UPSTREAM_TLS, pinnedNames: [{ type: 'DNS', value: 'server.test' }] } as const;
  const other = new RecordedDial(await secure(right));
  await other.over;
  expect(other.told).toEqual(['answered', 'usable']);
});

test('a refusal is the end of it', async () => {
  const options = await plain();
  await servers.pop()!.close();
  const dial = new RecordedDial(options);
  await dial.over;
  expect(dial.told).toEqual(['closed ECONNREFUSED']);
});

test.each([
  ['says something that nobody has asked', (socket: net.Socket) => void socket.write('hello')],
  ['ends its side', (socket: net.Socket) => void socket.end()],
])('a server that %s is let go', async (_, serve) => {
  const dial = new RecordedDial(await plain(serve));
  await dial.gone;
  expect(dial.told).toEqual(['usable', 'closed in order']);
});

test('one that is abandoned ends, and tells nothing', async () => {
  const accepted = new RecordedDial(await plain());
  await accepted.over;
  const handshaking = new RecordedDial({ ...(await plain()), secure: { rejectUnauthorized: false } });
  for (const dial of [accepted, handshaking]) {
    const { gone } = dial;
    dial.told.length = 0;
    dial.abandon();
    await gone;
    expect(dial.told).toEqual([]);
  }
});
