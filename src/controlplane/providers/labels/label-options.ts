// Options that all providers of labels have, to be spread among those of each, and what they come to.

import { own, withDefault } from '../../../schema/field.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { checked } from '../../../schema/object.ts';
import { boolean, oneOf, string } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import type { Allowances } from '../../config/routing/routing-config.ts';
import { parseConstraints, type Constraints } from './constraint/constraints.ts';
import { parseTemplate, type RuleTemplate } from './template/rule-template.ts';

const defaultRule = checked(string(), (text, context) => {
  const parsed = parseTemplate(text);
  if ('problem' in parsed) context.invalid(`this is no template of a rule: ${parsed.problem}`, 'a template', text);
});

const constraints = checked(string(), (text, context) => {
  const parsed = parseConstraints(text);
  if (parsed !== null && 'problem' in parsed) context.invalid(parsed.problem, 'an expression', text);
});

export const labelOptions = {
  exposedByDefault: withDefault(
    boolean(),
    true,
    'Route to what has no label `enable`; otherwise only to what says `signalbox.enable=true`.',
  ),
  defaultRule: withDefault(
    defaultRule,
    'Host(`{{ normalize .Name }}`)',
    'Rule of HTTP routers that have none: a Go template, in which `.Name` is the service as it is called, and `.Labels` are the labels.',
  ),
  constraints: withDefault(
    constraints,
    '',
    'Only what meets this is looked at: Label(`key`, `value`) and LabelRegex(`key`, `pattern`), joined by `&&`, `||`, `!` and parentheses.',
  ),
  allowEmptyServices: withDefault(
    boolean(),
    false,
    'Keep routers and services of what is known and not ready, such as a container that is unhealthy: 503 instead of 404.',
  ),
  allowFiles: own(
    withDefault(
      boolean(),
      false,
      'Let labels name files (`usersFile`, `rootCAs`), which the router reads with its own rights.',
    ),
  ),
  internalServices: own(
    withDefault(
      forgivingList(
        oneOf('api@internal', 'dashboard@internal', 'ping@internal', 'prometheus@internal', 'rest@internal'),
      ),
      [],
      'Services of the router itself that labels may name; they may name `noop@internal` in any case.',
    ),
  ),
};

export type LabelOptions = { readonly [K in keyof typeof labelOptions]: Infer<(typeof labelOptions)[K]['schema']> };

/** Of a definition whose options are these. */
export function labelAllowances({ allowFiles, internalServices }: LabelOptions): Allowances {
  return { mayNameFiles: allowFiles, internalServices };
}

/** What reading labels needs of the options. */
export interface LabelSettings {
  /** Of the provider. */
  readonly kind: string;
  /** Labels below the name of the provider that it reads itself, `allownonrunning`. */
  readonly ownLabels: readonly string[];
  readonly exposedByDefault: boolean;
  readonly defaultRule: RuleTemplate;
  /** Null for none. */
  readonly constraints: Constraints | null;
  readonly allowEmptyServices: boolean;
}

/** The options have been decoded: their texts parse. */
export function labelSettings(kind: string, options: LabelOptions, ownLabels: readonly string[] = []): LabelSettings {
  const rule = parseTemplate(options.defaultRule);
  const expression = parseConstraints(options.constraints);
  if ('problem' in rule) throw new Error(rule.problem);
  if (expression !== null && 'problem' in expression) throw new Error(expression.problem);
  const { exposedByDefault, allowEmptyServices } = options;
  return { kind, ownLabels, exposedByDefault, allowEmptyServices, defaultRule: rule, constraints: expression };
}
