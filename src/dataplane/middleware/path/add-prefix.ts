// addPrefix: puts a path in front of the request's path.

import { required } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { defineMiddleware } from '../define.ts';
import { pathForms, pathOption, setPath } from './path-stage.ts';

export const addPrefix = defineMiddleware({
  kind: 'addPrefix',
  summary: 'Puts a prefix in front of the path before the request goes upstream.',
  description:
    'Use it when a service lives under a path of its own that clients should not see. Rules have already matched the path without the prefix.',
  options: object({
    prefix: required(
      checked(pathOption, (prefix, context) => {
        if (prefix === '/') context.report('warning', 'option-without-effect', 'nothing is added');
      }),
      'The path to add; a slash in front may be left out.',
    ),
  }),
  create: ({ prefix }) => {
    const forms = pathForms(prefix) ?? { routing: prefix, forward: prefix };
    // `/api/` before `/x` would make `/api//x`.
    const routing = forms.routing.replace(/\/$/, '');
    const forward = forms.forward.replace(/\/$/, '');
    return (next) =>
      function addPrefixStage(exchange) {
        if (exchange.path !== '*') setPath(exchange, routing + exchange.path, forward + exchange.forwardPath);
        return next(exchange);
      };
  },
});
