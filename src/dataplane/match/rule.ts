// The rule language: text to tree. `||` binds weakest, then `&&`, then `!`; arguments are Go string literals in backticks
// (raw) or double quotes (escaped). Every error of a rule is reported with its place, and says what to write instead.

import { didYouMean } from '../../core/did-you-mean.ts';
import { findMatcher, MATCHERS } from './matcher.ts';
import type { RuleError } from './rule-error.ts';
import { tokenize, type Token } from './rule-lexer.ts';

export interface MatcherNode {
  readonly kind: 'matcher';
  readonly name: string;
  readonly args: readonly string[];
  readonly negated: boolean;
}

export type RuleNode = MatcherNode | { readonly kind: 'and' | 'or'; readonly nodes: readonly RuleNode[] };

const MAX_RULE_LENGTH = 64 * 1024;
const MAX_DEPTH = 100;
const MAX_ERRORS = 20;

/** Traefik's: the length of the rule in bytes. */
export function defaultPriority(rule: string): number {
  return Buffer.byteLength(rule);
}

/** `rule` is null when there are errors. */
export function parseRule(text: string): { rule: RuleNode | null; errors: readonly RuleError[] } {
  if (text.length > MAX_RULE_LENGTH) {
    return {
      rule: null,
      errors: [{ message: `the rule is longer than ${MAX_RULE_LENGTH} characters`, offset: 0, length: 1 }],
    };
  }
  const { tokens, errors: lexical } = tokenize(text);
  const parser = new RuleParser(tokens, [...lexical], text.length);
  const rule = parser.parse();
  return { rule: parser.errors.length > 0 ? null : rule, errors: parser.errors.slice(0, MAX_ERRORS) };
}

class RuleParser {
  readonly errors: RuleError[];
  private readonly tokens: readonly Token[];
  private readonly end: number;
  private position = 0;
  private depth = 0;

  constructor(tokens: readonly Token[], errors: RuleError[], end: number) {
    this.tokens = tokens;
    this.errors = errors;
    this.end = end;
  }

  parse(): RuleNode | null {
    if (this.tokens.length === 0) {
      if (this.errors.length === 0) {
        this.fail('the rule is empty', 0, 1, 'a matcher such as Host(`example.com`)');
      }
      return null;
    }
    const rule = this.parseOr(false);
    const rest = this.peek();
    if (rest !== null && rule !== null) {
      this.fail(
        'the rule should end here or go on with && or ||',
        rest.offset,
        rest.length,
        '&&, || or the end',
        rest.text,
      );
    }
    return rule;
  }

  private parseOr(negated: boolean): RuleNode | null {
    return this.parseSequence('||', negated, () => this.parseAnd(negated));
  }

  private parseAnd(negated: boolean): RuleNode | null {
    return this.parseSequence('&&', negated, () => this.parseUnary(negated));
  }

  /** Under a negation `and` and `or` change places (De Morgan), so that only matchers are negated. */
  private parseSequence(operator: '&&' | '||', negated: boolean, next: () => RuleNode | null): RuleNode | null {
    const nodes: RuleNode[] = [];
    const kind = (operator === '&&') !== negated ? 'and' : 'or';
    for (;;) {
      const node = next();
      if (node === null) return null;
      // Chains of the same operator stay flat.
      if (node.kind === kind) nodes.push(...node.nodes);
      else nodes.push(node);
      if (this.peek()?.text !== operator || this.peek()?.kind !== 'operator') break;
      this.position++;
    }
    return nodes.length === 1 ? nodes[0]! : { kind, nodes };
  }

  private parseUnary(negated: boolean): RuleNode | null {
    const token = this.take();
    if (token === null) {
      this.fail('the rule ends too early', this.end, 1, 'a matcher or "("', 'the end of the rule');
      return null;
    }
    if (token.kind === 'operator' && token.text === '!') return this.nested(token, () => this.parseUnary(!negated));
    if (token.kind === 'operator' && token.text === '(') {
      const node = this.nested(token, () => this.parseOr(negated));
      if (node !== null) this.expect(')');
      return node;
    }
    if (token.kind === 'name') return this.parseMatcher(token, negated);
    this.fail('a matcher should stand here', token.offset, token.length, 'a matcher or "("', token.text);
    return null;
  }

  private nested(token: Token, parse: () => RuleNode | null): RuleNode | null {
    if (++this.depth > MAX_DEPTH) {
      this.fail(`the rule is nested more than ${MAX_DEPTH} levels deep`, token.offset, token.length);
      return null;
    }
    const node = parse();
    this.depth--;
    return node;
  }

  private parseMatcher(name: Token, negated: boolean): RuleNode | null {
    const definition = findMatcher(name.text);
    if (definition === null) {
      const near = didYouMean(
        name.text,
        MATCHERS.map((matcher) => matcher.name),
      );
      const hint = near === null ? '' : `; did you mean "${near}"?`;
      this.fail(
        `unknown matcher "${name.text}"${hint}`,
        name.offset,
        name.length,
        MATCHERS.map((matcher) => matcher.name).join(', '),
        name.text,
      );
    }
    if (!this.expect('(')) return null;
    const args: string[] = [];
    const first = this.peek();
    for (;;) {
      const token = this.take();
      if (token === null) {
        this.fail('the rule ends inside of a matcher', this.end, 1, 'an argument or ")"', 'the end of the rule');
        return null;
      }
      if (token.kind === 'operator' && token.text === ')' && args.length === 0) break;
      if (token.kind !== 'string') {
        const quoted = token.kind === 'name' ? `; write \`${token.text}\`` : '';
        this.fail(
          `arguments stand in backticks or double quotes${quoted}`,
          token.offset,
          token.length,
          'a string',
          token.text,
        );
        return null;
      }
      if (token.value === '') this.fail('the argument is empty', token.offset, token.length, 'a text');
      args.push(token.value);
      const separator = this.take();
      if (separator?.kind === 'operator' && separator.text === ',') continue;
      if (separator?.kind === 'operator' && separator.text === ')') break;
      const place = separator ?? { offset: this.end, length: 1, text: 'the end of the rule' };
      this.fail('a comma or a closing parenthesis is missing', place.offset, place.length, '"," or ")"', place.text);
      return null;
    }
    if (definition !== null) this.checkArguments(definition, args, name, first);
    return { kind: 'matcher', name: definition?.name ?? name.text, args, negated };
  }

  private checkArguments(
    definition: (typeof MATCHERS)[number],
    args: readonly string[],
    name: Token,
    first: Token | null,
  ): void {
    const { minArgs, maxArgs } = definition;
    if (args.length < minArgs || args.length > maxArgs) {
      const expected = minArgs === maxArgs ? `${minArgs}` : `${minArgs} or ${maxArgs}`;
      const several = args.map((arg) => `${definition.name}(\`${arg}\`)`).join(' || ');
      const hint = args.length > maxArgs && maxArgs === 1 ? `; write ${several}` : `, as in ${definition.usage}`;
      const plural = maxArgs === 1 ? '' : 's';
      this.fail(
        `${definition.name} takes ${expected} argument${plural}${hint}`,
        name.offset,
        name.length,
        `${expected} argument${plural}`,
        `${args.length}`,
      );
      return;
    }
    if (args.includes('')) return;
    const wrong = definition.check(args);
    if (wrong !== null) this.fail(wrong, first?.offset ?? name.offset, first?.length ?? name.length);
  }

  private expect(text: string): boolean {
    const token = this.take();
    if (token?.kind === 'operator' && token.text === text) return true;
    const place = token ?? { offset: this.end, length: 1, text: 'the end of the rule' };
    this.fail(`"${text}" is missing`, place.offset, place.length, `"${text}"`, place.text);
    return false;
  }

  private peek(): Token | null {
    return this.tokens[this.position] ?? null;
  }

  private take(): Token | null {
    return this.tokens[this.position++] ?? null;
  }

  private fail(message: string, offset: number, length: number, expected?: string, received?: string): void {
    this.errors.push({
      message,
      offset,
      length: Math.max(1, length),
      ...(expected === undefined ? {} : { expected }),
      ...(received === undefined ? {} : { received }),
    });
  }
}

/** The tree as text that parses to the same tree. */
export function formatRule(rule: RuleNode): string {
  if (rule.kind === 'matcher') {
    const args = rule.args.map((arg) => (arg.includes('`') ? JSON.stringify(arg) : `\`${arg}\``));
    return `${rule.negated ? '!' : ''}${rule.name}(${args.join(', ')})`;
  }
  const operator = rule.kind === 'and' ? ' && ' : ' || ';
  return rule.nodes
    .map((node) => (node.kind === 'or' && rule.kind === 'and' ? `(${formatRule(node)})` : formatRule(node)))
    .join(operator);
}

/** Exact host names that the rule names in positive Host matchers, in order, each once. */
export function ruleHosts(rule: RuleNode): readonly string[] {
  const hosts = new Set<string>();
  const visit = (node: RuleNode): void => {
    if (node.kind !== 'matcher') for (const child of node.nodes) visit(child);
    else if (node.name === 'Host' && !node.negated && !node.args[0]!.includes('*')) hosts.add(node.args[0]!);
  };
  visit(rule);
  return [...hosts];
}
