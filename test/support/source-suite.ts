// What every provider with a source of its own does, whatever the source is: asked of the provider itself, on the real
// source, behind a path that breaks as networks do. A provider passes it with a fixture that knows its source.

import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { SystemClock } from '../../src/core/clock.ts';
import { isWhole, patchRouting } from '../../src/controlplane/config/routing/patch-routing.ts';
import { providedKey } from '../../src/controlplane/config/routing/provided-endpoints.ts';
import type { RoutingConfig } from '../../src/controlplane/config/routing/routing-config.ts';
import type { Provider, ProviderContext } from '../../src/controlplane/providers/define.ts';
import type { FaultyPath } from './faulty-path.ts';
import { RecordingLog } from './recording-log.ts';

/** A source with services by name, of which each has a router with the rule Host(`<name>.test`) and one endpoint. */
export interface SourceFixture extends AsyncDisposable {
  /** What the provider under test goes through to the source. */
  readonly path: FaultyPath;
  /** Over the path, with a full resync every second. */
  create(context: Omit<ProviderContext, 'decode'>): Provider;
  put(name: string): Promise<void>;
  /** Its endpoint is another one from then on. */
  change(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes everything. */
  clear(): Promise<void>;
  /** The source ends as a process that is killed. */
  kill(): Promise<void>;
  /** And is there again, with what it had. */
  comeBack(): Promise<void>;
  /** A secret that it is reached with, which nobody may read anywhere; '' for none. */
  readonly secret: string;
}

/** What a provider has published and said, as the rest of the program would see it. */
export class Listener {
  readonly log = new RecordingLog();
  /** `whole`, `patch`, `reached`, `away …` in their order. */
  readonly told: string[] = [];
  config: RoutingConfig | null = null;
  readonly provider: Provider;
  readonly #ending = new AbortController();
  readonly #ended: Promise<void>;

  constructor(fixture: Pick<SourceFixture, 'create'>) {
    this.provider = fixture.create({
      log: this.log,
      clock: new SystemClock(),
      keepLastGood: true,
      source: { reached: () => this.told.push('reached'), away: (reason) => this.told.push(`away ${reason}`) },
    });
    this.#ended = this.provider.run((change) => {
      this.told.push(isWhole(change) ? 'whole' : 'patch');
      this.config = isWhole(change) ? change : patchRouting(this.config!, change);
    }, this.#ending.signal);
  }

  /** Services that are published, each with its endpoint; null while there is nothing. */
  get services(): Readonly<Record<string, string>> | null {
    const { config } = this;
    if (config === null) return null;
    const found: Record<string, string> = {};
    for (const name of config.services.keys()) {
      const endpoints = config.endpoints?.get(providedKey('services', name))?.endpoints ?? [];
      if (endpoints.length > 0) found[name] = endpoints.map(({ server }) => String(server['url'])).join();
    }
    return found;
  }

  get names(): readonly string[] | null {
    return this.services === null ? null : Object.keys(this.services).toSorted();
  }

  sees(...names: readonly string[]): Promise<void> {
    return expect.poll(() => this.names).toEqual(names);
  }

  count(what: string): number {
    return this.told.filter((one) => one === what || one.startsWith(`${what} `)).length;
  }

  /** Settles when it has been told so since. */
  async hears(what: string): Promise<void> {
    const before = this.count(what);
    await expect.poll(() => this.count(what)).toBeGreaterThan(before);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#ended;
  }
}

/** To be called at the top of a test file. */
export async function testSource(starting: Promise<SourceFixture>): Promise<void> {
  const fixture = await starting;
  const { path } = fixture;
  const listeners: Listener[] = [];
  afterAll(() => fixture[Symbol.asyncDispose]());
  beforeEach(() => fixture.clear());
  afterEach(async () => {
    path.fault = 'none';
    for (const listener of listeners.splice(0)) {
      await listener.stop();
      if (fixture.secret !== '')
        expect(JSON.stringify([listener.told, listener.log.records])).not.toContain(fixture.secret);
    }
  });
  const listen = (): Listener => {
    const listener = new Listener(fixture);
    listeners.push(listener);
    return listener;
  };

  test('publishes what is there first of all, whole', async () => {
    await fixture.put('one');
    await fixture.put('two');
    const listener = listen();
    await listener.sees('one', 'two');
    expect(listener.count('whole')).toBe(1);
    await expect.poll(() => listener.told).toContain('reached');
    expect(listener.config!.routers.get('one')!.value).toMatchObject({ rule: 'Host(`one.test`)', service: 'one' });
    expect(listener.config!.diagnostics).toEqual([]);
  });

  test('publishes that there is nothing: that is an answer', async () => {
    const listener = listen();
    await listener.sees();
    expect(listener.told.filter((one) => one !== 'reached')).toEqual(['whole']);
  });

  test('publishes nothing while the source has not answered', async () => {
    path.fault = 'refuses';
    const listener = listen();
    await listener.hears('away');
    await listener.hears('away');
    expect(listener.config).toBeNull();
    path.fault = 'none';
    await listener.sees();
  });

  test('what comes, changes and goes is a patch', async () => {
    await fixture.put('one');
    const listener = listen();
    await listener.sees('one');
    await fixture.put('two');
    await listener.sees('one', 'two');
    const before = listener.services!;
    await fixture.change('one');
    await expect.poll(() => listener.services!['one'] ?? before['one']).not.toBe(before['one']);
    expect(listener.services!['two']).toBe(before['two']);
    await fixture.remove('two');
    await listener.sees('one');
    await fixture.remove('one');
    await listener.sees();
    expect(listener.count('whole')).toBe(1);
  });

  test('a full resync in which nothing is new publishes nothing', async () => {
    await fixture.put('one');
    const listener = listen();
    await listener.sees('one');
    await listener.hears('reached');
    const before = listener.count('patch');
    for (let round = 0; round < 3; round++) await listener.hears('reached');
    expect([listener.count('patch'), listener.count('whole')]).toEqual([before, 1]);
  });

  test('a resync finds what no event has told', async () => {
    await fixture.put('one');
    const listener = listen();
    await listener.sees('one');
    path.fault = 'loses events';
    await fixture.put('two');
    await fixture.remove('one');
    await listener.sees('two');
    expect(path.lost).toBeGreaterThan(0);
  });

  test('a connection that breaks is made again, and what was missed is published', async () => {
    await fixture.put('one');
    const listener = listen();
    await listener.sees('one');
    path.fault = 'refuses';
    await listener.hears('away');
    await fixture.put('two');
    expect(listener.names).toEqual(['one']);
    path.fault = 'none';
    await listener.sees('one', 'two');
    expect(listener.count('whole')).toBe(1);
  });

  test.each(['garbage', 'error'] as const)(
    'what was published stays while the source answers with %s',
    async (fault) => {
      await fixture.put('one');
      const listener = listen();
      await listener.sees('one');
      const before = listener.services;
      path.fault = fault;
      await listener.hears('away');
      await listener.hears('away');
      expect(listener.services).toEqual(before);
      path.fault = 'none';
      await listener.hears('reached');
      expect(listener.services).toEqual(before);
      await fixture.put('two');
      await listener.sees('one', 'two');
    },
  );

  test('a source that hangs is away after its time, and heard again when it goes on', async () => {
    await fixture.put('one');
    const listener = listen();
    await listener.sees('one');
    path.fault = 'hangs';
    await listener.hears('away');
    expect(listener.names).toEqual(['one']);
    path.fault = 'none';
    await listener.hears('reached');
    await fixture.put('two');
    await listener.sees('one', 'two');
  });

  test('a source that is killed and comes back is the same', async () => {
    await fixture.put('one');
    await fixture.put('two');
    const listener = listen();
    await listener.sees('one', 'two');
    await fixture.kill();
    await listener.hears('away');
    expect(listener.names).toEqual(['one', 'two']);
    await fixture.comeBack();
    await listener.hears('reached');
    await fixture.remove('two');
    await listener.sees('one');
  });

  test('ends at once in the middle of a request, and publishes nothing more', async () => {
    await fixture.put('one');
    path.fault = 'hangs';
    const before = path.accepted;
    const listener = listen();
    await expect.poll(() => path.accepted).toBeGreaterThan(before);
    await listener.stop();
    expect([listener.config, listener.count('away')]).toEqual([null, 0]);
  });

  test('reads everything anew when it is asked to', async () => {
    const listener = listen();
    await listener.sees();
    path.fault = 'loses events';
    await fixture.put('one');
    await listener.provider.readAgain!();
    await listener.provider.readAgain!();
    expect(listener.names).toEqual(['one']);
  });
}
