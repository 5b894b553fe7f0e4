// ipAllowList and its old name ipWhiteList: let clients through by their address.

import { STATUS_CODES } from 'node:http';
import { IpSet } from '../../../core/ip.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { optional, required, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { integer } from '../../../schema/scalar.ts';
import { respond } from '../../http/respond.ts';
import { defineMiddleware, type Middleware } from '../define.ts';
import { createIpStrategy, ipStrategyOptions, type IpStrategyOptions } from './ip-strategy.ts';
import { network } from '../option-types.ts';

const FORBIDDEN = 403;

const fields = {
  sourceRange: required(forgivingList(network, { min: 1 }), 'Addresses and networks that may pass.'),
  ipStrategy: optional(
    ipStrategyOptions,
    'Which address counts as the client’s; that of the connection when left out. With `depth` or `excludedIPs`, a request whose `X-Forwarded-For` does not hold it is refused.',
  ),
};

function allowOnly(
  sourceRange: readonly string[],
  ipStrategy: IpStrategyOptions | undefined,
  status: number,
): Middleware {
  const allowed = new IpSet(sourceRange);
  const clientAddress = createIpStrategy(ipStrategy);
  const text = STATUS_CODES[status] ?? '';
  return (next) =>
    function ipAllowListStage(exchange) {
      if (allowed.has(clientAddress(exchange))) return next(exchange);
      respond(exchange, status, text);
    };
}

export const ipAllowList = defineMiddleware({
  kind: 'ipAllowList',
  summary: 'Lets only clients with certain addresses pass.',
  description:
    'Others are answered `rejectStatusCode`. `X-Forwarded-For` counts only as far as the entry point trusts the peer that sent it: name your proxies in `forwardedHeaders.trustedIPs`.',
  options: object({
    ...fields,
    rejectStatusCode: withDefault(
      integer({ min: 200, max: 599, isZeroAbsent: true }),
      FORBIDDEN,
      'Status for everybody else.',
    ),
  }),
  create: ({ sourceRange, ipStrategy, rejectStatusCode }) => allowOnly(sourceRange, ipStrategy, rejectStatusCode),
});

export const ipWhiteList = defineMiddleware({
  kind: 'ipWhiteList',
  summary: 'The old name of ipAllowList.',
  description: 'Works as `ipAllowList` does and always answers 403.',
  options: checked(object(fields), (_, context) => {
    context.report('warning', 'deprecated-option', 'ipWhiteList is deprecated; its new name is ipAllowList');
  }),
  create: ({ sourceRange, ipStrategy }) => allowOnly(sourceRange, ipStrategy, FORBIDDEN),
});
