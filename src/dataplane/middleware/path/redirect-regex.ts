// redirectRegex: sends clients to a URL made from the one they asked for.

import { required, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean } from '../../../schema/scalar.ts';
import { compileReplacement } from '../../match/replacement.ts';
import { defineMiddleware } from '../define.ts';
import { checkReplacement, regex, replacement } from '../option-types.ts';
import { askedHost, askedPort, askedTarget, portSuffix, redirect } from './redirect.ts';

export const redirectRegex = defineMiddleware({
  kind: 'redirectRegex',
  summary: 'Redirects requests whose URL matches a pattern to a URL made from it.',
  description:
    'The pattern sees `scheme://host[:port]/path?query`: host in lower case, no default port, the scheme of the connection itself. What the pattern finds is replaced; the rest of the URL stays, so anchor it with `^` and `$`. A replacement that yields the same URL lets the request pass. Statuses are those of `redirectScheme`.',
  options: checked(
    object({
      regex: required(regex, 'RE2 pattern to find in the URL.'),
      replacement: required(
        replacement,
        'URL to redirect to; `$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar sign.',
      ),
      permanent: withDefault(boolean(), false, 'Clients may remember the redirect: 301 and 308.'),
    }),
    checkReplacement,
  ),
  create: (options) => {
    const { permanent } = options;
    const replace = compileReplacement(options.regex, options.replacement);
    const isPath = /^\/(?![/\\])/.test(options.replacement);
    return (next) =>
      function redirectRegexStage(exchange) {
        const { scheme } = exchange;
        const origin = `${scheme}://${askedHost(exchange)}${portSuffix(scheme, askedPort(exchange))}`;
        const url = origin + askedTarget(exchange);
        let location = replace(url);
        // `/$1` may not become `//host`, which is another site to browsers (open redirect).
        if (isPath && location !== null) location = location.replace(/^\/[/\\]+/, '/');
        if (location === null || location === url || (isPath && origin + location === url)) return next(exchange);
        redirect(exchange, location, permanent);
      };
  },
});
