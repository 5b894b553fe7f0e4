// stripPrefix: takes a prefix off the request's path and tells the service about it.

import { forgivingList } from '../../../schema/forgiving.ts';
import { needless, required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean, string } from '../../../schema/scalar.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { defineMiddleware } from '../define.ts';
import { pathForms, stripPath } from './path-stage.ts';

/** Paths begin with a slash: nothing else ever comes off one. */
const prefix = string({ pattern: /^\//, expected: 'a path that begins with a slash, or it never matches' });

export const stripPrefix = defineMiddleware({
  kind: 'stripPrefix',
  summary: 'Takes the first matching prefix off the path before the request goes upstream.',
  description:
    'The service gets the removed part in `X-Forwarded-Prefix`. A prefix is plain text: `/shop` also comes off `/shopping`, which leaves `/ping`. A path that would not be normal afterwards is answered 400.',
  options: object({
    prefixes: required(
      forgivingList(prefix, { mayLoseAll: true }),
      'Prefixes to look for, in order; the first that matches is removed.',
    ),
    forceSlash: needless(boolean(), 'Deprecated in the reference; the path always keeps its leading slash.'),
  }),
  create: ({ prefixes }) => {
    const forms = prefixes.map((prefix) => pathForms(prefix) ?? { routing: prefix, forward: prefix });
    return (next) =>
      function stripPrefixStage(exchange) {
        for (const { routing, forward } of forms) {
          if (!exchange.path.startsWith(routing) || !exchange.forwardPath.startsWith(forward)) continue;
          if (!stripPath(exchange, routing, forward)) {
            respondFailure(exchange, FAILURES.badPath);
            return;
          }
          break;
        }
        return next(exchange);
      };
  },
});
