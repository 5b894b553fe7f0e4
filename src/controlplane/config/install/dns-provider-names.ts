// Names of the DNS providers that dns-01 challenges can be answered through, for the options and their diagnostics.
// What they do is in controlplane/acme/dns.

export const DNS_PROVIDERS = ['cloudflare', 'digitalocean', 'exec', 'httpreq', 'rfc2136', 'route53'] as const;

export type DnsProviderName = (typeof DNS_PROVIDERS)[number];

export function isDnsProvider(name: string): name is DnsProviderName {
  return (DNS_PROVIDERS as readonly string[]).includes(name);
}
