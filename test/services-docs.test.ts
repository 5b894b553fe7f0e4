// Every example of docs/services.md runs as it stands, but for the ports, and does what the lines under it say.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseConfig } from '../src/controlplane/config/document/document.ts';
import { serviceOptions } from '../src/controlplane/config/service/registry.ts';
import { BALANCERS } from '../src/dataplane/balance/registry.ts';
import { NamedOrigin } from './support/named-origin.ts';
import { RawClient } from './support/raw-client.ts';
import { RestRouter, type HttpSection } from './support/rest-router.ts';

const PAGE = readFileSync(new URL('../docs/services.md', import.meta.url), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/^## (.*)\n[^#]*?```yaml\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/gm)].map(
  ([, title, yaml, steps]) => ({ title: title!, yaml: yaml!, steps: steps!.trim().split('\n') }),
);

class Stage {
  readonly router: RestRouter;
  readonly origins: ReadonlyMap<string, NamedOrigin>;

  constructor(router: RestRouter, origins: ReadonlyMap<string, NamedOrigin>) {
    this.router = router;
    this.origins = origins;
  }

  async run(step: string): Promise<void> {
    const requests = /^(\d+) requests(?: of (new clients|one client))?: (.*)$/.exec(step);
    if (requests !== null) {
      const [, count, who, where] = requests;
      await this.#requests(Number(count), who === 'one client', where!);
      return;
    }
    const [, port, event] = /^(\d+) (.*)$/.exec(step)!;
    const origin = this.origins.get(port!)!;
    switch (event) {
      case 'fails its checks':
        origin.health = 500;
        await expect.poll(() => this.#served(origin)).toBe(0);
        return;
      case 'passes its checks':
        origin.health = 200;
        await expect.poll(() => this.#served(origin)).toBeGreaterThan(0);
        return;
      case 'answers 500':
        origin.status = 500;
        return;
      case 'does not answer its first request':
        await this.#stick(origin);
        return;
      default:
        throw new Error(`nobody knows what to do: ${step}`);
    }
  }

  /** How many of some requests the origin gets now. */
  async #served(origin: NamedOrigin): Promise<number> {
    origin.requests.length = 0;
    await this.router.count(12);
    return origin.requests.length;
  }

  /** Sends requests until one hangs at the origin. */
  async #stick(origin: NamedOrigin): Promise<void> {
    origin.gate = new Promise(() => {});
    while (origin.requests.length === 0) {
      const client = await RawClient.connect(this.router.process.ports['web']!);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await Promise.race([origin.until(() => origin.requests.length > 0), client.until(() => client.received !== '')]);
    }
  }

  async #requests(count: number, isOneClient: boolean, where: string): Promise<void> {
    for (const origin of this.origins.values()) origin.requests.length = 0;
    let cookie = '';
    for (let turn = 0; turn < count; turn++) {
      const { head } = await this.router.get('/', isOneClient && cookie !== '' ? `Cookie: ${cookie}\r\n` : '');
      cookie = /^Set-Cookie: ([^;]+)/m.exec(head)?.[1] ?? cookie;
    }
    const prefix = / under (\S+)$/.exec(where)?.[1];
    const counts = [...this.origins.values()].map(({ requests }) => requests.length).filter((served) => served > 0);
    if (where === `${count} to one`) {
      expect(counts).toEqual([count]);
      return;
    }
    const expected = [...where.matchAll(/(\d+) to (\d+)/g)].map(([, served, port]) => [port, Number(served)]);
    const found = expected.map(([port]) => [port, this.origins.get(String(port))!.requests.length]);
    expect(found).toEqual(expected);
    expect(counts.reduce((sum, served) => sum + served, 0)).toBe(count);
    if (prefix !== undefined) {
      for (const { requests } of this.origins.values()) for (const line of requests) expect(line).toContain(prefix);
    }
  }
}

test.each(EXAMPLES)('$title', async ({ yaml, steps }) => {
  const origins = new Map<string, NamedOrigin>();
  for (const [, port] of yaml.matchAll(/127\.0\.0\.1:(\d+)/g)) {
    if (!origins.has(port!)) origins.set(port!, await NamedOrigin.start(port!));
  }
  const text = yaml.replaceAll(
    /(127\.0\.0\.1:)(\d+)/g,
    (_, host: string, port: string) => host + origins.get(port)!.port,
  );
  // As parsed above, a routing file.
  const { http } = parseConfig('docs/services.md', text).value as { http: HttpSection };
  try {
    await using router = await RestRouter.start(http);
    const stage = new Stage(router, origins);
    for (const step of steps) await stage.run(step);
  } finally {
    for (const origin of origins.values()) await origin[Symbol.asyncDispose]();
  }
});

test('every kind of service and every strategy has an example', () => {
  expect(EXAMPLES.length).toBeGreaterThan(10);
  const kinds = Object.entries(serviceOptions.fields!)
    .filter(([, { later }]) => later === null)
    .map(([kind]) => kind);
  for (const kind of kinds) expect(PAGE).toContain(`${kind}:`);
  for (const strategy of Object.keys(BALANCERS)) expect(PAGE).toContain(`\`${strategy}\``);
});
