import { expect, test } from 'vitest';
import type { TlsSession } from '../tls/tls-acceptor.ts';
import { identityOf, type ClientInfo } from './client-info.ts';
import { Exchange, type Downstream } from './exchange.ts';

const SESSION: TlsSession = {
  serverName: 'a.example',
  options: 'default',
  version: '1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  protocol: 'h2',
  clientSubject: 'CN=alice',
  isClientVerified: true,
};

function exchangeOf(tls: TlsSession | null): Exchange {
  const client: ClientInfo = {
    ip: '10.0.0.1', port: 1, scheme: 'https', tls, identity: identityOf(tls), isTrusted: false, bonds: null,
  }; // prettier-ignore
  return new Exchange({} as Downstream, client); // Nothing is sent to it.
}

test('a certificate shows who its client is, once somebody has checked who issued it', () => {
  expect(identityOf(SESSION)).toEqual({ name: 'CN=alice', proof: 'certificate', claims: {} });
  expect(identityOf({ ...SESSION, isClientVerified: false })).toBe(null);
  expect(identityOf({ ...SESSION, clientSubject: '' })).toBe(null);
  expect(identityOf(null)).toBe(null);
});

test('a request is its connection’s, until a middleware knows better; the access log names users alone', () => {
  const exchange = exchangeOf(SESSION);
  expect(exchange.identity).toEqual({ name: 'CN=alice', proof: 'certificate', claims: {} });
  expect([exchange.clientUser, exchange.tlsClientSubject]).toEqual(['', 'CN=alice']);
  exchange.identity = { name: 'bob', proof: 'password', claims: {} };
  expect([exchange.clientUser, exchange.tlsClientSubject]).toEqual(['bob', 'CN=alice']);
  expect(exchangeOf(null).clientUser).toBe('');
});
