// replacePath: gives every request the same path.

import { required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { defineMiddleware } from '../define.ts';
import { pathForms, pathOption, reportReplaced, setPath } from './path-stage.ts';

export const replacePath = defineMiddleware({
  kind: 'replacePath',
  summary: 'Replaces the path; the query stays.',
  description: 'The service gets the path asked for in `X-Replaced-Path`.',
  options: object({ path: required(pathOption, 'The new path; a slash in front may be left out.') }),
  create: ({ path }) => {
    const forms = pathForms(path) ?? { routing: path, forward: path };
    return (next) =>
      function replacePathStage(exchange) {
        if (exchange.path !== '*') {
          reportReplaced(exchange, exchange.forwardPath);
          setPath(exchange, forms.routing, forms.forward);
        }
        return next(exchange);
      };
  },
});
