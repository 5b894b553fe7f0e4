// An entry point as its connections see it: what it is set to, and whether it is going. One object for all of them, so
// that a change of options is one assignment: what begins from then on goes by them.

import { IpSet } from '../../core/ip.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { ExchangeObserver } from '../http/exchange.ts';
import { Http1RequestParser } from '../http1/request-parser.ts';
import { Http2RequestReader } from '../http2/request-reader.ts';

/** A specification, and what is made of it. */
export interface EntryPointSettings {
  readonly spec: EntryPointSpec;
  readonly parser: Http1RequestParser;
  readonly requestReader: Http2RequestReader;
  readonly observer: ExchangeObserver;
  /** Peers whose X-Forwarded-* may be believed. */
  readonly trusted: IpSet;
  /** Peers that may speak for others. */
  readonly proxies: IpSet;
}

export interface EntryPointState {
  settings: EntryPointSettings;
  isDraining: boolean;
  /**
   * While draining: how long a request is waited for that a client may have sent before it can know. 0 is not at all.
   */
  patienceMs: number;
}

export function entryPointSettings(spec: EntryPointSpec, observer: ExchangeObserver): EntryPointSettings {
  return Object.freeze({
    spec,
    parser: new Http1RequestParser(spec),
    requestReader: new Http2RequestReader(spec),
    observer,
    trusted: new IpSet(spec.forwardedHeaders.trustedIps),
    proxies: new IpSet(spec.proxyProtocol?.trustedIps ?? []),
  });
}

export function entryPointState(settings: EntryPointSettings): EntryPointState {
  return { settings, isDraining: false, patienceMs: 0 };
}
