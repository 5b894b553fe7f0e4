// errors: pages of another service in the place of a service's own error answers.

import { STATUS_CODES } from 'node:http';
import { optional, required, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { integer, string } from '../../../schema/scalar.ts';
import type { Schema } from '../../../schema/schema.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { forgivingList, forgivingRecord } from '../../../schema/forgiving.ts';
import { parseStatusRange, statusRange, type StatusRange } from '../../../schema/status-range.ts';
import type { ResponseHook } from '../../http/exchange.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { defineMiddleware } from '../define.ts';
import { ErrorPageFilter, type ErrorPageSettings } from './error-page-filter.ts';
import { fieldName } from '../option-types.ts';

function contains(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(([from, to]) => status >= from && status <= to);
}

const pageText = string({ isVerbatim: true });

/** Path and query of a page, with a slash in front and nothing that a request line cannot hold (RFC 9112 §3.2.1). */
const pageTarget: Schema<string> = {
  ...pageText,
  decode(input, context) {
    const given = pageText.decode(input, context);
    if (given === INVALID) return INVALID;
    if (/[\0-\x1f\x7f]/.test(given)) return context.invalid('the path holds control characters', 'a path', given);
    const text = given.replace(/\p{Surrogate}/gu, '\ufffd').replace(/[^\x21-\x7e]+/g, encodeURIComponent);
    return text.startsWith('/') ? text : `/${text}`;
  },
};

export const errors = defineMiddleware({
  kind: 'errors',
  summary: 'Answers errors with pages of another service.',
  description:
    'Body and fields of the answer are the page’s; the status stays unless `statusRewrites` names another. Answers of this router, such as 502 when a server cannot be reached, are replaced as well as those of the service. The page is asked with GET, or HEAD where the client asked so, without the body of the request and without its conditions and ranges; when there is none, the client gets the status with a line of text.',
  options: checked(
    object({
      status: required(forgivingList(statusRange()), 'Statuses to replace: single ones or ranges such as `500-599`.'),
      statusRewrites: withDefault(
        forgivingRecord(integer({ min: 200, max: 599 }), (key) =>
          parseStatusRange(key) !== null ? null : `"${key}" is no status or range such as 500-599`,
        ),
        {},
        'Status of the answer by status or range that the service gave.',
      ),
      service: required(string(), 'Service that has the pages.'),
      query: withDefault(
        pageTarget,
        '/',
        'Path of the page. `{status}` stands for the status of the answer, `{originalStatus}` for that before a rewrite, `{url}` for the escaped URL of the request.',
      ),
      errorRequestHeaders: optional(
        forgivingList(fieldName),
        'Fields of the request that are sent along; all when left out.',
      ),
    }),
    ({ statusRewrites, status }, context) => {
      for (const key of Object.keys(statusRewrites)) {
        const [from, to] = parseStatusRange(key)!;
        if (status.some(([first, last]) => first <= to && from <= last)) continue;
        context.at('statusRewrites', () =>
          context.report('warning', 'option-without-effect', `"${key}" is not among the statuses that are replaced`),
        );
      }
    },
  ),
  serviceOptions: ['service'],
  create: ({ status: ranges, statusRewrites, service, query, errorRequestHeaders }, resources) => {
    const rewrites = Object.entries(statusRewrites).map(([key, to]) => ({ range: parseStatusRange(key)!, to }));
    const kept = errorRequestHeaders?.map((name) => name.toLowerCase());
    const settings: ErrorPageSettings = {
      service: resources.service(service),
      requestFields: kept === undefined ? null : new Set(kept),
      target: (original, rewritten, url) =>
        query
          .replaceAll('{status}', String(rewritten))
          .replaceAll('{originalStatus}', String(original))
          .replaceAll('{url}', encodeURIComponent(url)),
      rewrite: (status) => rewrites.find(({ range }) => contains([range], status))?.to ?? status,
      fallback: (status) => `${STATUS_CODES[status] ?? status}\n`,
    };
    const replaceError: ResponseHook = (exchange) => {
      // A status that has no body has no room for a page.
      if (!contains(ranges, exchange.status) || hasNoBody('GET', exchange.status)) return 'pass';
      exchange.addFilter(new ErrorPageFilter(settings));
      return 'taken';
    };
    return (next) =>
      function errorsStage(exchange) {
        if (!exchange.isSubrequest) exchange.onResponse(replaceError);
        return next(exchange);
      };
  },
});
