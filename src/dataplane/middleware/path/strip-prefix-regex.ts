// stripPrefixRegex: takes what a pattern finds at the begin of the path off it.

import { forgivingList } from '../../../schema/forgiving.ts';
import { required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { compilePrefix } from '../../match/pattern.ts';
import { defineMiddleware } from '../define.ts';
import { regex } from '../option-types.ts';
import { encodePath, stripPath } from './path-stage.ts';

export const stripPrefixRegex = defineMiddleware({
  kind: 'stripPrefixRegex',
  summary: 'Takes the first prefix that matches a pattern off the path.',
  description:
    'The patterns see the decoded path, as rules do. The first one whose leftmost match stands at the begin of the path counts, anchored or not. The service gets the removed part in `X-Forwarded-Prefix`. A path that would not be normal afterwards is answered 400.',
  options: object({
    regex: required(forgivingList(regex), 'RE2 patterns, tried in order.'),
  }),
  create: (options) => {
    const finders = options.regex.map((pattern) => compilePrefix(pattern.trim()));
    return (next) =>
      function stripPrefixRegexStage(exchange) {
        const { path, forwardPath } = exchange;
        for (const find of finders) {
          const prefix = find(path);
          if (prefix === '') continue;
          const forward = path === forwardPath ? prefix : encodePath(prefix);
          if (!forwardPath.startsWith(forward) || !stripPath(exchange, prefix, forward)) {
            respondFailure(exchange, FAILURES.badPath);
            return;
          }
          break;
        }
        return next(exchange);
      };
  },
});
