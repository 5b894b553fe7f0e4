// Which address counts as the client's: that of the connection, or one out of X-Forwarded-For. Everything that tells
// clients apart by address asks here. The list is believed as far as it goes: entry points have removed it when the
// peer was not trusted to send it.

import { IpSet, formatIp, maskIp, parseIp } from '../../../core/ip.ts';
import { list } from '../../../schema/collection.ts';
import { optional, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { integer } from '../../../schema/scalar.ts';
import type { Infer, Schema } from '../../../schema/schema.ts';
import type { Exchange } from '../../http/exchange.ts';
import { network } from '../option-types.ts';

const fields = object({
  depth: withDefault(
    integer({ min: 0, max: 1_000, clamp: 'both' }),
    0,
    'Take the entry at this position of `X-Forwarded-For`, counted from the right; 0 takes the address of the connection.',
  ),
  excludedIPs: withDefault(
    list(network),
    [],
    'Take the first entry of `X-Forwarded-For` from the right that is not in these networks: list your proxies here.',
  ),
  ipv6Subnet: optional(
    integer({ min: 1, max: 128 }),
    'Count all IPv6 addresses of a network of this prefix length as one.',
  ),
});

export type IpStrategyOptions = Infer<typeof fields>;

export const ipStrategyOptions: Schema<IpStrategyOptions> = checked(fields, ({ depth, excludedIPs }, context) => {
  if (depth > 0 && excludedIPs.length > 0) {
    context.at('excludedIPs', () =>
      context.report('warning', 'option-without-effect', '"depth" is given as well and decides alone'),
    );
  }
});

/** The client's address, without port; '' when the list does not reach as far as configured, or holds no address. */
export type ClientAddress = (exchange: Exchange) => string;

export function createIpStrategy(options: IpStrategyOptions | undefined): ClientAddress {
  const { depth = 0, excludedIPs = [], ipv6Subnet } = options ?? {};
  const choose = depth > 0 ? atDepth(depth) : excludedIPs.length > 0 ? notIn(new IpSet(excludedIPs)) : ofConnection;
  if (ipv6Subnet === undefined) return choose;
  return function addressOfSubnet(exchange) {
    const text = choose(exchange);
    const address = text.includes(':') ? parseIp(text) : null;
    // An IPv4-mapped address is an IPv4 address.
    return address === null || address.family === 4 ? text : formatIp(maskIp(address, ipv6Subnet));
  };
}

function ofConnection(exchange: Exchange): string {
  return exchange.client.ip;
}

function atDepth(depth: number): ClientAddress {
  return function addressAtDepth(exchange) {
    const entries = forwardedFor(exchange);
    return entries === null ? '' : addressOf(entries[entries.length - depth] ?? '');
  };
}

function notIn(excluded: IpSet): ClientAddress {
  return function addressNotExcluded(exchange) {
    const entries = forwardedFor(exchange);
    for (let index = (entries?.length ?? 0) - 1; index >= 0; index--) {
      const entry = entries![index]!.trim();
      if (entry === '') continue;
      const address = addressOf(entry);
      // What is no address is nobody's proxy: what stands left of it could be anyone's invention.
      if (!excluded.has(address)) return address;
    }
    return '';
  };
}

/** All entries over all lines (RFC 9110 §5.3): who splits the list over lines does not change it. */
function forwardedFor(exchange: Exchange): readonly string[] | null {
  const lines = exchange.requestHeaders.valuesOf('x-forwarded-for');
  return lines === null ? null : (lines.length === 1 ? lines[0]! : lines.join(',')).split(',');
}

/** Some proxies add the port: `10.0.0.1:4711`, `[2001:db8::1]:4711`. */
function addressOf(entry: string): string {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+)$/.exec(entry.trim());
  const text = match === null ? entry.trim() : (match[1] ?? match[2]!);
  return parseIp(text) === null ? '' : text;
}
