import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRule } from './rule.ts';
import { TCP_RULES } from '../tcp-matcher.ts';

function said(text: string): string[] {
  return parseRule(text).errors.map(
    ({ offset, length, message }) => `[${text.slice(offset, offset + length)}] ${message}`,
  );
}

const QUOTES = 'arguments stand in backticks or double quotes';

test.each([
  ['Host(a.localhost)', `[a.localhost] ${QUOTES}; write \`a.localhost\``],
  ['Host( a.localhost )', `[a.localhost] ${QUOTES}; write \`a.localhost\``],
  ['PathPrefix(/api)', `[/api] ${QUOTES}; write \`/api\``],
  ['PathPrefix(api)', `[api] ${QUOTES}; write \`/api\``],
  ['Host(a.localhost:8000)', `[a.localhost:8000] ${QUOTES}; write \`a.localhost\``],
  ['Host(a, b)', `[Host(a, b] ${QUOTES}; write Host(\`a\`) || Host(\`b\`)`],
  ['Header(X-A, b c)', `[Header(X-A, b c] ${QUOTES}; write Header(\`X-A\`, \`b c\`)`],
  ['PathRegexp(^/(a|b)$)', `[^/(a|b)$] ${QUOTES}; write \`^/(a|b)$\``],
  ['Host(a`)', `[a\`] ${QUOTES}; write \`a\``],
  ['Host(a) && (Path(/) || Path(`/x`))', `[a] ${QUOTES}; write \`a\``, `[/] ${QUOTES}; write \`/\``],
  ['Host:foo.com;PathPrefix:/bar', '[Host:foo.com;PathPrefix:/bar] this is a rule of Traefik 1; write Host(`foo.com`) && PathPrefix(`/bar`)'],
  ['Host:a.com,b.com', '[Host:a.com,b.com] this is a rule of Traefik 1; write (Host(`a.com`) || Host(`b.com`))'],
  ['HostRegexp:{sub:[a-z]+}.a.com', '[HostRegexp:{sub:[a-z]+}.a.com] this is a rule of Traefik 1; rules look like Host(`example.com`)'],
  ['app.example.com', '[app.example.com] a name alone is no rule; write Host(`app.example.com`)'],
  ['/api', '[/api] a path alone is no rule; write PathPrefix(`/api`)'],
])('%j has these errors and no others', (text, ...expected) => {
  expect(said(text)).toEqual(expected);
}); // prettier-ignore

test('rules of TCP are told of in their own words', () => {
  expect(parseRule('HostSNI(*)', TCP_RULES).errors.map(({ message }) => message)).toEqual([`${QUOTES}; write \`*\``]);
  expect(parseRule('db.example.com', TCP_RULES).errors.map(({ message }) => message)).toEqual([
    'a name alone is no rule; write HostSNI(`db.example.com`)',
  ]);
});

/** What a message says to write, last in it. */
function suggestion(message: string): string | null {
  return /; write (.+)$/.exec(message)?.[1] ?? null;
}

test('what an error says to write is taken, and the error is gone', () => {
  const argument = fc.constantFrom(
    'a.test', '`a.test`', '"a.test"', "'a.test'", '/api', '`/api`', 'api', '`api`', 'a.test:80', '`a.test:80`', '*', '`*.a.test`',
    'GET', '`bücher.test`', '`/u/{id:[0-9]+}`', '10.0.0.0/8', '`a=b`', 'X-A', '^a$', '`^[a-z]+$`', "'/x'", '`{n:[a-z]+}.test`',
  ); // prettier-ignore
  const name = fc.constantFrom('Host', 'Path', 'PathPrefix', 'Method', 'Header', 'Headers', 'Query', 'ClientIP', 'hostRegexp', 'HostRegexp', 'Paht', 'HostSNI');
  const matcher = fc
    .tuple(name, fc.array(argument, { minLength: 1, maxLength: 2 }))
    .map(([one, args]) => `${one}(${args.join(', ')})`);
  const rule = fc
    .array(fc.tuple(fc.constantFrom(' && ', ' || ', ' and ', ' or ', ' & ', ' | '), matcher), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map(([operator, one], index) => (index === 0 ? one : operator + one)).join(''));
  let taken = 0;
  fc.assert(
    fc.property(rule, (text) => {
      for (const { message, offset, length } of parseRule(text).errors) {
        const instead = suggestion(message);
        if (instead === null) continue;
        taken++;
        // A name, an operator, or an argument with its quotes; or a whole call for one that is named.
        const bare = /^"(.*)"$/.exec(instead)?.[1] ?? instead;
        const forms = [instead, bare, `\`${bare}\``];
        const end = instead.includes('(') ? closing(text, offset, length) : offset + length;
        const isGone = forms.some((form) =>
          parseRule(text.slice(0, offset) + form + text.slice(end)).errors.every(
            (other) => other.offset < offset || other.offset > offset + form.length || other.message !== message,
          ),
        );
        expect(isGone, `${text}: ${message}`).toBe(true);
      }
    }),
    { numRuns: 500, seed: 11 },
  );
  expect(taken).toBeGreaterThan(200);
}); // prettier-ignore

/** Where the call ends that the place is of. */
function closing(text: string, offset: number, length: number): number {
  const end = offset + length;
  return text[end - 1] === ')' ? end : text.indexOf(')', end) + 1;
}

test.each([
  ['Path(`/foo?x=1`)', '[`/foo?x=1`] no path holds a "?": what follows it is the query; write Path(`/foo`) && Query(`x`, `1`)'],
  ['Path(`/foo#x`)', '[`/foo#x`] no path holds a "#": clients keep what follows it to themselves'],
  ['PathPrefix(`/api/*`)', '[`/api/*`] a star stands for itself in paths; write PathPrefix(`/api/`)'],
  ['Path(`/api/.*`)', '[`/api/.*`] a star stands for itself in paths; write PathPrefix(`/api/`)'],
  ['Path(`/u/[0-9]+`)', '[`/u/[0-9]+`] this is a pattern, and Path compares texts; write PathRegexp(`^/u/[0-9]+$`)'],
  ['Host(`e`) && Host(`f`)', '[`f`] never true together with Host(`e`): a request has one host; join alternatives with ||'],
  ['Method(`GET`) && (Method(`PUT`) && Path(`/`))', '[`PUT`] never true together with Method(`GET`): a request has one method; join alternatives with ||'],
  ['Path(`/a`) && PathPrefix(`/b`)', '[`/b`] never true together with Path(`/a`), which begins otherwise; join alternatives with ||'],
  ['HostRegexp(`example.com`)', '[`example.com`] the pattern is found anywhere in a name, so that others that only contain it match as well; write `^example\\.com$`'],
])('%j is doubted', (text, expected) => {
  const { rule, errors, doubts } = parseRule(text);
  expect([rule === null, errors]).toEqual([false, []]);
  expect(doubts.map(({ offset, length, message }) => `[${text.slice(offset, offset + length)}] ${message}`)).toEqual([expected]);
}); // prettier-ignore

test.each([
  'Host(`a`) || Host(`b`)', 'Host(`a`) && !Host(`b`)', '!(Host(`a`) || Host(`b`))', 'Path(`/a`) && PathPrefix(`/`)', 'PathPrefix(`/{id}`)',
  'HostRegexp(`^a\\.test$`)', 'HostRegexp(`.+\\.test$`)', 'Path(`/a.b-c_d~e/f+g`)', 'Method(`get`)', 'Path(`/C++/x`)', 'Path(`/$metadata`)',
])('%j is not doubted', (text) => {
  expect(parseRule(text)).toMatchObject({ errors: [], doubts: [] });
}); // prettier-ignore
