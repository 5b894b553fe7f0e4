// X-Forwarded-* and their kin: removed when the peer is not trusted to set them, then set from what is known. The
// client address itself is appended to X-Forwarded-For when the request is rendered for the upstream, behind all
// middlewares, so that these see the list as received.

import { hostname } from 'node:os';
import type { Exchange } from './exchange.ts';
import { headerName, H_FORWARDED, isEndToEnd } from './message/header-names.ts';
import { portOf } from './message/host.ts';
import { WEBSOCKET } from './message/upgrade.ts';

const PROTO_LINES: Readonly<Record<string, string>> = {
  http: 'X-Forwarded-Proto: http\r\n',
  https: 'X-Forwarded-Proto: https\r\n',
  ws: 'X-Forwarded-Proto: ws\r\n',
  wss: 'X-Forwarded-Proto: wss\r\n',
};
const MAX_CACHED = 4096;

/**
 * Lines by what is in them. The same string each time is one that HPACK's table finds without looking at it, and no
 * garbage: bench/load, grpc.
 */
class LineCache {
  private readonly prefix: string;
  private lines = new Map<string, string>();

  constructor(name: string) {
    this.prefix = `${name}: `;
  }

  get(value: string): string {
    let line = this.lines.get(value);
    if (line === undefined) {
      if (this.lines.size >= MAX_CACHED) this.lines = new Map();
      // Through a Buffer: a slice would keep its whole request head alive in the cache.
      const own = Buffer.from(value, 'latin1').latin1Slice();
      line = Buffer.from(`${this.prefix}${own}\r\n`, 'latin1').latin1Slice();
      this.lines.set(own, line);
    }
    return line;
  }
}

const hostLines = new LineCache('X-Forwarded-Host');
const portLines = new LineCache('X-Forwarded-Port');
const realIpLines = new LineCache('X-Real-Ip');
const forLines = new LineCache('X-Forwarded-For');

const SERVER_LINE = `X-Forwarded-Server: ${hostname()}\r\n`;

function isForwarded(lowerName: string): boolean {
  return headerName(lowerName)?.id === H_FORWARDED;
}

/**
 * Applies the entry point's trust to a parsed request; `addScheme` is for those that read X-Forwarded-Scheme or
 * X-Scheme.
 */
export function setForwardedHeaders(exchange: Exchange, addScheme: boolean): void {
  const headers = exchange.requestHeaders;
  const client = exchange.client;
  let isBare = !exchange.hasForwarded;
  if (!isBare && !client.isTrusted) {
    const untrusted = new Set(headers.names.filter(isForwarded));
    headers.deleteAll(untrusted);
    isBare = true;
  }
  const isSocket = exchange.upgrade === WEBSOCKET;
  if (isBare || !headers.has('x-forwarded-host')) {
    if (exchange.authority !== '') headers.appendLine('x-forwarded-host', hostLines.get(exchange.authority));
  }
  if (isBare || !headers.has('x-forwarded-port')) {
    const named = portOf(exchange.authority);
    const isSecure = client.scheme === 'https' || /^(?:https|wss)$/.test(headers.get('x-forwarded-proto') ?? '');
    headers.appendLine('x-forwarded-port', portLines.get(named !== '' ? named : isSecure ? '443' : '80'));
  }
  if (isBare || !headers.has('x-forwarded-proto')) {
    const proto = isSocket ? (client.scheme === 'https' ? 'wss' : 'ws') : client.scheme;
    headers.appendLine('x-forwarded-proto', PROTO_LINES[proto]!);
  }
  if (addScheme) {
    const proto = headers.get('x-forwarded-proto') ?? client.scheme;
    headers.setLine('x-forwarded-scheme', `X-Forwarded-Scheme: ${proto}\r\n`);
    headers.setLine('x-scheme', `X-Scheme: ${proto}\r\n`);
  }
  headers.setLine('x-forwarded-server', SERVER_LINE);
  if (isBare || !headers.has('x-real-ip')) headers.appendLine('x-real-ip', realIpLines.get(client.ip));
}

/** The X-Forwarded-For line for the upstream: the list as it stands, then the peer. */
export function forwardedForLine(exchange: Exchange, append: boolean): string {
  const lists = exchange.requestHeaders.valuesOf('x-forwarded-for');
  if (lists === null) return append ? forLines.get(exchange.client.ip) : '';
  const list = lists.join(', ');
  return `X-Forwarded-For: ${append ? `${list}, ${exchange.client.ip}` : list}\r\n`;
}

/**
 * Removes the fields that the client's Connection header made hop-by-hop (RFC 9110 §7.6.1). Those of `kept` are there
 * for the stages, and are left out of what goes to the server.
 */
export function removeNominated(exchange: Exchange, kept: readonly string[]): void {
  const names = exchange.connectionNames;
  if (names === null) return;
  const dropped = new Set<string>();
  const hop = new Set<string>();
  for (const name of names) {
    if (!isEndToEnd(name)) (kept.includes(name) ? hop : dropped).add(name);
  }
  if (dropped.size > 0) exchange.requestHeaders.deleteAll(dropped);
  if (hop.size > 0) exchange.hopNames = hop;
}
