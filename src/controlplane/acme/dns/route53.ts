// Records in hosted zones of Amazon Route 53. A change replaces all values of a name, so those that are there are read
// and written along.

import { sleep } from '../../../core/sleep.ts';
import { AcmeFailure } from '../failure.ts';
import { signAws, type AwsCredentials } from './aws-signature.ts';
import type { CreateDnsProvider, DnsRecord } from './provider.ts';
import { askWeb, webFailure, zoneCandidates, type WebRequest } from './web-api.ts';

const NAME = 'Route 53';
const API = '2013-04-01';
/** Of every region but those of China and governments; it is where the service itself is. */
const REGION = 'us-east-1';
const TIMEOUT_MS = 30_000;
/** Changes wait for each other in a zone. */
const BUSY_CODES = new Set(['PriorRequestNotComplete', 'Throttling', 'ThrottlingException']);

export const createRoute53: CreateDnsProvider = (environment) => {
  const credentials: AwsCredentials = {
    accessKeyId: environment.required('AWS_ACCESS_KEY_ID'),
    secretAccessKey: environment.required('AWS_SECRET_ACCESS_KEY'),
    sessionToken: environment.get('AWS_SESSION_TOKEN'),
  };
  const base = environment.url(['AWS_ENDPOINT_URL_ROUTE_53', 'AWS_ENDPOINT_URL'], 'https://route53.amazonaws.com');
  const fixedZone = environment.get('AWS_HOSTED_ZONE_ID');
  const ttl = environment.number(['AWS_ROUTE53_TTL', 'AWS_TTL'], 10);
  const maxRetries = environment.number(['AWS_MAX_RETRIES'], 5);
  const waitsForChange = environment.flag(['AWS_WAIT_FOR_RECORD_SETS_CHANGED'], true);
  const propagationTimeoutMs = environment.milliseconds(['AWS_PROPAGATION_TIMEOUT'], 120);
  const pollingIntervalMs = environment.milliseconds(['AWS_POLLING_INTERVAL'], 4);

  const ask = async (method: WebRequest['method'], path: string, signal: AbortSignal, body = ''): Promise<string> => {
    const url = `${base}/${API}${path}`;
    for (let tries = 0; ; tries++) {
      const given: Record<string, string> = body === '' ? {} : { 'content-type': 'application/xml' };
      const now = new Date();
      const headers = signAws({ method, url, headers: given, body }, credentials, {
        region: REGION,
        service: 'route53',
        now,
      });
      const asked = { method, url, headers, ...(body === '' ? {} : { body }) };
      const answer = await askWeb(NAME, asked, TIMEOUT_MS, signal);
      if (answer.status >= 200 && answer.status <= 299) return answer.text;
      const code = textOf(answer.text, 'Code') ?? '';
      if (tries < maxRetries && (BUSY_CODES.has(code) || answer.status >= 500)) {
        await sleep(Math.min(10_000, 200 * 2 ** tries), signal);
        continue;
      }
      throw webFailure(
        NAME,
        answer,
        [code, textOf(answer.text, 'Message') ?? ''].filter((part) => part !== '').join(': '),
      );
    }
  };

  const zoneOf = async (name: string, signal: AbortSignal): Promise<string> => {
    if (fixedZone !== null) return fixedZone.replace(/^\/?hostedzone\//, '');
    for (const candidate of zoneCandidates(name)) {
      const found = await ask('GET', `/hostedzonesbyname?dnsname=${encodeURIComponent(candidate)}&maxitems=10`, signal);
      for (const zone of blocks(found, 'HostedZone')) {
        const isPrivate = textOf(zone, 'PrivateZone') === 'true';
        const id = textOf(zone, 'Id');
        if (textOf(zone, 'Name') === `${candidate}.` && !isPrivate && id !== null)
          return id.replace(/^\/?hostedzone\//, '');
      }
    }
    throw new AcmeFailure(`${NAME} has no public zone for ${name} that these credentials may see`, {
      scope: 'certificate',
    });
  };

  const valuesOf = async (
    zone: string,
    name: string,
    signal: AbortSignal,
  ): Promise<{ values: string[]; ttl: number }> => {
    const path = `/hostedzone/${zone}/rrset?name=${encodeURIComponent(name)}&type=TXT&maxitems=1`;
    const found = await ask('GET', path, signal);
    const set = blocks(found, 'ResourceRecordSet').find(
      (one) => textOf(one, 'Name') === `${name}.` && textOf(one, 'Type') === 'TXT',
    );
    if (set === undefined) return { values: [], ttl };
    return {
      values: blocks(set, 'ResourceRecord').flatMap((one) => textOf(one, 'Value') ?? []),
      ttl: Number(textOf(set, 'TTL') ?? ttl),
    };
  };

  const change = async (
    action: 'UPSERT' | 'DELETE',
    zone: string,
    name: string,
    set: { readonly values: readonly string[]; readonly ttl: number },
    signal: AbortSignal,
  ): Promise<void> => {
    const records = set.values
      .map((value) => `<ResourceRecord><Value>${escape(value)}</Value></ResourceRecord>`)
      .join('');
    const body = `<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/${API}/"><ChangeBatch><Comment>ACME challenge</Comment><Changes><Change><Action>${action}</Action><ResourceRecordSet><Name>${escape(name)}.</Name><Type>TXT</Type><TTL>${set.ttl}</TTL><ResourceRecords>${records}</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`;
    const answer = await ask('POST', `/hostedzone/${zone}/rrset`, signal, body);
    const id = textOf(answer, 'Id');
    if (action === 'DELETE' || !waitsForChange || id === null) return;
    const end = Date.now() + propagationTimeoutMs;
    while (textOf(await ask('GET', `/change/${id.replace(/^\/?change\//, '')}`, signal), 'Status') !== 'INSYNC') {
      if (Date.now() + pollingIntervalMs > end) {
        throw new AcmeFailure(`${NAME} has not made the change in time`, { scope: 'certificate' });
      }
      await sleep(pollingIntervalMs, signal);
    }
  };

  return {
    async present(record: DnsRecord, signal) {
      const zone = await zoneOf(record.name, signal);
      const before = await valuesOf(zone, record.name, signal);
      const values = [...new Set([...before.values, `"${record.value}"`])];
      await change('UPSERT', zone, record.name, { values, ttl }, signal);
    },
    async cleanUp(record, signal) {
      const zone = await zoneOf(record.name, signal);
      const before = await valuesOf(zone, record.name, signal);
      const own = `"${record.value}"`;
      if (!before.values.includes(own)) return;
      const rest = before.values.filter((value) => value !== own);
      if (rest.length > 0) await change('UPSERT', zone, record.name, { ...before, values: rest }, signal);
      // A deletion names what is there, to the letter.
      else await change('DELETE', zone, record.name, before, signal);
    },
    propagationTimeoutMs,
    pollingIntervalMs,
  };
};

/** The few elements that are needed have no attributes and are told apart by their names. */
function blocks(xml: string, element: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))].map((match) => match[1]!);
}

function textOf(xml: string, element: string): string | null {
  const found = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml);
  return found === null ? null : unescape(found[1]!);
}

function escape(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescape(text: string): string {
  const plain = text.replace(/&(?:#([0-9]+)|#x([0-9A-Fa-f]+)|([a-z]+));/g, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(parseInt(String(hex), 16));
    return ENTITIES[String(name)] ?? String(whole);
  });
  // Names come with octal escapes, an asterisk as \052.
  return plain.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(String(octal), 8)));
}
