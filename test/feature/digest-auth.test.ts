// digestAuth through the built program, with workers that have to believe each other.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import type { RawResponse } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

/** MD5 of ann:traefik:secret. */
const ANN = 'ann:traefik:e008efc4676c740d22dfb8460b00c71f';

const { origin, web } = await startLab((originPort) => ({
  install: installWithMiddlewares(originPort, {
    digest: { digestAuth: { users: [ANN, 'ann:other:00000000000000000000000000000000'] } },
    second: { digestAuth: { users: [ANN] } },
    options: {
      digestAuth: {
        users: [
          'jürg:my realm:4a74957151eb814308b3a160d53353a7'.toUpperCase().replace('JÜRG:MY REALM', 'jürg:my realm'),
        ],
        realm: 'my realm',
        removeHeader: true,
        headerField: 'X-User',
      },
    },
  }),
  workers: 2,
}));

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string;
  readonly isStale: boolean;
}

function challengeOf(response: RawResponse): Challenge {
  expect(response.status).toBe(401);
  const text = field(response, 'WWW-Authenticate')!;
  const match =
    /^Digest realm="([^"]*)", nonce="([^"]+)", opaque="([0-9a-f]{32})", algorithm=MD5, qop="auth"(, stale=true)?$/.exec(
      text,
    );
  expect(text).toBe(match?.[0]);
  return { realm: match![1]!, nonce: match![2]!, opaque: match![3]!, isStale: match![4] !== undefined };
}

interface Proof {
  readonly user?: string;
  readonly password?: string;
  readonly method?: string;
  readonly uri?: string;
  readonly count?: string;
  readonly qop?: string;
  readonly extra?: string;
}

function proof(challenge: Challenge, given: Proof = {}): string {
  const { user = 'ann', password = 'secret', method = 'GET', uri = '/a?b=1', count = '00000001', qop = 'auth' } = given;
  const ha1 = md5(`${user}:${challenge.realm}:${password}`);
  const response = md5(`${ha1}:${challenge.nonce}:${count}:c:${qop}:${md5(`${method}:${uri}`)}`);
  const line =
    `Authorization: Digest username="${user}", realm="${challenge.realm}", nonce="${challenge.nonce}", uri="${uri}", ` +
    `qop=${qop}, nc=${count}, cnonce="c", response="${response}", opaque="${challenge.opaque}"${given.extra ?? ''}\r\n`;
  return Buffer.from(line).toString('latin1');
}

async function fresh(name = 'digest'): Promise<Challenge> {
  return challengeOf(await ask(web, name, '/'));
}

async function status(fields: string, name = 'digest', path = '/a?b=1', method = 'GET'): Promise<number> {
  return (await ask(web, name, path, { fields, method })).status;
}

test('who knows the password gets in, at every worker', async () => {
  for (let index = 0; index < 8; index++) expect(await status(proof(await fresh()))).toBe(200);
  const challenge = await fresh();
  for (let count = 1; count < 10; count++) {
    expect(await status(proof(challenge, { count: `0000000${count}` }))).toBe(200);
  }
  expect(await status(proof(await fresh(), { extra: ', algorithm=MD5' }))).toBe(200);
});

test('nobody else does', async () => {
  const challenge = await fresh();
  expect(challenge.isStale).toBe(false);
  for (const wrong of [
    proof(challenge, { password: 'Secret' }),
    proof(challenge, { user: 'bob' }),
    proof(challenge, { qop: 'auth-int' }),
    proof(challenge, { count: '1' }),
    proof(challenge, { extra: ', algorithm=SHA-256' }),
    proof(challenge, { extra: ', nc=00000002' }),
    proof({ ...challenge, opaque: '0'.repeat(32) }),
    proof({ ...challenge, nonce: `${challenge.nonce.slice(0, -1)}${challenge.nonce.endsWith('A') ? 'B' : 'A'}` }),
    proof(await fresh('second')),
    'Authorization: Digest\r\n',
    'Authorization: Basic YW5uOnNlY3JldA==\r\n',
  ]) {
    const response = await ask(web, 'digest', '/a?b=1', { fields: wrong });
    expect(challengeOf(response).isStale).toBe(false);
  }
  expect(await status(proof(challenge), 'digest', '/a?b=1', 'POST')).toBe(401);
  expect(origin.connections).toHaveLength(0);
});

test('credentials for another target, and several of them, are refused', async () => {
  const challenge = await fresh();
  expect(await status(proof(challenge, { uri: '/a' }))).toBe(400);
  expect(await status(proof(challenge), 'digest', '/other')).toBe(400);
  expect(await status(proof(challenge) + proof(challenge))).toBe(400);
  expect(origin.connections).toHaveLength(0);
});

test('a use count counts once: a repeated request is asked for a new proof', async () => {
  await using single = await startRouter({
    install: installWithMiddlewares(origin.port, { digest: { digestAuth: { users: [ANN] } } }),
  });
  const port = single.ports['web']!;
  const challenge = challengeOf(await ask(port, 'digest', '/'));
  const fields = proof(challenge);
  expect((await ask(port, 'digest', '/a?b=1', { fields })).status).toBe(200);
  const again = challengeOf(await ask(port, 'digest', '/a?b=1', { fields }));
  expect([again.isStale, again.nonce === challenge.nonce]).toEqual([true, false]);
  expect((await ask(port, 'digest', '/a?b=1', { fields: proof(again) })).status).toBe(200);
});

test('the service gets the user’s name and not the proof, when told so', async () => {
  const challenge = await fresh('options');
  expect(challenge.realm).toBe('my realm');
  expect(await status(proof(challenge, { user: 'jürg', password: 'geheim' }), 'options')).toBe(200);
  expect(origin.received).not.toMatch(/authorization/i);
  expect(Buffer.from(origin.received, 'latin1').toString()).toContain('X-User: jürg\r\n');
  await status(proof(await fresh()));
  expect(origin.received).toContain('Authorization: Digest username="ann"');
});
