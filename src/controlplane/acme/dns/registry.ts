// All DNS providers.

import type { DnsProviderName } from '../../config/install/dns-provider-names.ts';
import { createCloudflare } from './cloudflare.ts';
import { createDigitalocean } from './digitalocean.ts';
import { createExec } from './exec.ts';
import { createHttpreq } from './httpreq.ts';
import { asFailure } from '../failure.ts';
import { ProviderEnvironment } from './environment.ts';
import type { CreateDnsProvider } from './provider.ts';
import { createRfc2136 } from './rfc2136.ts';
import { createRoute53 } from './route53.ts';

export const DNS_PROVIDER_TABLE: Readonly<Record<DnsProviderName, CreateDnsProvider>> = {
  cloudflare: createCloudflare,
  digitalocean: createDigitalocean,
  exec: createExec,
  httpreq: createHttpreq,
  rfc2136: createRfc2136,
  route53: createRoute53,
};

/** Why the provider cannot be used with these variables, or null. */
export function dnsProviderProblem(
  name: DnsProviderName,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  try {
    DNS_PROVIDER_TABLE[name](new ProviderEnvironment(environment));
    return null;
  } catch (error) {
    return asFailure(error).message;
  }
}
