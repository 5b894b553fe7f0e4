// Records in zones of Cloudflare, by version 4 of its API: an API token that may edit DNS and read zones, two tokens
// for these, or the global key with the account's address.

import { isMap } from '../../../schema/input.ts';
import { AcmeFailure } from '../failure.ts';
import type { ProviderEnvironment } from './environment.ts';
import type { CreateDnsProvider, DnsRecord } from './provider.ts';
import { askWeb, webFailure, zoneCandidates, type WebRequest } from './web-api.ts';

const NAME = 'Cloudflare';
/** The API takes no less. */
const MIN_TTL = 120;

export const createCloudflare: CreateDnsProvider = (environment) => {
  const base = environment.url(['CLOUDFLARE_BASE_URL'], 'https://api.cloudflare.com/client/v4');
  const ttl = environment.number(['CLOUDFLARE_TTL', 'CF_TTL'], MIN_TTL);
  if (ttl < MIN_TTL) throw new AcmeFailure(`CLOUDFLARE_TTL is at least ${MIN_TTL}`, { scope: 'authority' });
  const timeoutMs = environment.milliseconds(['CLOUDFLARE_HTTP_TIMEOUT', 'CF_HTTP_TIMEOUT'], 30);
  const headers = credentialsOf(environment);

  const ask = async (
    who: 'zone' | 'dns',
    method: WebRequest['method'],
    path: string,
    signal: AbortSignal,
    content?: object,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> => {
    const body = content === undefined ? {} : { body: JSON.stringify(content) };
    const asked = {
      method,
      url: base + path,
      headers: { ...headers[who], 'content-type': 'application/json' },
      ...body,
    };
    const answer = await askWeb(NAME, asked, timeoutMs, signal);
    const value = parse(answer.text);
    if (answer.status >= 200 && answer.status <= 299 && value['success'] === true) return list(value['result']);
    const errors = list(value['errors']).map(({ code, message }) => `${String(message)} (${String(code)})`);
    throw webFailure(NAME, answer, errors.join('; '));
  };

  const zoneOf = async (name: string, signal: AbortSignal): Promise<string> => {
    for (const candidate of zoneCandidates(name)) {
      const [zone] = await ask('zone', 'GET', `/zones?name=${encodeURIComponent(candidate)}&per_page=50`, signal);
      if (typeof zone?.['id'] === 'string') return zone['id'];
    }
    throw new AcmeFailure(`${NAME} has no zone for ${name} that these credentials may see`, { scope: 'certificate' });
  };

  /** By value: identifiers of the records made here. */
  const made = new Map<string, { readonly zone: string; readonly record: string }>();
  return {
    async present(record: DnsRecord, signal) {
      const zone = await zoneOf(record.name, signal);
      // The content of a TXT record is a quoted string.
      const content = { type: 'TXT', name: record.name, content: `"${record.value}"`, ttl };
      const [created] = await ask('dns', 'POST', `/zones/${zone}/dns_records`, signal, content);
      if (typeof created?.['id'] !== 'string') {
        throw new AcmeFailure(`${NAME} made a record without an identifier`, { scope: 'certificate' });
      }
      made.set(record.value, { zone, record: created['id'] });
    },
    async cleanUp(record, signal) {
      const known = made.get(record.value);
      if (known === undefined) return;
      made.delete(record.value);
      await ask('dns', 'DELETE', `/zones/${known.zone}/dns_records/${known.record}`, signal);
    },
    propagationTimeoutMs: environment.milliseconds(['CLOUDFLARE_PROPAGATION_TIMEOUT', 'CF_PROPAGATION_TIMEOUT'], 120),
    pollingIntervalMs: environment.milliseconds(['CLOUDFLARE_POLLING_INTERVAL', 'CF_POLLING_INTERVAL'], 2),
  };
};

function credentialsOf(environment: ProviderEnvironment): Record<'zone' | 'dns', Readonly<Record<string, string>>> {
  const key = environment.get('CF_API_KEY', 'CLOUDFLARE_API_KEY');
  const email = environment.get('CF_API_EMAIL', 'CLOUDFLARE_EMAIL');
  if (key !== null && email !== null) {
    const headers = { 'x-auth-email': email, 'x-auth-key': key };
    return { zone: headers, dns: headers };
  }
  const token = environment.required('CF_DNS_API_TOKEN', 'CLOUDFLARE_DNS_API_TOKEN');
  const zoneToken = environment.get('CF_ZONE_API_TOKEN', 'CLOUDFLARE_ZONE_API_TOKEN') ?? token;
  return { zone: { authorization: `Bearer ${zoneToken}` }, dns: { authorization: `Bearer ${token}` } };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    return isMap(value) ? value : {};
  } catch {
    return {};
  }
}

function list(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return (Array.isArray(value) ? value : [value]).filter(isMap);
}
