// The providers that speak to web APIs, against fakes that take nothing but what the public descriptions of these APIs
// say.

import http from 'node:http';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { signAws } from './aws-signature.ts';
import { createCloudflare } from './cloudflare.ts';
import { createDigitalocean } from './digitalocean.ts';
import { ProviderEnvironment } from './environment.ts';
import { createExec } from './exec.ts';
import { createHttpreq } from './httpreq.ts';
import type { CreateDnsProvider, DnsProvider, DnsRecord } from './provider.ts';
import { createRoute53 } from './route53.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}
type Reply = readonly [status: number, body: unknown];

const NEVER = new AbortController().signal;
const servers: http.Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Answers each request by `reply`; returns its address and what was asked. */
async function fake(reply: (asked: Asked) => Reply): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const one = { method: request.method!, path: request.url!, headers: request.headers, body };
      asked.push(one);
      const [status, answer] = reply(one);
      response.writeHead(status).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }; // A TCP server.
}

function record(value: string): DnsRecord {
  return {
    name: '_acme-challenge.www.example.co.uk',
    value,
    domain: 'www.example.co.uk',
    token: '-token',
    keyAuthorization: '-token.key',
  };
}

function provider(create: CreateDnsProvider, variables: Readonly<Record<string, string>>): DnsProvider {
  return create(new ProviderEnvironment(variables));
}

const lines = (asked: readonly Asked[]): readonly string[] => asked.map(({ method, path }) => `${method} ${path}`);

/** Zones are found by the longest name that there is one for. */
function cloudflare({ method, path, headers, body }: Asked): Reply {
  if (headers.authorization !== 'Bearer secret') {
    return [403, { success: false, errors: [{ code: 9109, message: 'Invalid access token' }], result: null }];
  }
  const name = /^\/zones\?name=([^&]+)&per_page=50$/.exec(path)?.[1];
  if (method === 'GET' && name !== undefined) {
    return [200, { success: true, errors: [], result: name === 'example.co.uk' ? [{ id: 'z1', name }] : [] }];
  }
  if (method === 'POST' && path === '/zones/z1/dns_records') {
    const { type, name: of, content, ttl } = JSON.parse(body) as Record<string, unknown>; // As the API takes it.
    if (type !== 'TXT' || of !== record('').name || ttl !== 120) return [400, { success: false, errors: [] }];
    return [200, { success: true, errors: [], result: { id: `r-${String(content)}` } }];
  }
  if (method === 'DELETE' && path === '/zones/z1/dns_records/r-%22v1%22') {
    return [200, { success: true, errors: [], result: { id: 'x' } }];
  }
  return [404, { success: false, errors: [{ code: 7003, message: 'Could not route' }] }];
}

test('Cloudflare: the zone is found, and the very record that was made is removed', async () => {
  const { url, asked } = await fake((one) => {
    const [status, answer] = cloudflare({ ...one, path: one.path.replace('r-"v1"', 'r-%22v1%22') });
    return [status, answer];
  });
  const dns = provider(createCloudflare, { CF_DNS_API_TOKEN: 'secret', CLOUDFLARE_BASE_URL: url });
  await dns.present(record('v1'), NEVER);
  await dns.cleanUp(record('v1'), NEVER);
  await dns.cleanUp(record('never made'), NEVER);
  expect(lines(asked)).toEqual([
    'GET /zones?name=_acme-challenge.www.example.co.uk&per_page=50',
    'GET /zones?name=www.example.co.uk&per_page=50',
    'GET /zones?name=example.co.uk&per_page=50',
    'POST /zones/z1/dns_records',
    expect.stringMatching(/^DELETE \/zones\/z1\/dns_records\/r-/),
  ]);
});

test('Cloudflare: what it refuses is told in its words, without the token', async () => {
  const { url } = await fake(cloudflare);
  const dns = provider(createCloudflare, { CF_DNS_API_TOKEN: 'wrong', CLOUDFLARE_BASE_URL: url });
  await expect(dns.present(record('v'), NEVER)).rejects.toThrow('Cloudflare answered 403: Invalid access token (9109)');
  expect(() => provider(createCloudflare, {})).toThrow('CF_DNS_API_TOKEN or CLOUDFLARE_DNS_API_TOKEN is not set');
});

test('DigitalOcean: domains are asked for one by one, names are relative to theirs', async () => {
  const { url, asked } = await fake(({ method, path, headers, body }) => {
    if (headers.authorization !== 'Bearer secret')
      return [401, { id: 'unauthorized', message: 'Unable to authenticate' }];
    if (path === '/v2/domains/example.co.uk') return [200, { domain: { name: 'example.co.uk' } }];
    if (method === 'POST' && path === '/v2/domains/example.co.uk/records') {
      const given = JSON.parse(body) as object;
      expect(given).toEqual({ type: 'TXT', name: '_acme-challenge.www', data: 'v', ttl: 30 });
      return [201, { domain_record: { id: 7 } }];
    }
    if (method === 'DELETE' && path === '/v2/domains/example.co.uk/records/7') return [204, ''];
    return [404, { id: 'not_found', message: 'The resource you were accessing could not be found.' }];
  });
  const dns = provider(createDigitalocean, { DO_AUTH_TOKEN: 'secret', DO_API_URL: url });
  await dns.present(record('v'), NEVER);
  await dns.cleanUp(record('v'), NEVER);
  expect(lines(asked).slice(-3)).toEqual([
    'GET /v2/domains/example.co.uk',
    'POST /v2/domains/example.co.uk/records',
    'DELETE /v2/domains/example.co.uk/records/7',
  ]);
  const other = provider(createDigitalocean, { DO_AUTH_TOKEN: 'wrong', DO_API_URL: url });
  await expect(other.present(record('v'), NEVER)).rejects.toThrow('DigitalOcean answered 401: Unable to authenticate');
});

/** A hosted zone whose one name keeps a set of values, as Route 53 does. */
function route53(): { reply: (asked: Asked) => Reply; values: () => readonly string[] } {
  let values: string[] = ['"kept"'];
  let isBusy = true;
  let isSettled = false;
  const reply = ({ method, path, headers, body }: Asked): Reply => {
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/us-east-1\/route53\/aws4_request, SignedHeaders=(content-type;)?host;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
    const zone = /^\/2013-04-01\/hostedzonesbyname\?dnsname=([^&]+)&maxitems=10$/.exec(path)?.[1];
    if (zone !== undefined) {
      // Names follow in order: the first may be another one, and private ones are not for the public.
      const hosted = (id: string, name: string, isPrivate: boolean): string =>
        `<HostedZone><Id>/hostedzone/${id}</Id><Name>${name}</Name><Config><PrivateZone>${isPrivate}</PrivateZone></Config></HostedZone>`;
      return [
        200,
        `<R><HostedZones>${hosted('P', 'example.co.uk.', true)}${hosted('Z1', 'example.co.uk.', false)}</HostedZones></R>`,
      ];
    }
    if (method === 'GET' && path.startsWith('/2013-04-01/hostedzone/Z1/rrset?')) {
      const records = values.map((value) => `<ResourceRecord><Value>${value}</Value></ResourceRecord>`).join('');
      return [
        200,
        values.length === 0
          ? '<R></R>'
          : `<R><ResourceRecordSet><Name>${record('').name}.</Name><Type>TXT</Type><TTL>10</TTL><ResourceRecords>${records}</ResourceRecords></ResourceRecordSet></R>`,
      ];
    }
    if (method === 'POST' && path === '/2013-04-01/hostedzone/Z1/rrset') {
      if (isBusy) {
        isBusy = false;
        return [400, '<E><Error><Code>PriorRequestNotComplete</Code><Message>wait</Message></Error></E>'];
      }
      const given = [...body.matchAll(/<Value>([^<]*)<\/Value>/g)].map((match) => match[1]!.replaceAll('&#34;', '"'));
      if (body.includes('<Action>DELETE</Action>')) {
        expect(given).toEqual(values);
        values = [];
      } else values = given;
      return [200, '<R><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status></ChangeInfo></R>'];
    }
    if (path === '/2013-04-01/change/C1') {
      isSettled = !isSettled;
      return [
        200,
        `<R><ChangeInfo><Id>/change/C1</Id><Status>${isSettled ? 'PENDING' : 'INSYNC'}</Status></ChangeInfo></R>`,
      ];
    }
    return [404, '<E><Error><Code>NoSuchHostedZone</Code><Message>none</Message></Error></E>'];
  };
  return { reply, values: () => values };
}

test('Route 53: other values of the name stay, and busy zones are asked again', async () => {
  const service = route53();
  const { url } = await fake(service.reply);
  const dns = provider(createRoute53, {
    AWS_ACCESS_KEY_ID: 'AKID',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL: url,
    AWS_POLLING_INTERVAL: '0',
  });
  await dns.present(record('v1'), NEVER);
  await dns.present(record('v2'), NEVER);
  expect(service.values()).toEqual(['"kept"', '"v1"', '"v2"']);
  await dns.cleanUp(record('v1'), NEVER);
  expect(service.values()).toEqual(['"kept"', '"v2"']);
  await dns.cleanUp(record('v1'), NEVER);
  await dns.cleanUp(record('kept'), NEVER);
  await dns.cleanUp(record('v2'), NEVER);
  expect(service.values()).toEqual([]);
});

test('signature version 4: the example that Amazon published with the algorithm', () => {
  const headers = signAws(
    {
      method: 'GET',
      url: 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: '',
    },
    {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      sessionToken: null,
    },
    { region: 'us-east-1', service: 'iam', now: new Date('2015-08-30T12:36:00Z') },
  );
  expect(headers['x-amz-date']).toBe('20150830T123600Z');
  expect(headers['authorization']).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

test('httpreq: both modes, with and without a password', async () => {
  const { url, asked } = await fake(({ path }) => (path === '/cleanup' ? [500, 'out of order'] : [200, '']));
  const plain = provider(createHttpreq, { HTTPREQ_ENDPOINT: url });
  await plain.present(record('v'), NEVER);
  await expect(plain.cleanUp(record('v'), NEVER)).rejects.toThrow('/cleanup answered 500: out of order');
  const raw = provider(createHttpreq, { HTTPREQ_ENDPOINT: url, HTTPREQ_MODE: 'RAW', HTTPREQ_USERNAME: 'u', HTTPREQ_PASSWORD: 'p' }); // prettier-ignore
  await raw.present(record('v'), NEVER);
  expect(asked.map(({ headers, body }) => [headers.authorization, JSON.parse(body) as unknown])).toEqual([
    [undefined, { fqdn: '_acme-challenge.www.example.co.uk.', value: 'v' }],
    [undefined, { fqdn: '_acme-challenge.www.example.co.uk.', value: 'v' }],
    ['Basic dTpw', { domain: 'www.example.co.uk', token: '-token', keyAuth: '-token.key' }],
  ]);
});

test('exec: arguments of both modes, and what the program says when it fails', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-exec-'));
  const path = join(directory, 'hook');
  await writeFile(
    path,
    '#!/bin/sh\necho "$@" >> "$LOG"\n[ "$1" = present ] || { echo "no such zone" >&2; exit 3; }\n',
    {
      mode: 0o755,
    },
  );
  const variables = { EXEC_PATH: path, LOG: join(directory, 'log'), PATH: process.env['PATH'] ?? '' };
  const dns = provider(createExec, variables);
  await dns.present(record('v'), NEVER);
  await expect(dns.cleanUp(record('v'), NEVER)).rejects.toThrow(/hook cleanup: it ended with 3: no such zone/);
  await provider(createExec, { ...variables, EXEC_MODE: 'RAW' }).present(record('v'), NEVER);
  const { readFile } = await import('node:fs/promises');
  expect(await readFile(variables.LOG, 'utf8')).toBe(
    'present _acme-challenge.www.example.co.uk. v\ncleanup _acme-challenge.www.example.co.uk. v\npresent -- www.example.co.uk -token -token.key\n',
  );
  await rm(directory, { recursive: true });
});
