// A service of the user's makes and removes the record: `POST /present` and `POST /cleanup`, as lego's provider of that
// name sends them.

import { AcmeFailure } from '../failure.ts';
import type { CreateDnsProvider, DnsRecord } from './provider.ts';
import { askWeb, webFailure } from './web-api.ts';

export const createHttpreq: CreateDnsProvider = (environment) => {
  const endpoint = environment.url(['HTTPREQ_ENDPOINT'], null);
  const isRaw = environment.get('HTTPREQ_MODE')?.toUpperCase() === 'RAW';
  const user = environment.get('HTTPREQ_USERNAME');
  const password = environment.get('HTTPREQ_PASSWORD');
  if ((user === null) !== (password === null)) {
    throw new AcmeFailure('HTTPREQ_USERNAME and HTTPREQ_PASSWORD belong together', { scope: 'authority' });
  }
  const timeoutMs = environment.milliseconds(['HTTPREQ_HTTP_TIMEOUT'], 30);
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' };
  if (user !== null) headers['authorization'] = `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
  const post = async (path: string, record: DnsRecord, signal: AbortSignal): Promise<void> => {
    const content = isRaw
      ? { domain: record.domain, token: record.token, keyAuth: record.keyAuthorization }
      : { fqdn: `${record.name}.`, value: record.value };
    const url = `${endpoint}/${path}`;
    const asked = { method: 'POST', url, headers, body: JSON.stringify(content) } as const;
    const answer = await askWeb('HTTPREQ_ENDPOINT', asked, timeoutMs, signal);
    if (answer.status < 200 || answer.status > 299) throw webFailure(`HTTPREQ_ENDPOINT /${path}`, answer, answer.text);
  };
  return {
    present: (record, signal) => post('present', record, signal),
    cleanUp: (record, signal) => post('cleanup', record, signal),
    propagationTimeoutMs: environment.milliseconds(['HTTPREQ_PROPAGATION_TIMEOUT'], 60),
    pollingIntervalMs: environment.milliseconds(['HTTPREQ_POLLING_INTERVAL'], 2),
  };
};
