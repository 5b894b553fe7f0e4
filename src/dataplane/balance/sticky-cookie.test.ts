import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { StickyCookieSpec } from '../../model/service.ts';
import { Exchange, type Downstream } from '../http/exchange.ts';
import { StickyCookie } from './sticky-cookie.ts';

const KEY = new Uint8Array(32).fill(7);
const SPEC: StickyCookieSpec = {
  name: 'lb',
  secure: false,
  httpOnly: false,
  sameSite: null,
  maxAgeSeconds: 0,
  path: '/',
  domain: '',
  secret: '',
};
const URLS = ['http://10.0.0.1:80', 'http://10.0.0.2:80'];

function cookies(spec: Partial<StickyCookieSpec> = {}, key = KEY, scope = 's@file'): StickyCookie<string> {
  const targets = URLS.map((url) => ({ target: url, key: url, plainKey: url }));
  return new StickyCookie({ ...SPEC, ...spec }, key, scope, targets);
}

function request(cookie?: string): Exchange {
  const exchange = new Exchange({} as Downstream, {
    ip: '10.9.9.9',
    port: 1,
    scheme: 'http',
    tls: null,
    isTrusted: false,
    bonds: null,
    identity: null,
  });
  if (cookie !== undefined) exchange.requestHeaders.append('Cookie', cookie);
  return exchange;
}

/** The Set-Cookie value a client is told. */
function told(exchange: Exchange): string | undefined {
  exchange.runResponseHooks();
  return exchange.responseHeaders.get('set-cookie');
}

function valueFor(sticky: StickyCookie<string>, url: string): string {
  const exchange = request();
  sticky.assign(exchange, url);
  return told(exchange)!.split(';')[0]!.slice('lb='.length);
}

test('the value brings the client back and says nothing of the server', () => {
  const sticky = cookies();
  for (const url of URLS) {
    const value = valueFor(sticky, url);
    expect(value).toMatch(/^[\w-]{22}$/);
    for (const algorithm of ['sha256', 'sha1', 'md5']) {
      const plain = createHash(algorithm).update(url).digest();
      expect(plain.toString('base64url')).not.toContain(value.slice(0, 8));
      expect(plain.toString('hex')).not.toContain(value.slice(0, 8));
    }
    expect(sticky.find(request(`lb=${value}`))).toBe(url);
  }
});

test('another key, another service: another value, which means nothing here', () => {
  const value = valueFor(cookies(), URLS[0]!);
  expect(cookies({}, new Uint8Array(32).fill(8)).find(request(`lb=${value}`))).toBeNull();
  expect(cookies({}, KEY, 'other@file').find(request(`lb=${value}`))).toBeNull();
  expect(cookies({ secret: 'shared' }).find(request(`lb=${value}`))).toBeNull();
});

test('a changed list of servers keeps the values of those that stay', () => {
  const before = cookies();
  const targets = [...URLS, 'http://10.0.0.3:80'].map((url) => ({ target: url, key: url, plainKey: url }));
  const after = new StickyCookie(SPEC, KEY, 's@file', targets, before);
  const secret = new StickyCookie({ ...SPEC, secret: 'other' }, KEY, 's@file', targets, before);
  for (const url of URLS) {
    expect(valueFor(after, url)).toBe(valueFor(before, url));
    expect(valueFor(secret, url)).not.toBe(valueFor(before, url));
  }
});

test('the same secret means the same in every process', () => {
  const one = cookies({ secret: 'shared' }, new Uint8Array(32).fill(1));
  const other = cookies({ secret: 'shared' }, new Uint8Array(32).fill(2));
  expect(other.find(request(`lb=${valueFor(one, URLS[1]!)}`))).toBe(URLS[1]);
});

test('the value of Traefik is accepted and replaced', () => {
  const sticky = cookies();
  const traefik = createHash('sha256').update(URLS[1]!).digest('hex').slice(0, 16);
  const exchange = request(`lb=${traefik}`);
  expect(sticky.find(exchange)).toBe(URLS[1]);
  expect(told(exchange)).toBe(`lb=${valueFor(sticky, URLS[1]!)}; Path=/`);
});

test('the cookie is found among others, quoted or in a field of its own', () => {
  const sticky = cookies();
  const value = valueFor(sticky, URLS[0]!);
  for (const text of [`a=1; lb=${value}`, `lb=${value}; b=2`, `a=lb; lb="${value}"`, `xlb=zzz;lb=${value}`]) {
    expect([text, sticky.find(request(text))]).toEqual([text, URLS[0]]);
  }
  const two = request('a=1');
  two.requestHeaders.append('Cookie', `lb=${value}`);
  expect(sticky.find(two)).toBe(URLS[0]);
  for (const text of ['', 'lb', 'lb=', `xlb=${value}`, `LB=${value}`, `lb=${value}x`, ';;;', '=', `lb =${value}`]) {
    expect([text, sticky.find(request(text))]).toEqual([text, null]);
  }
});

test('every attribute is sent as configured', () => {
  const line = (spec: Partial<StickyCookieSpec>): string => {
    const sticky = cookies(spec);
    const exchange = request();
    sticky.assign(exchange, URLS[0]!);
    return told(exchange)!.replace(/=[\w-]{22}/, '=V');
  };
  expect(line({ path: '/shop', domain: 'shop.test', secure: true, httpOnly: true, sameSite: 'none' })).toBe(
    'lb=V; Path=/shop; Domain=shop.test; HttpOnly; Secure; SameSite=None',
  );
  expect(line({ maxAgeSeconds: 60, sameSite: 'lax' })).toBe('lb=V; Path=/; Max-Age=60; SameSite=Lax');
  expect(line({ maxAgeSeconds: -1 })).toBe('lb=V; Path=/; Max-Age=0');
});
