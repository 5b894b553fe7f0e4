// All DNS providers.

import type { DnsProviderName } from '../../config/install/dns-provider-names.ts';
import { createCloudflare } from './cloudflare.ts';
import { createDigitalocean } from './digitalocean.ts';
import { createExec } from './exec.ts';
import { createHttpreq } from './httpreq.ts';
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
