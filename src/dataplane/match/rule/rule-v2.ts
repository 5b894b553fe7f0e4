// Rules in the older syntax, v2, as rules of the present one: the text is translated call by call and everything
// between the calls stays. Several values of a matcher mean any of them; `{name:pattern}` in hosts and paths becomes a
// regular expression.

import { didYouMean } from '../../../core/did-you-mean.ts';
import type { RuleError } from './rule-error.ts';
import { tokenize, type Token } from './rule-lexer.ts';

/** Placeholders without a pattern stand for one label of a host, or one segment of a path. */
const ANY_LABEL = '[^.]+';
const ANY_SEGMENT = '[^/]+';

type Translate = (args: readonly string[]) => string;
type V2Matchers = Readonly<
  Record<string, { readonly minArgs: number; readonly maxArgs: number; readonly translate: Translate }>
>;

/** Of TCP routers. */
export const TCP_V2_MATCHERS: V2Matchers = {
  HostSNI: variadic((name) => call('HostSNI', name)),
  HostSNIRegexp: variadic((name) => call('HostSNIRegexp', `^${toPattern(name, ANY_LABEL)}$`)),
  ClientIP: variadic((range) => call('ClientIP', range)),
  ALPN: variadic((protocol) => call('ALPN', protocol)),
};

const MATCHERS: V2Matchers = {
  Host: variadic((host) => call('Host', host)),
  HostHeader: variadic((host) => call('Host', host)),
  HostRegexp: variadic((host) => call('HostRegexp', `^${toPattern(host, ANY_LABEL)}$`)),
  ClientIP: variadic((range) => call('ClientIP', range)),
  Path: variadic((path) =>
    hasPlaceholder(path) ? call('PathRegexp', `^${toPattern(path, ANY_SEGMENT)}$`) : call('Path', path),
  ),
  PathPrefix: variadic((path) =>
    hasPlaceholder(path) ? call('PathRegexp', `^${toPattern(path, ANY_SEGMENT)}`) : call('PathPrefix', path),
  ),
  Method: variadic((method) => call('Method', method)),
  Headers: { minArgs: 2, maxArgs: 2, translate: ([name = '', value = '']) => call('Header', name, value) },
  HeadersRegexp: {
    minArgs: 2,
    maxArgs: 2,
    translate: ([name = '', value = '']) => call('HeaderRegexp', name, value),
  },
  Query: variadic((pair) => {
    const equals = pair.indexOf('=');
    return equals < 0 ? call('Query', pair) : call('Query', pair.slice(0, equals), pair.slice(equals + 1));
  }),
};

function variadic(one: (arg: string) => string): { minArgs: number; maxArgs: number; translate: Translate } {
  return {
    minArgs: 1,
    maxArgs: 100,
    translate: (args) => (args.length === 1 ? one(args[0]!) : `(${args.map(one).join(' || ')})`),
  };
}

function call(name: string, ...args: readonly string[]): string {
  return `${name}(${args.map(quote).join(', ')})`;
}

function quote(text: string): string {
  return text.includes('`') ? JSON.stringify(text) : `\`${text}\``;
}

function hasPlaceholder(text: string): boolean {
  return /\{[^}]*\}/.test(text);
}

/** Text outside of the braces is literal. Patterns may hold braces of their own: `{id:[0-9]{3}}`. */
function toPattern(text: string, any: string): string {
  let pattern = '';
  for (let at = 0; at < text.length;) {
    if (text[at] !== '{') {
      pattern += text[at]!.replace(/[\\^$.*+?()[\]{}|]/, '\\$&');
      at++;
      continue;
    }
    let depth = 0;
    let end = at;
    do {
      if (text[end] === '{') depth++;
      else if (text[end] === '}') depth--;
      end++;
    } while (depth > 0 && end < text.length);
    const body = text.slice(at + 1, end - 1);
    const colon = body.indexOf(':');
    pattern += colon < 0 ? any : `(?:${body.slice(colon + 1)})`;
    at = end;
  }
  return pattern;
}

function findMatcher(name: string, matchers: V2Matchers): V2Matchers[string] | null {
  const found = Object.keys(matchers).find((known) => known.toLowerCase() === name.toLowerCase());
  return found === undefined ? null : matchers[found]!;
}

/**
 * The rule in the present syntax; it is parsed as such afterwards. Errors are those of names and numbers of arguments.
 */
export function translateV2(
  text: string,
  matchers: V2Matchers = MATCHERS,
): { rule: string; errors: readonly RuleError[] } {
  const { tokens, errors: lexical } = tokenize(text);
  const errors = [...lexical];
  let rule = '';
  let copied = 0;
  for (let index = 0; index < tokens.length; index++) {
    const name = tokens[index]!;
    if (name.kind !== 'name' || tokens[index + 1]?.text !== '(') continue;
    const close = tokens.findIndex((token, at) => at > index && token.text === ')');
    if (close < 0) break;
    const args = tokens.slice(index + 2, close).filter((token) => token.kind === 'string');
    const translated = translateCall(name, args, matchers, errors);
    const end = tokens[close]!;
    rule += text.slice(copied, name.offset) + translated;
    copied = end.offset + end.length;
    index = close;
  }
  return { rule: rule + text.slice(copied), errors };
}

function translateCall(name: Token, args: readonly Token[], matchers: V2Matchers, errors: RuleError[]): string {
  const matcher = findMatcher(name.text, matchers);
  const problem = (message: string): string => {
    errors.push({ message, offset: name.offset, length: name.length });
    return '';
  };
  if (matcher === null) {
    const near = didYouMean(name.text, Object.keys(matchers));
    return problem(
      near === null
        ? `"${name.text}" is no matcher of the v2 syntax; known: ${Object.keys(matchers).join(', ')}`
        : `"${name.text}" is no matcher of the v2 syntax; did you mean "${near}"?`,
    );
  }
  if (args.length < matcher.minArgs || args.length > matcher.maxArgs) {
    return problem(
      `${name.text} takes ${matcher.minArgs === matcher.maxArgs ? matcher.minArgs : 'one or more'} arguments in the v2 syntax, found ${args.length}`,
    );
  }
  return matcher.translate(args.map((arg) => arg.value ?? ''));
}
