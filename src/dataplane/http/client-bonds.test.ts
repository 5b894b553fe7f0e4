import { expect, test } from 'vitest';
import {
  challengesConnection,
  CREDENTIALS_NONE,
  CREDENTIALS_OF_CONNECTION,
  CREDENTIALS_OF_REQUEST,
  ClientBonds,
  credentialsOf,
} from './client-bonds.ts';
import { HeaderList } from './message/header-list.ts';

function credentials(...values: string[]): number {
  const headers = new HeaderList();
  for (const value of values) headers.append('Authorization', value);
  return credentialsOf(headers);
}

test('schemes of connections are told from those of requests', () => {
  expect(credentials()).toBe(CREDENTIALS_NONE);
  for (const value of ['NTLM abc', 'ntlm', 'Negotiate YII=', 'nEgotiate\tx']) {
    expect([value, credentials(value)]).toEqual([value, CREDENTIALS_OF_CONNECTION]);
  }
  for (const value of ['Basic abc', 'Bearer NTLM', 'NTLMv9 a', 'Negotiated x', '']) {
    expect([value, credentials(value)]).toEqual([value, CREDENTIALS_OF_REQUEST]);
  }
  expect(credentials('Basic a', 'NTLM b')).toBe(CREDENTIALS_OF_CONNECTION);
});

test('a challenge is found wherever it stands', () => {
  for (const value of [
    'NTLM',
    'Negotiate',
    'negotiate abc==',
    'Basic realm="x", NTLM',
    'Bearer,Negotiate',
    'NTLM, Basic',
  ]) {
    expect([value, challengesConnection(value)]).toEqual([value, true]);
  }
  for (const value of ['Basic realm="NTLM"', 'Bearer', 'Digest x=Negotiate', 'NTLMv9']) {
    expect([value, challengesConnection(value)]).toEqual([value, false]);
  }
});

test('all that a client has ends with it, also what ends something itself', () => {
  const bonds = new ClientBonds();
  const seen: string[] = [];
  const [a, b] = [{}, {}];
  bonds.add(a, { clientGone: () => (seen.push('a'), bonds.remove(a)) });
  bonds.add(b, { clientGone: () => (seen.push('b'), bonds.remove(b)) });
  expect(bonds.find((server) => (server === b ? b : null))).toBe(b);
  bonds.dissolve();
  bonds.dissolve();
  expect(seen).toEqual(['a', 'b']);
});
