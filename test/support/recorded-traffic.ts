// What TCP connections tell of themselves, gathered; a wheel by hand, names, and servers as a snapshot has them.

import { EventEmitter, once } from 'node:events';
import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import type { Address } from '../../src/dataplane/upstream/name/address.ts';
import { NoSuchName } from '../../src/dataplane/upstream/name/host-lookup.ts';
import { Resolver } from '../../src/dataplane/upstream/name/resolver.ts';
import type { ConnectionRecord } from '../../src/model/access-record.ts';
import { WRITTEN_FACTS, type TcpEndpointSpec } from '../../src/model/endpoint-set.ts';

/** An observation. */
export class RecordedTraffic {
  readonly log: string[] = [];
  readonly records: ConnectionRecord[] = [];
  readonly #events = new EventEmitter();

  /** Settles when this has been told, now or before. */
  async told(line: string): Promise<void> {
    while (!this.log.includes(line)) await once(this.#events, 'told');
  }

  note(line: string): void {
    this.log.push(line);
    this.#events.emit('told');
  }

  opened(): void {
    this.note('opened');
  }

  received(bytes: number): void {
    this.note(`received ${bytes}`);
  }

  sent(bytes: number): void {
    this.note(`sent ${bytes}`);
  }

  served(service: string): { received(bytes: number): void; sent(bytes: number): void } {
    this.note(`served ${service}`);
    return {
      received: (bytes) => this.note(`${service} received ${bytes}`),
      sent: (bytes) => this.note(`${service} sent ${bytes}`),
    };
  }

  dialFailed(service: string, serverUrl: string, { flag }: { readonly flag: string }): void {
    this.note(`${service} ${serverUrl} ${flag}`);
  }

  finished(record: ConnectionRecord): void {
    this.records.push(record);
    this.note(`finished ${record.responseFlag}`);
  }
}

/** A wheel whose clock stands still until it is moved. */
export class HandDrivenWheel extends TimerWheel {
  readonly #clock: ManualClock;

  constructor(clock = new ManualClock()) {
    super(clock);
    this.#clock = clock;
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
    this.tick();
  }
}

/** Knows these names alone. */
export function namesOf(names: Readonly<Record<string, readonly Address[] | Promise<readonly Address[]>>>): Resolver {
  return new Resolver({
    clock: new ManualClock(),
    lookUp: async (host) => {
      const found = await names[host];
      if (found === undefined) throw new NoSuchName(host);
      return found;
    },
  });
}

export function tcpEndpoint(key: string, rest: Partial<TcpEndpointSpec> = {}): TcpEndpointSpec {
  const host = rest.host ?? '127.0.0.1';
  const port = rest.port ?? 9;
  return { ...WRITTEN_FACTS, isSecure: false, url: `${host}:${port}`, key, ...rest, host, port };
}
