// The rule language: text to tree. `||` binds weakest, then `&&`, then `!`; arguments are Go string literals in
// backticks (raw) or double quotes (escaped). Every error of a rule is reported with its place, and says what to write
// instead.

import { didYouMean } from '../../../core/did-you-mean.ts';
import { findMatcher, MATCHERS, type MatcherSyntax } from '../matcher.ts';
import type { RuleError, RuleProblems } from './rule-error.ts';
import type { MatcherNode, RuleNode } from './rule-tree.ts';
import { doubtsOf } from './rule-doubts.ts';
import { wholeMistake } from './rule-mistakes.ts';
import { tokenize, type Token, type Tokens } from './rule-lexer.ts';

const MAX_RULE_LENGTH = 64 * 1024;
const MAX_DEPTH = 100;
const MAX_ERRORS = 20;
/** More than are shown, as they come out of order; bounds the work on a hopeless text. */
const MAX_COLLECTED = 200;

/** Traefik's: the length of the rule in bytes. */
export function defaultPriority(rule: string): number {
  return Buffer.byteLength(rule);
}

/** The matchers a rule may be made of, and what to say about those of other languages. */
export interface RuleLanguage {
  readonly matchers: readonly MatcherSyntax[];
  find(spelling: string): MatcherSyntax | null;
  /** Lower-case names, with what they are. */
  readonly foreign: ReadonlyMap<string, string>;
  /** One matcher of it, for messages. */
  readonly example: string;
}

export interface ParsedRule extends RuleProblems {
  /** Null when there are errors. */
  readonly rule: RuleNode | null;
}

export function parseRule(text: string, language: RuleLanguage = HTTP_RULES): ParsedRule {
  if (text.length > MAX_RULE_LENGTH) {
    return {
      rule: null,
      warnings: [],
      doubts: [],
      errors: [{ message: `the rule is longer than ${MAX_RULE_LENGTH} characters`, offset: 0, length: 1 }],
    };
  }
  const mistake = wholeMistake(text, language.example);
  if (mistake !== null) return { rule: null, errors: [mistake], warnings: [], doubts: [] };
  const parser = new RuleParser(language, tokenize(text), text.length);
  const rule = parser.parse();
  const warnings = [...parser.dead.values()];
  // A rule that is never true is a mistake; one with an alternative left goes on with it.
  if (warnings.length > 0 && !mayBeTrue(rule, parser.dead)) parser.errors.push(...warnings.splice(0));
  const errors = parser.errors.sort((a, b) => a.offset - b.offset).slice(0, MAX_ERRORS);
  const doubts = errors.length > 0 ? [] : doubtsOf(rule, parser.places).slice(0, MAX_ERRORS);
  return { rule: errors.length > 0 ? null : rule, errors, warnings: warnings.slice(0, MAX_ERRORS), doubts };
}

function mayBeTrue(rule: RuleNode, dead: ReadonlyMap<MatcherNode, RuleError>): boolean {
  if (rule.kind === 'matcher') return rule.negated || !dead.has(rule);
  return rule.kind === 'and'
    ? rule.nodes.every((node) => mayBeTrue(node, dead))
    : rule.nodes.some((node) => mayBeTrue(node, dead));
}

/** Stands for what could not be read, so that reading can go on; never leaves this file. */
const BROKEN: MatcherNode = { kind: 'matcher', name: '', args: [], negated: false };

/** Matchers of other rule languages people write here, with what to say. */
const FOREIGN_MATCHERS: ReadonlyMap<string, string> = new Map([
  ['hostheader', 'the old v2 name; write Host'],
  ['headers', 'the old v2 name; write Header'],
  ['headersregexp', 'the old v2 name; write HeaderRegexp'],
  ['hostsni', 'a matcher of TCP routers; write Host'],
  ['hostsniregexp', 'a matcher of TCP routers; write HostRegexp'],
  ['alpn', 'a matcher of TCP routers'],
]);

export const HTTP_RULES: RuleLanguage = {
  matchers: MATCHERS,
  find: findMatcher,
  foreign: FOREIGN_MATCHERS,
  example: 'Host(`example.com`)',
};

const WORD_OPERATORS = new Map([
  ['and', '&&'],
  ['or', '||'],
]);

class RuleParser {
  readonly errors: RuleError[];
  /** Matchers that are never true, and why. */
  readonly dead = new Map<MatcherNode, RuleError>();
  /** Where the arguments of matchers begin. */
  readonly places = new Map<MatcherNode, Token>();
  private readonly language: RuleLanguage;
  private readonly tokens: readonly Token[];
  private readonly end: number;
  /** The text ended inside of a string: what is missing at its end says nothing. */
  private readonly isCut: boolean;
  private position = 0;
  private depth = 0;

  constructor(language: RuleLanguage, { tokens, errors, isCut }: Tokens, end: number) {
    this.language = language;
    this.tokens = tokens;
    this.errors = [...errors];
    this.isCut = isCut;
    this.end = end;
  }

  parse(): RuleNode {
    if (this.tokens.length === 0) {
      if (this.errors.length === 0) {
        this.fail('the rule is empty', 0, 1, `a matcher such as ${this.language.example}`);
      }
      return BROKEN;
    }
    let rule = this.parseOr(false);
    for (let rest = this.peek(); rest !== null; rest = this.peek()) {
      if (rest.text === ')') {
        this.fail('this ")" closes nothing', rest.offset, rest.length, '&&, || or the end', ')');
        this.position++;
        if (this.operatorHere() !== null) this.position++;
        continue;
      }
      const message = 'the rule should end here or go on with && or ||';
      this.fail(message, rest.offset, rest.length, '&&, || or the end', rest.text);
      if (rest.kind === 'string' || rest.text === ',') this.position++;
      else rule = this.parseOr(false);
      if (this.depth > MAX_DEPTH) return rule;
    }
    return rule;
  }

  private parseOr(negated: boolean): RuleNode {
    return this.parseSequence('||', negated, () => this.parseAnd(negated));
  }

  private parseAnd(negated: boolean): RuleNode {
    return this.parseSequence('&&', negated, () => this.parseUnary(negated));
  }

  /** Under a negation `and` and `or` change places (De Morgan), so that only matchers are negated. */
  private parseSequence(operator: '&&' | '||', negated: boolean, next: () => RuleNode): RuleNode {
    const nodes: RuleNode[] = [];
    const kind = (operator === '&&') !== negated ? 'and' : 'or';
    for (;;) {
      const node = next();
      // Chains of the same operator stay flat.
      if (node.kind === kind) nodes.push(...node.nodes);
      else nodes.push(node);
      if (this.operatorHere() !== operator) break;
      this.position++;
    }
    return nodes.length === 1 ? nodes[0]! : { kind, nodes };
  }

  /** The binary operator that stands next; a word in its place is reported and understood. */
  private operatorHere(): string | null {
    const token = this.peek();
    if (token?.kind === 'operator') return token.text === '&&' || token.text === '||' ? token.text : null;
    const meant = token?.kind === 'name' ? WORD_OPERATORS.get(token.text.toLowerCase()) : undefined;
    if (token === null || meant === undefined) return null;
    this.fail(`"${token.text}" is no operator; write "${meant}"`, token.offset, token.length, meant, token.text);
    return meant;
  }

  private parseUnary(negated: boolean): RuleNode {
    const token = this.take();
    if (token === null) {
      this.fail('the rule ends too early', this.end, 1, 'a matcher or "("', 'the end of the rule');
      return BROKEN;
    }
    if (token.kind === 'operator' && token.text === '!') return this.nested(token, () => this.parseUnary(!negated));
    if (token.kind === 'operator' && token.text === '(') {
      const node = this.nested(token, () => this.parseOr(negated));
      if (this.depth <= MAX_DEPTH && !this.expect(')')) this.skip();
      return node;
    }
    if (token.kind === 'name' && token.text.toLowerCase() === 'not') {
      this.fail(`"${token.text}" is no operator; write "!"`, token.offset, token.length, '!', token.text);
      return this.nested(token, () => this.parseUnary(!negated));
    }
    if (token.kind === 'name') return this.parseMatcher(token, negated);
    this.position--;
    this.fail('a matcher should stand here', token.offset, token.length, 'a matcher or "("', token.text);
    this.skip();
    return BROKEN;
  }

  /** Goes to where reading can go on: an operator or closing parenthesis of this level. */
  private skip(): void {
    for (let open = 0; ; this.position++) {
      const token = this.peek();
      if (token === null) return;
      if (token.kind !== 'operator') continue;
      if (open === 0 && (token.text === '&&' || token.text === '||' || token.text === ')')) return;
      if (token.text === '(') open++;
      else if (token.text === ')') open--;
    }
  }

  /** Too deep a rule is not read any further: `depth` stays above its limit. */
  private nested(token: Token, parse: () => RuleNode): RuleNode {
    if (++this.depth > MAX_DEPTH) {
      this.fail(`the rule is nested more than ${MAX_DEPTH} levels deep`, token.offset, token.length);
      this.position = this.tokens.length;
      return BROKEN;
    }
    const node = parse();
    if (this.depth <= MAX_DEPTH) this.depth--;
    return node;
  }

  private parseMatcher(name: Token, negated: boolean): RuleNode {
    const definition = this.language.find(name.text);
    if (definition === null) this.failUnknown(name);
    if (!this.expect('(')) {
      this.skip();
      return BROKEN;
    }
    const args = this.parseArguments();
    if (args === null) {
      this.skip();
      if (this.peek()?.text === ')') this.position++;
      return BROKEN;
    }
    if (definition === null) return BROKEN;
    const values = definition.canonical(args.map((arg) => arg.value ?? ''));
    const node: MatcherNode = { kind: 'matcher', name: definition.name, args: values, negated };
    this.places.set(node, args[0] ?? name);
    const never = this.checkArguments(definition, args, name);
    if (never !== null && this.dead.size < MAX_COLLECTED) this.dead.set(node, never);
    return node;
  }

  private failUnknown({ text, offset, length }: Token): void {
    const names = this.language.matchers.map((matcher) => matcher.name);
    const foreign = this.language.foreign.get(text.toLowerCase());
    const near = didYouMean(text, names);
    const hint = foreign !== undefined ? `: ${foreign}` : near === null ? '' : `; did you mean "${near}"?`;
    this.fail(`unknown matcher "${text}"${hint}`, offset, length, names.join(', '), text);
  }

  /** The strings up to the closing parenthesis, which is taken; null when the list cannot be read. */
  private parseArguments(): readonly Token[] | null {
    const args: Token[] = [];
    if (this.peek()?.text === ')') {
      this.position++;
      return args;
    }
    for (;;) {
      const token = this.peek();
      if (token === null) {
        this.fail('the rule ends inside of a matcher', this.end, 1, 'an argument or ")"', 'the end of the rule');
        return null;
      }
      if (token.kind !== 'string') {
        const quoted = token.kind === 'name' ? `; write \`${token.text}\`` : '';
        const message = `arguments stand in backticks or double quotes${quoted}`;
        this.fail(message, token.offset, token.length, 'a string', token.text);
        return null;
      }
      this.position++;
      if (token.value === '') this.fail('the argument is empty', token.offset, token.length, 'a text');
      args.push(token);
      const separator = this.peek();
      if (separator?.kind === 'operator' && (separator.text === ',' || separator.text === ')')) {
        this.position++;
        if (separator.text === ',') continue;
        return args;
      }
      const place = separator ?? { offset: this.end, length: 1, text: 'the end of the rule' };
      this.fail('a comma or a closing parenthesis is missing', place.offset, place.length, '"," or ")"', place.text);
      return null;
    }
  }

  /** What makes the matcher one that is never true; everything else that is wrong with it is an error. */
  private checkArguments(definition: MatcherSyntax, args: readonly Token[], name: Token): RuleError | null {
    const { minArgs, maxArgs } = definition;
    if (args.some(({ isBare }) => isBare === true)) {
      this.failBare(definition, args, name);
      return null;
    }
    if (args.length < minArgs || args.length > maxArgs) {
      const expected = minArgs === maxArgs ? `${minArgs}` : `${minArgs} or ${maxArgs}`;
      const several = args.map((arg) => `${definition.name}(\`${arg.value ?? ''}\`)`).join(' || ');
      const hint = args.length > maxArgs && maxArgs === 1 ? `; write ${several}` : `, as in ${definition.usage}`;
      const plural = maxArgs === 1 ? '' : 's';
      const message = `${definition.name} takes ${expected} argument${plural}${hint}`;
      this.fail(message, name.offset, name.length, `${expected} argument${plural}`, `${args.length}`);
      return null;
    }
    const values: string[] = [];
    for (const { value } of args) if (value !== null && value !== '') values.push(value);
    if (values.length < args.length) return null;
    const wrong = definition.check(values);
    const place = args[Math.min(definition.checked, args.length - 1)] ?? name;
    if (wrong === null) return null;
    const { offset, length, text: received } = place;
    if (definition.neverTrue?.(values) === true)
      return { message: wrong, offset, length: Math.max(1, length), expected: definition.usage, received };
    this.fail(wrong, offset, length, definition.usage, received);
    return null;
  }

  /** One error for all arguments without quotes, with what else has to be mended about them. */
  private failBare(definition: MatcherSyntax, args: readonly Token[], name: Token): void {
    const values = args.map(({ value }) => value ?? '');
    const mended = /write "([^"]+)"$/.exec(definition.check(values) ?? '')?.[1];
    if (mended !== undefined) values[definition.checked] = mended;
    const [only] = args;
    const last = args.at(-1)!;
    const isOne = args.length === 1;
    const instead =
      definition.maxArgs === 1
        ? values.map((value) => (isOne ? `\`${value}\`` : `${definition.name}(\`${value}\`)`)).join(' || ')
        : `${definition.name}(${values.map((value) => `\`${value}\``).join(', ')})`;
    const offset = isOne && definition.maxArgs === 1 ? only!.offset : name.offset;
    const message = `arguments stand in backticks or double quotes; write ${instead}`;
    this.fail(message, offset, last.offset + last.length - offset, 'a string', last.text);
  }

  private expect(text: string): boolean {
    const token = this.peek();
    if (token?.kind === 'operator' && token.text === text) {
      this.position++;
      return true;
    }
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
    // One place, one error: what follows from it is noise.
    if (this.errors.length >= MAX_COLLECTED || (this.isCut && offset >= this.end)) return;
    if (this.errors.some((error) => error.offset === offset)) return;
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
    const args = rule.args.map((arg) => (/[`\r]/.test(arg) ? JSON.stringify(arg) : `\`${arg}\``));
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
