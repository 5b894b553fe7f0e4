// What certificate authorities are answered with, over HTTP and in a handshake.

import { expect, test } from 'vitest';
import { selfSigned } from '../../core/x509/self-signed.ts';
import { ACME_TLS, CHALLENGE_PATH, Challenges } from './challenges.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';

function ask(challenges: Challenges, token: string, mode: 'all' | 'own', method = 'GET'): readonly unknown[] {
  const { exchange, client } = exchangeFor(method);
  exchange.path = CHALLENGE_PATH + token;
  return [challenges.answer(exchange, mode), ...client.noted(), exchange.routerName];
}

test('a token is answered with its key, to GET and HEAD alone', () => {
  const challenges = new Challenges();
  challenges.set({ token: 'token.key' }, []);
  const router = 'acme-http@internal';
  expect(ask(challenges, 'token', 'own')).toEqual([true, '(begin 200)', 'token.key', '(end)', router]);
  expect(ask(challenges, 'token', 'all', 'HEAD')).toEqual([true, '(begin 200)', '(end)', router]);
  expect(ask(challenges, 'token', 'own', 'POST')).toEqual([
    true,
    '(begin 405)',
    'Method Not Allowed\n',
    '(end)',
    router,
  ]);
});

test('a token that nobody waits for is the routers’, unless all are answered here', () => {
  const challenges = new Challenges();
  challenges.set({ token: 'token.key' }, []);
  expect(ask(challenges, 'other', 'own')).toEqual([false, '']);
  expect(ask(challenges, 'other', 'all').slice(0, 2)).toEqual([true, '(begin 404)']);
  challenges.set({}, []);
  expect(ask(challenges, 'token', 'own')).toEqual([false, '']);
});

test('a certificate is shown to who offers the protocol of the challenge alone', () => {
  const challenges = new Challenges();
  expect([challenges.awaitsHandshake, challenges.choose('a.test', [ACME_TLS])]).toEqual([false, null]);
  const { certificate, key } = selfSigned({ commonName: 'a.test', hosts: ['a.test'], nowMs: Date.now(), days: 1 });
  challenges.set({}, [{ serverName: 'a.test', certPem: certificate, keyPem: key }]);
  expect(challenges.awaitsHandshake).toBe(true);
  expect(challenges.choose('a.test', [ACME_TLS])?.options.protocols).toEqual([ACME_TLS]);
  expect(challenges.choose('b.test', [ACME_TLS])).toBeNull();
  expect(challenges.choose('a.test', ['h2', ACME_TLS])).toBeNull();
  expect(challenges.choose('a.test', ['h2'])).toBeNull();
});
