// Sections of the routing configuration as people write them.

import { LATER_MIDDLEWARES, MIDDLEWARES } from '../../../dataplane/middleware/registry.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { priority } from '../check-options.ts';
import { routerTls } from './tls-options.ts';
import { list } from '../../../schema/collection.ts';
import { differing, later, optional, replacedBy, required, withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean, oneOf, string } from '../../../schema/scalar.ts';
import type { Field, Infer } from '../../../schema/schema.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

const observability = object({
  accessLogs: flag(true, 'Access log lines for requests of this router.'),
  metrics: flag(true, 'Metrics for requests of this router.'),
  tracing: later('Traces.'),
  traceVerbosity: later('Traces.'),
});

export const routerOptions = object({
  rule: required(string(), 'Which requests this router takes: matchers joined by `&&`, `||`, `!` and parentheses.'),
  service: optional(
    string(),
    'Service that gets them; `name` or `name@provider`. Left out only by routers that others name in `parentRefs`.',
  ),
  entryPoints: optional(forgivingList(string()), 'Entry points it listens on; all default ones when left out.'),
  middlewares: withDefault(list(string()), [], 'Stages a request passes on its way, in order.'),
  priority: withDefault(priority, 0, 'Higher is asked first; 0 stands for the length of the rule in bytes.'),
  observability: withDefault(
    observability,
    { accessLogs: true, metrics: true, tracing: undefined, traceVerbosity: undefined },
    'What is reported.',
  ),
  tls: optional(routerTls, 'Take requests that come over TLS, and no others.'),
  parentRefs: withDefault(
    list(string()),
    [],
    'Routers above this one: it is offered the requests they match, after their middlewares. The topmost ones own entry points.',
  ),
  ruleSyntax: optional(oneOf('v2', 'v3'), 'Syntax of the rule; `core.defaultRuleSyntax` when left out.'),
});
export type RouterOptions = Infer<typeof routerOptions>;

const middlewareFields: Record<string, Field<object | undefined>> = {};
for (const { kind, options, summary, differs } of MIDDLEWARES) {
  const field = optional(options, summary);
  middlewareFields[kind] = differs === undefined ? field : differing(field, differs);
}
for (const [kind, instead] of Object.entries(LATER_MIDDLEWARES))
  middlewareFields[kind] = replacedBy(later('A middleware of the reference.', 'refused'), instead);

/** A middleware is a section with exactly one kind. */
export const middlewareOptions = object(middlewareFields, {
  // Of Traefik 1.
  redirect: 'is redirectRegex or redirectScheme today',
  whitelist: 'is ipAllowList today',
});
export type MiddlewareOptions = Infer<typeof middlewareOptions>;
