// What the option schemas of the middlewares say about mistakes.

import { expect, test } from 'vitest';
import { DecodeContext } from '../../schema/decode-context.ts';
import { MIDDLEWARES } from './registry.ts';

/** Severity, place and message of everything there is to say. */
function complaints(kind: string, options: unknown): string[] {
  const definition = MIDDLEWARES.find((one) => one.kind === kind)!;
  const context = new DecodeContext('test.yml', () => null);
  definition.options.decode(options, context);
  return context.diagnostics.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

test.each<[string, unknown]>([
  ['redirectScheme', { scheme: 'https', port: '443', permanent: true }],
  ['redirectRegex', { regex: '^http://(?P<host>.*)/(.*)$', replacement: 'https://${host}/$2$$' }],
  ['addPrefix', { prefix: '/ä%2F' }],
  ['replacePath', { path: '/' }],
  ['replacePath', { path: 'new?x=1' }],
  ['addPrefix', { prefix: 'a b' }],
  ['stripPrefix', { prefixes: [], forceSlash: true }],
  ['stripPrefixRegex', { regex: [] }],
  ['chain', { middlewares: [] }],
  ['compress', true],
  ['compress', { encodings: [], excludedContentTypes: ['image/*'] }],
  ['contentType', 'true'],
  ['errors', { status: [], service: 's', query: 'page {status}?u={url}' }],
  [
    'headers',
    {
      contentSecurityPolicy: "default-src 'self';\n  img-src *\n",
      customResponseHeaders: { 'X-Name': 'ä€', 'X-None': null },
    },
  ],
  ['replacePathRegex', { regex: '^/(a)', replacement: '/$1' }],
  ['stripPrefixRegex', { regex: ['/[a-z]+', '^/x'] }],
  ['ipAllowList', { sourceRange: '10.0.0.0/8, ::1', ipStrategy: { depth: 1, ipv6Subnet: 64 }, rejectStatusCode: 404 }],
  [
    'headers',
    { accessControlAllowOriginList: ['https://a.test', 'null', 'app://x'], accessControlAllowCredentials: true },
  ],
  [
    'headers',
    { stsSeconds: 1, stsPreload: true, allowedHosts: ['a.test:80', '[::1]'], customRequestHeaders: { Host: 'b' } },
  ],
  ['contentType', {}],
  ['encodedCharacters', {}],
  ['requestId', {}],
  ['bodyLimit', { maxRequestBodyBytes: 1 }],
  ['maintenance', { retryAfter: 60, bypass: { sourceRange: ['::1'] } }],
  [
    'basicAuth',
    { users: ['a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='], realm: 'a "b"', removeHeader: true, headerField: 'X-User' },
  ],
  ['digestAuth', { users: ['a:traefik:0123456789abcdef0123456789ABCDEF'] }],
  [
    'compress',
    { encodings: ['br', 'gzip'], defaultEncoding: 'gzip', includedContentTypes: ['text/html; charset=utf-8'] },
  ],
  ['buffering', { maxRequestBodyBytes: 1, maxResponseBodyBytes: 2, memResponseBodyBytes: 0 }],
])('%s takes %j', (kind, options) => {
  expect(complaints(kind, options)).toEqual([]);
});

test.each<[string, object, string]>([
  ['redirectScheme', {}, 'error scheme: this option is required'],
  ['redirectScheme', { scheme: 'https://' }, 'error scheme: expected a scheme such as https'],
  ['redirectScheme', { scheme: 'https', port: 65_536 }, 'error port: the number must be from 1 to 65535'],
  ['redirectRegex', { regex: '(?=a)', replacement: 'x' }, 'error regex: the pattern is no RE2 regular expression'],
  ['redirectRegex', { regex: '(a)', replacement: 'http://b/\r\nX: y' }, 'error replacement: expected text without line breaks'],
  ['redirectRegex', { regex: '(a)', replacement: '/$1x' }, 'warning replacement: the pattern has no group $1x, which stands for nothing; write ${1} when text follows'],
  ['addPrefix', { prefix: '/a%00' }, 'error prefix: the path holds an encoded NUL'],
  ['replacePath', { path: '/a\nb' }, 'error path: the path holds control characters'],
  ['replacePathRegex', { regex: '^/(?P<a>.)', replacement: '/$b' }, 'warning replacement: the pattern has no group $b, which stands for nothing'],
  ['stripPrefixRegex', { regex: ['/a', '('] }, 'warning regex[1]: the pattern is no RE2 regular expression'],
  ['ipAllowList', { sourceRange: [] }, 'error sourceRange: the list is empty'],
  ['ipAllowList', { sourceRange: ['10.0.0.0/33'] }, 'error sourceRange[0]: "10.0.0.0/33" is neither an address nor a network'],
  ['ipAllowList', { sourceRange: ['::1'], rejectStatusCode: 100 }, 'error rejectStatusCode: the number must be from 200 to 599'],
  ['ipAllowList', { sourceRange: ['::1'], ipStrategy: { ipv6Subnet: 129 } }, 'error ipStrategy.ipv6Subnet: the number must be from 1 to 128'],
  ['ipAllowList', { sourceRange: ['::1'], ipStrategy: { depth: 1, excludedIPs: ['::2'] } }, 'warning ipStrategy.excludedIPs: "depth" is given as well and decides alone'],
  ['ipWhiteList', { sourceRange: ['::1'] }, 'warning : ipWhiteList is deprecated'],
  ['ipWhiteList', { sourceRange: ['::1'], rejectStatusCode: 404 }, 'error rejectStatusCode: unknown option'],
  ['headers', { customRequestHeaders: { host: 'a b' } }, 'warning customRequestHeaders.host: "a b" is no host; this entry is left out'],
  ['headers', { customResponseHeaders: { 'Content-Length': '1' } }, 'warning customResponseHeaders.Content-Length: "Content-Length" belongs to the connection'],
  ['headers', { allowedHosts: ['http://a'] }, 'error allowedHosts[0]: "http://a" is no host'],
  ['headers', { accessControlAllowMethods: ['GET POST'] }, 'error accessControlAllowMethods[0]: expected a name without spaces or commas'],
  ['headers', { accessControlAllowOriginListRegex: ['('] }, 'error accessControlAllowOriginListRegex[0]: the pattern is no RE2'],
  ['headers', { accessControlAllowOriginList: ['https://a/'] }, 'warning accessControlAllowOriginList[0]: no browser sends "https://a/" as its origin'],
  ['headers', { accessControlAllowOriginList: ['*'], accessControlAllowCredentials: true }, 'warning accessControlAllowCredentials: "accessControlAllowCredentials" has no effect'],
  ['headers', { stsPreload: true }, 'warning stsPreload: "stsPreload" has no effect: "stsSeconds" is 0'],
  ['headers', { featurePolicy: 'x' }, 'warning featurePolicy: "featurePolicy" is deprecated; permissionsPolicy takes its place'],
  ['contentType', { autoDetect: true }, 'warning autoDetect: "autoDetect" is deprecated'],
  ['requestId', { headerName: 'Connection' }, 'error headerName: "Connection" belongs to the connection'],
  ['bodyLimit', { maxRequestBodyBytes: 0 }, 'error maxRequestBodyBytes: the number must be at least 1'],
  ['maintenance', { contentType: 'a\0b' }, 'error contentType: the value holds control characters'],
  ['maintenance', { bypass: { sourceRange: ['x'] } }, 'error bypass.sourceRange[0]: "x" is neither an address nor a network'],
  ['basicAuth', {}, 'error : there are no users: nobody could get in'],
  ['basicAuth', { users: ['secret'] }, 'error users[0]: a user is written name:hash'],
  ['basicAuth', { users: ['a:secret', 'b:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='] }, 'warning users[0]: the password hash is none of bcrypt ($2y$), {SHA}, $apr1$, $1$, $5$ and $6$; this user cannot log in'],
  ['basicAuth', { users: ['a:$$apr1$$abcdefgh$$0123456789012345678901'] }, 'error users[0]: the dollars of the password hash are doubled'],
  ['basicAuth', { users: ['a:secret'] }, 'error users[0]: the password hash is none of'],
  ['basicAuth', { users: ['a:$2y$31$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC'] }, 'error users[0]: the cost of the bcrypt hash is 31'],
  ['basicAuth', { users: ['a\nb:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='] }, 'error users[0]: the name of the user holds control characters'],
  ['basicAuth', { users: [':{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='] }, 'error users[0]: the user has no name'],
  ['digestAuth', { users: ['a:b', 'c:traefik:0123456789abcdef0123456789abcdef'] }, 'warning users[0]: a user is written name:realm:hash; this user cannot log in'],
  ['digestAuth', { users: ['a:b'] }, 'error users[0]: a user is written name:realm:hash'],
  ['digestAuth', { users: ['a:b:c'] }, 'error users[0]: the hash is not the 32 hexadecimal digits'],
  ['digestAuth', { users: ['a:other:0123456789abcdef0123456789abcdef'] }, 'warning realm: no user is of the realm "traefik"'],
  ['compress', { encodings: ['deflate'] }, 'error encodings[0]: expected one of gzip, br, zstd'],
  ['compress', { encodings: ['br'], defaultEncoding: 'gzip' }, 'error defaultEncoding: "gzip" is not one of "encodings"'],
  ['compress', { includedContentTypes: ['a/b'], excludedContentTypes: ['c/d'] }, 'error excludedContentTypes: "includedContentTypes" and "excludedContentTypes" exclude each other'],
  ['compress', { excludedContentTypes: ['text'] }, 'warning excludedContentTypes[0]: no response has the type "text"'],
  ['ipAllowList', { sourceRange: ['10.0.0.0/33', '::1'] }, 'warning sourceRange[0]: "10.0.0.0/33" is neither an address nor a network; this entry is left out'],
  ['ipAllowList', { sourceRange: ['::1'], ipStrategy: { excludedIPs: ['10.0.0.0/33', '::1'] } }, 'error ipStrategy.excludedIPs[0]: "10.0.0.0/33" is neither'],
  ['stripPrefix', { prefixes: ['x'] }, 'warning prefixes[0]: expected a path that begins with a slash, or it never matches, found "x"; this entry is left out'],
  ['errors', { status: ['400-600'], service: 's' }, 'warning status[0]: statuses are from 100 to 599; 400-599 is taken for 400-600'],
  ['errors', { status: ['600'], service: 's' }, 'error status[0]: statuses are from 100 to 599'],
  ['buffering', {}, 'warning : nothing is limited'],
  ['buffering', { maxRequestBodyBytes: 1, memRequestBodyBytes: 1 }, 'warning memRequestBodyBytes: "memRequestBodyBytes" has no effect'],
  ['buffering', { maxRequestBodyBytes: 1, retryExpression: 'Attempts() < 2' }, 'warning retryExpression: "retryExpression" is not supported yet'],
])('%s says what is wrong with %j', (kind, options, complaint) => {
  const found = complaints(kind, options);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(complaint);
}); // prettier-ignore

test('what is wrong with a user never shows the user', () => {
  for (const kind of ['basicAuth', 'digestAuth']) {
    expect(complaints(kind, { users: ['name-secret', 'x:y:z:secret'] }).join()).not.toContain('secret');
  }
});
