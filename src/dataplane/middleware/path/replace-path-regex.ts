// replacePathRegex: makes a path from the one asked for.

import { required } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { compileReplacement } from '../../match/replacement.ts';
import { defineMiddleware } from '../define.ts';
import { checkReplacement, regex, replacement } from '../option-types.ts';
import { encodePath, reportReplaced, setComposedPath } from './path-stage.ts';

export const replacePathRegex = defineMiddleware({
  kind: 'replacePathRegex',
  summary: 'Replaces what a pattern finds in the path; the query stays.',
  description:
    'The pattern sees the path as it is sent, percent-encoded. The service gets the path asked for in `X-Replaced-Path`. Double slashes that a replacement leaves become one; `?` and `#` in a replacement are percent-encoded.',
  options: checked(
    object({
      regex: required(regex, 'RE2 pattern to find in the path.'),
      replacement: required(
        replacement,
        'What takes its place; `$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar sign. Nothing is done when it is empty.',
      ),
    }),
    checkReplacement,
  ),
  create: (options) => {
    const template = options.replacement.trim();
    if (template === '') return (next) => next;
    const replace = compileReplacement(options.regex.trim(), template, encodePath);
    return (next) =>
      function replacePathRegexStage(exchange) {
        const { forwardPath } = exchange;
        const path = exchange.path === '*' ? null : replace(forwardPath);
        if (path !== null) {
          if (!setComposedPath(exchange, path)) {
            respondFailure(exchange, FAILURES.badPath);
            return;
          }
          reportReplaced(exchange, forwardPath);
        }
        return next(exchange);
      };
  },
});
