// Records in domains of DigitalOcean, by version 2 of its API.

import { isMap } from '../../../schema/input.ts';
import { AcmeFailure } from '../failure.ts';
import type { CreateDnsProvider } from './provider.ts';
import { askWeb, webFailure, zoneCandidates, type WebAnswer, type WebRequest } from './web-api.ts';

const NAME = 'DigitalOcean';
/** The API takes no less. */
const MIN_TTL = 30;

export const createDigitalocean: CreateDnsProvider = (environment) => {
  const token = environment.required('DO_AUTH_TOKEN');
  const base = environment.url(['DO_API_URL'], 'https://api.digitalocean.com');
  const ttl = environment.number(['DO_TTL'], MIN_TTL);
  const timeoutMs = environment.milliseconds(['DO_HTTP_TIMEOUT'], 30);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' };

  const ask = (
    method: WebRequest['method'],
    path: string,
    signal: AbortSignal,
    content?: object,
  ): Promise<WebAnswer> => {
    const body = content === undefined ? {} : { body: JSON.stringify(content) };
    return askWeb(NAME, { method, url: base + path, headers, ...body }, timeoutMs, signal);
  };
  const failure = (answer: WebAnswer): AcmeFailure => {
    const { message } = parse(answer.text);
    return webFailure(NAME, answer, typeof message === 'string' ? message : '');
  };

  const zoneOf = async (name: string, signal: AbortSignal): Promise<string> => {
    for (const candidate of zoneCandidates(name)) {
      const answer = await ask('GET', `/v2/domains/${encodeURIComponent(candidate)}`, signal);
      if (answer.status === 200) return candidate;
      if (answer.status !== 404) throw failure(answer);
    }
    throw new AcmeFailure(`${NAME} has no domain for ${name}`, { scope: 'certificate' });
  };

  /** By value: where the records made here are. */
  const made = new Map<string, string>();
  return {
    async present(record, signal) {
      const zone = await zoneOf(record.name, signal);
      const name = record.name === zone ? '@' : record.name.slice(0, -zone.length - 1);
      const content = { type: 'TXT', name, data: record.value, ttl };
      const answer = await ask('POST', `/v2/domains/${zone}/records`, signal, content);
      if (answer.status !== 201) throw failure(answer);
      const created = parse(answer.text)['domain_record'];
      const id = isMap(created) ? created['id'] : undefined;
      if (typeof id !== 'number') {
        throw new AcmeFailure(`${NAME} made a record without an identifier`, { scope: 'certificate' });
      }
      made.set(record.value, `/v2/domains/${zone}/records/${id}`);
    },
    async cleanUp(record, signal) {
      const path = made.get(record.value);
      if (path === undefined) return;
      made.delete(record.value);
      const answer = await ask('DELETE', path, signal);
      if (answer.status !== 204 && answer.status !== 404) throw failure(answer);
    },
    propagationTimeoutMs: environment.milliseconds(['DO_PROPAGATION_TIMEOUT'], 60),
    pollingIntervalMs: environment.milliseconds(['DO_POLLING_INTERVAL'], 5),
  };
};

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    return isMap(value) ? value : {};
  } catch {
    return {};
  }
}
