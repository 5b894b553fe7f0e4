// The programs of docs/dns-providers.md, run by the router's own providers against servers that answer as the
// documentation of Hetzner, OVH and Gandi says.

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProviderEnvironment } from '../src/controlplane/acme/dns/environment.ts';
import { createExec } from '../src/controlplane/acme/dns/exec.ts';
import { createHttpreq } from '../src/controlplane/acme/dns/httpreq.ts';
import type { DnsRecord } from '../src/controlplane/acme/dns/provider.ts';
import { cleanEnvironment } from './support/marked-processes.ts';

const PAGE = readFileSync(new URL('../docs/dns-providers.md', import.meta.url), 'utf8');
const FIRST = 'LgAaeyQdr4Zvo5ZQT8bXUe-first_1234567890abcde';
const SECOND = 'second-_vo5ZQT8bXUe1234567890abcdefghijklmno';
const NAME = '_acme-challenge.www';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-dns-'));
  for (const [, program, name] of PAGE.matchAll(/```js\n(#![^\n]*\n\/\/ (\S+\.mjs)[\s\S]*?)```/g)) {
    writeFileSync(join(directory, name!), program!);
    chmodSync(join(directory, name!), 0o755);
  }
});

afterAll(() => rmSync(directory, { recursive: true }));

const record = (value: string): DnsRecord => ({
  name: `${NAME}.example.com`,
  value,
  domain: 'www.example.com',
  token: 'token',
  keyAuthorization: 'token.key',
});

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly body: any; // oxlint-disable-line no-explicit-any -- whatever a program has sent
}

/** A status with what goes with it. */
type Answer = readonly [status: number, body: unknown];

/** Of a provider: the values at the one name, in quotes as they were sent. */
interface Fake {
  readonly values: string[];
  readonly asked: string[];
  answer(asked: Asked): Answer;
}

async function serve(fake: Fake, prefix: string): Promise<{ readonly url: string; readonly server: Server }> {
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const url = new URL(request.url!, 'http://fake');
      const path = url.pathname.slice(prefix.length);
      fake.asked.push(`${request.method!} ${path}`);
      const { method, headers } = request;
      const body: unknown = text === '' ? null : JSON.parse(text);
      const [status, said] = fake.answer({ method: method!, path, query: url.searchParams, headers, text, body });
      response
        .writeHead(status, { 'Content-Type': 'application/json' })
        .end(said === undefined ? '' : JSON.stringify(said));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`, server };
}

/** docs.hetzner.cloud: zones and their RRSets; actions are carried out later. */
function hetzner(): Fake {
  const values: string[] = [];
  const action = { action: { id: 1, status: 'running', error: null } };
  return {
    values,
    asked: [],
    answer({ method, path, headers, body }) {
      if (headers.authorization !== 'Bearer good') {
        return [401, { error: { code: 'unauthorized', message: 'unable to authenticate' } }];
      }
      if (method === 'GET' && path === '/zones/example.com') return [200, { zone: { id: 7, name: 'example.com' } }];
      const actions = `/zones/example.com/rrsets/${NAME}/TXT/actions`;
      const sent = (): string[] => body.records.map(({ value }: { value: string }) => value);
      if (method === 'POST' && path === `${actions}/add_records`) {
        if (body.ttl < 60) return [422, { error: { code: 'invalid_input' } }];
        values.push(...sent());
        return [201, action];
      }
      if (method === 'POST' && path === `${actions}/remove_records`) {
        for (const value of sent()) values.splice(values.indexOf(value), 1);
        return [201, action];
      }
      return [404, { error: { code: 'not_found' } }];
    },
  };
}

/** api.ovh.com: requests are signed; changes wait for a refresh. */
function ovh(base: () => string): Fake {
  const values: string[] = [];
  const records = new Map<number, { fieldType: string; subDomain: string; target: string }>();
  let next = 100;
  return {
    values,
    asked: [],
    answer({ method, path, query, headers, text, body }) {
      if (path === '/auth/time') return [200, 1_700_000_000];
      const asked = `${base()}${path}${query.size > 0 ? `?${query.toString()}` : ''}`;
      const signed = ['secret', 'consumer', method, asked, text, '1700000000'].join('+');
      const signature = `$1$${createHash('sha1').update(signed).digest('hex')}`;
      if (headers['x-ovh-signature'] !== signature || headers['x-ovh-application'] !== 'key') {
        return [400, { message: 'Invalid signature' }];
      }
      const zone = '/domain/zone/example.com';
      if (method === 'GET' && path === zone) return [200, { name: 'example.com' }];
      if (method === 'POST' && path === `${zone}/record`) {
        records.set(next, body);
        return [200, { id: next++, ...body }];
      }
      if (method === 'GET' && path === `${zone}/record`) {
        const found = [...records].filter(([, one]) => one.subDomain === query.get('subDomain'));
        return [200, found.map(([id]) => id)];
      }
      if (method === 'POST' && path === `${zone}/refresh`) {
        values.splice(0, values.length, ...[...records.values()].map(({ target }) => target));
        return [200, undefined];
      }
      const id = Number(/\/record\/(\d+)$/.exec(path)?.[1]);
      if (!records.has(id)) return [404, { message: 'This service does not exist' }];
      if (method === 'DELETE') records.delete(id);
      return [200, method === 'DELETE' ? undefined : records.get(id)];
    },
  };
}

/** api.gandi.net/docs/livedns: all values of a name at once. */
function gandi(): Fake {
  const values: string[] = [];
  return {
    values,
    asked: [],
    answer({ method, path, headers, body }) {
      if (headers.authorization !== 'Bearer good') return [401, { message: 'The server could not verify you' }];
      if (method === 'GET' && path === '/domains/example.com') return [200, { fqdn: 'example.com' }];
      if (path !== `/domains/example.com/records/${NAME}/TXT`) return [404, { code: 404 }];
      if (method === 'PUT') {
        if (body.rrset_ttl < 300) return [400, { message: 'rrset_ttl' }];
        values.splice(0, values.length, ...body.rrset_values);
        return [201, { message: 'DNS Record Created' }];
      }
      if (values.length === 0) return [404, { code: 404 }];
      if (method === 'DELETE') {
        values.length = 0;
        return [204, undefined];
      }
      return [200, { rrset_type: 'TXT', rrset_values: values }];
    },
  };
}

let url = '';
const PROVIDERS = [
  ['dns-hetzner.mjs', hetzner, '/v1', 'HETZNER_API', { HETZNER_TOKEN: 'good' }, { HETZNER_TOKEN: 'bad' }, /401/],
  [
    'dns-ovh.mjs',
    () => ovh(() => url),
    '/1.0',
    'OVH_API',
    { OVH_APPLICATION_KEY: 'key', OVH_APPLICATION_SECRET: 'secret', OVH_CONSUMER_KEY: 'consumer' },
    { OVH_APPLICATION_KEY: 'key', OVH_APPLICATION_SECRET: 'wrong', OVH_CONSUMER_KEY: 'consumer' },
    /Invalid signature/,
  ],
  ['dns-gandi.mjs', gandi, '/v5/livedns', 'GANDI_API', { GANDI_TOKEN: 'good' }, { GANDI_TOKEN: 'bad' }, /401/],
] as const;

describe.each(PROVIDERS)('%s', (program, make, prefix, variable, good, bad, refusal) => {
  let server: Server;
  let fake: Fake;

  beforeAll(async () => {
    fake = make();
    ({ server, url } = await serve(fake, prefix));
  });

  afterAll(() => server.close());

  const provider = (credentials: Readonly<Record<string, string>>): ReturnType<typeof createExec> =>
    createExec(
      new ProviderEnvironment(
        cleanEnvironment({ EXEC_PATH: join(directory, program), [variable]: url, ...credentials }),
      ),
    );
  const { signal } = new AbortController();

  test('adds and removes its own value, and leaves another at the same name', async () => {
    const exec = provider(good);
    await exec.present(record(FIRST), signal);
    await exec.present(record(SECOND), signal);
    expect(fake.values).toEqual([`"${FIRST}"`, `"${SECOND}"`]);
    await exec.cleanUp(record(FIRST), signal);
    expect(fake.values).toEqual([`"${SECOND}"`]);
    await exec.cleanUp(record(SECOND), signal);
    expect(fake.values).toEqual([]);
    // The zone was looked for from the longest name on.
    expect(fake.asked.filter((asked) => asked.startsWith('GET') && !asked.includes('record'))[0]).toMatch(
      /www\.example\.com$|time$/,
    );
  });

  test('says what the provider says when it refuses', async () => {
    await expect(provider(bad).present(record(FIRST), signal)).rejects.toThrow(refusal);
  });

  test('says that there is no zone', async () => {
    const other = { ...record(FIRST), name: '_acme-challenge.example.org' };
    await expect(provider(good).present(other, signal)).rejects.toThrow(/has no (?:zone|domain) for .*example\.org/);
  });
});

test('the service runs a program for routers that know its password, and for records of challenges alone', async () => {
  const program = join(directory, 'program.sh');
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$1" = cleanup ] && { echo the disk is full >&2; exit 1; }\necho "$@" >> ${directory}/calls\n`,
    {
      mode: 0o755,
    },
  );
  const child: ChildProcess = spawn(process.execPath, [join(directory, 'dns-service.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: cleanEnvironment({ DNS_PROGRAM: program, DNS_USER: 'router', DNS_PASSWORD: 'secret', PORT: '0' }),
  });
  try {
    const endpoint = await new Promise<string>((resolve) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        const port = /listening on (\d+)/.exec(chunk.toString())?.[1];
        if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
      });
    });
    const provider = (password: string): ReturnType<typeof createHttpreq> =>
      createHttpreq(
        new ProviderEnvironment({ HTTPREQ_ENDPOINT: endpoint, HTTPREQ_USERNAME: 'router', HTTPREQ_PASSWORD: password }),
      );
    const { signal } = new AbortController();
    await provider('secret').present(record(FIRST), signal);
    expect(readFileSync(join(directory, 'calls'), 'utf8')).toBe(`present ${NAME}.example.com. ${FIRST}\n`);
    await expect(provider('secret').cleanUp(record(FIRST), signal)).rejects.toThrow(/the disk is full/);
    await expect(provider('wrong').present(record(FIRST), signal)).rejects.toThrow(/401/);
    const other = { ...record(FIRST), name: 'www.example.com' };
    await expect(provider('secret').present(other, signal)).rejects.toThrow(/no record of a challenge/);
  } finally {
    child.kill();
  }
});
