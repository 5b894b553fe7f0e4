// The middlewares that change the path, through the built program.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, installWithMiddlewares } from '../support/middlewares.ts';

const { origin, router, web } = await startLab((originPort) =>
  installWithMiddlewares(
    originPort,
    {
      add: { addPrefix: { prefix: '/api%2Fv1/ü' } },
      strip: { stripPrefix: { prefixes: ['/ü', '/shop'] } },
      fixed: { replacePath: { path: '/new-pläce%2F' } },
      regex: { replacePathRegex: { regex: ' ^/api/(\\w+)/(.*) ', replacement: ' /x/$2?$1 ' } },
      slashes: { replacePathRegex: { regex: '^/v1(.*)$', replacement: '/api/$1' } },
      bare: { replacePathRegex: { regex: '^/b/(.*)$', replacement: '$1' } },
      split: { replacePathRegex: { regex: '^/s/(.*)$', replacement: '/.$1' } },
      none: { replacePathRegex: { regex: '^/.*$', replacement: '' } },
      area: { stripPrefixRegex: { regex: ['^/nothing', '/[a-zä ]+/[0-9]+', '^/only'] } },
    },
    { twice: ['regex', 'fixed'] },
  ),
);
const trusted = router.ports['trusted']!;

/** Target and the fields about paths that the origin got; the status instead when it got nothing. */
async function sent(name: string, path: string, fields = '', port = web): Promise<readonly (string | number)[]> {
  const { status } = await ask(port, name, path, { fields });
  const { received } = origin;
  for (const { socket } of origin.connections) socket.destroy();
  origin.connections.length = 0;
  if (received === '') return [status];
  const told = [...received.matchAll(/\r\n(?:X-Replaced-Path|X-Forwarded-Prefix): (.*)(?=\r\n)/gi)];
  return [/^\S+ (\S+) /.exec(received)![1]!, ...told.map((match) => match[1]!)];
}

test('prefixes are added and taken off in the form they are sent in', async () => {
  expect(await sent('add', '/x')).toEqual(['/api%2Fv1/%C3%BC/x']);
  expect(await sent('strip', '/%c3%bc/x')).toEqual(['/x', '/%C3%BC']);
  expect(await sent('strip', '/shopping')).toEqual(['/ping', '/shop']);
  expect(await sent('strip', '/shop')).toEqual(['/', '/shop']);
  expect(await sent('strip', '/other')).toEqual(['/other']);
});

test('replacePath keeps the query and reports the path asked for', async () => {
  expect(await sent('fixed', '/old/%7ea')).toEqual(['/new-pl%C3%A4ce%2F', '/old/~a']);
  expect(await sent('fixed', '/old?a=b')).toEqual(['/new-pl%C3%A4ce%2F?a=b', '/old']);
});

test('replacePathRegex replaces, trims its options and encodes what would end the path', async () => {
  expect(await sent('regex', '/api/users/a%20b?q=1')).toEqual(['/x/a%20b%3Fusers?q=1', '/api/users/a%20b']);
  expect(await sent('regex', '/other')).toEqual(['/other']);
  expect(await sent('none', '/any')).toEqual(['/any']);
  expect(await sent('bare', '/b/c')).toEqual(['/c', '/b/c']);
});

test('a replaced path is as normal as the one before it', async () => {
  expect(await sent('slashes', '/v1/users')).toEqual(['/api/users', '/v1/users']);
  expect(await sent('split', '/s/./x')).toEqual(['/.x', '/s/x']);
  // `/.` and `%2e`, decoded on arrival, would make `/..`: resolved before the origin sees it.
  expect(await sent('split', '/s/%2ex')).toEqual(['/..x', '/s/.x']);
  expect(await sent('split', '/s/;a')).toEqual([400]);
});

test('replacing twice reports twice, and nobody else reports', async () => {
  const fields = 'X-Replaced-Path: /forged\r\nX_Replaced_Path: /forged\r\n';
  expect(await sent('twice', '/api/a/b', fields)).toEqual(['/new-pl%C3%A4ce%2F', '/api/a/b', '/x/b%3Fa']);
  expect(await sent('fixed', '/a', 'X-Replaced-Path: /earlier\r\n', trusted)).toEqual([
    '/new-pl%C3%A4ce%2F',
    '/earlier',
    '/a',
  ]);
});

test('stripPrefixRegex takes off what the first pattern finds at the begin', async () => {
  expect(await sent('area', '/shop/12/cart?x=/shop/1')).toEqual(['/cart?x=/shop/1', '/shop/12']);
  expect(await sent('area', '/%C3%A4%20b/7')).toEqual(['/', '/%C3%A4%20b/7']);
  expect(await sent('area', '/X/shop/12/cart')).toEqual(['/X/shop/12/cart']);
  expect(await sent('area', '/only')).toEqual(['/', '/only']);
});

test('a query goes on as it came, also where it means something to nobody here', async () => {
  expect(await sent('fixed', '/x?a=1;b=%20;;c')).toEqual(['/new-pl%C3%A4ce%2F?a=1;b=%20;;c', '/x']);
});
