// A server that authenticates connections (NTLM, Negotiate) serves whatever comes on one as its user: no other client
// may get there, whoever spoke first, and the user has to.

import http2 from 'node:http2';
import { beforeEach, describe, expect, test } from 'vitest';
import { startAuthenticatingOrigin } from '../support/authenticating-origin.ts';
import { forFile } from '../support/lab.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

const clients: RawClient[] = [];

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  clients.push(client);
  return client;
}

function ask(client: RawClient, credentials = '', path = '/'): Promise<RawResponse> {
  const field = credentials === '' ? '' : `Authorization: ${credentials}\r\n`;
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${field}\r\n`);
  return client.response();
}

function connectionOf({ head }: RawResponse): string {
  return /X-Connection: (\d+)/.exec(head)![1]!;
}

async function logIn(client: RawClient, user: string): Promise<RawResponse> {
  const challenge = await ask(client, 'NTLM one');
  expect(challenge.status).toBe(401);
  const answer = await ask(client, `NTLM three:${user}`);
  expect([answer.status, answer.body]).toEqual([200, user]);
  expect(connectionOf(answer)).toBe(connectionOf(challenge));
  return answer;
}

const routing = (services: string): string => `
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: app } }
  services:
${services}
`;
const entry = 'entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }\n';

const origin = await forFile(startAuthenticatingOrigin(['Negotiate', 'NTLM']));
const other = await forFile(startAuthenticatingOrigin(['Basic realm="a, b", nTlM', 'Bearer']));
const server = `servers: [{ url: "http://127.0.0.1:${origin.port}" }]`;
const router = await forFile(
  startRouter({
    install: entry + routing(`    app: { loadBalancer: { ${server} } }`),
  }),
);
const port = router.ports['web']!;
const narrow = await forFile(
  startRouter({
    install: `${entry}serversTransport: { maxConnsPerHost: 1 }\n${routing(`    app: { loadBalancer: { ${server} } }`)}`,
  }),
);
beforeEach(() => {
  for (const { socket } of clients.splice(0)) socket.destroy();
});

test('what one client has logged in to answers no other', async () => {
  const alice = await connect(port);
  expect((await ask(alice)).status).toBe(401);
  await logIn(alice, 'alice');
  const nobody = await connect(port);
  expect((await ask(nobody)).status).toBe(401);
  expect((await ask(alice)).body).toBe('alice');
});

test.each(['NTLM three', 'Negotiate', 'negotiate', 'NEGOTIATE'])(
  'credentials that nobody has asked for (%s) bind the connection as well',
  async (scheme) => {
    const alice = await connect(port);
    if (scheme.startsWith('NTLM')) await logIn(alice, 'alice');
    else expect((await ask(alice, `${scheme} alice`)).body).toBe('alice');
    const others = await Promise.all(Array.from({ length: 4 }, () => connect(port)));
    const answers = await Promise.all(others.map((client) => ask(client)));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
  },
);

test('eight users who log in at once are each served as themselves', async () => {
  const users = Array.from({ length: 8 }, (_, index) => `user${index}`);
  const seen = await Promise.all(
    users.map(async (user) => {
      const client = await connect(port);
      await logIn(client, user);
      const answers = [await ask(client), await ask(client), await ask(client)];
      return answers.map(({ body }) => body);
    }),
  );
  expect(seen).toEqual(users.map((user) => [user, user, user]));
});

test('a connection ends with its client', async () => {
  const alice = await connect(port);
  await logIn(alice, 'alice-who-leaves');
  expect(origin.users()).toContain('alice-who-leaves');
  alice.socket.destroy();
  await origin.until(() => !origin.users().includes('alice-who-leaves'));
});

test('when the server closes it, the client is nobody again', async () => {
  const bob = await connect(port);
  await logIn(bob, 'bob');
  origin.closeOf('bob');
  await origin.until(() => !origin.users().includes('bob'));
  // The end has reached the router when it opens another connection.
  let answer = await ask(bob);
  while (answer.status === 502) answer = await ask(bob);
  expect(answer.status).toBe(401);
  await logIn(bob, 'bob');
});

test('a request on such a connection is not repeated on another one', async () => {
  const bob = await connect(port);
  await logIn(bob, 'bob');
  const before = origin.connections;
  bob.send('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
  await origin.holds(1);
  origin.closeOf('bob');
  expect((await bob.response()).status).toBe(502);
  expect(origin.connections).toBe(before);
  origin.release();
});

test('what needs no user still shares connections', async () => {
  const before = origin.connections;
  for (let index = 0; index < 5; index++) {
    const client = await connect(port);
    expect((await ask(client, '', '/open')).status).toBe(200);
  }
  expect(origin.connections).toBeLessThanOrEqual(before + 1);
});

test('a challenge among others binds, in several fields and in one', async () => {
  const elsewhere = await startRouter({
    install: entry + routing(`    app: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${other.port}" }] } }`),
  });
  const first = await connect(elsewhere.ports['web']!);
  const refusal = await ask(first);
  const second = await connect(elsewhere.ports['web']!);
  expect(connectionOf(await ask(second))).not.toBe(connectionOf(refusal));
  expect(connectionOf(await ask(first))).toBe(connectionOf(refusal));
  await elsewhere[Symbol.asyncDispose]();
});

describe('over HTTP/2', () => {
  function asker(session: http2.ClientHttp2Session) {
    return (path: string, authorization = ''): Promise<string> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': path, ...(authorization === '' ? {} : { authorization }) });
        let status = 0;
        let body = '';
        stream.on('response', (head) => (status = head[':status']!));
        stream.setEncoding('utf8').on('data', (text: string) => (body += text));
        stream.on('end', () => resolve(`${status} ${body}`));
        stream.on('error', reject);
      });
  }

  test('requests at once wait for the connection that is the user’s', async () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const get = asker(session);
    expect(await get('/', 'NTLM one')).toBe('401 nobody');
    expect(await get('/', 'NTLM three:carol')).toBe('200 carol');
    const held = get('/held');
    await origin.holds(1);
    const waiting = [get('/a'), get('/b'), get('/c')];
    // Credentials of its own take a request elsewhere meanwhile.
    expect(await get('/d', 'Basic x')).toBe('200 nobody');
    origin.release();
    expect(await Promise.all([held, ...waiting])).toEqual(['200 carol', '200 carol', '200 carol', '200 carol']);
    const nobody = await connect(port);
    expect((await ask(nobody)).status).toBe(401);
    session.destroy();
    await origin.until(() => !origin.users().includes('carol'));
  });

  test('what waits goes elsewhere when the connection is gone', async () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const get = asker(session);
    expect(await get('/', 'Negotiate dora')).toBe('200 dora');
    const held = get('/held');
    await origin.holds(1);
    const waiting = get('/a');
    // The waiting request has come when one behind it is answered.
    await get('/b', 'Basic x');
    origin.closeOf('dora');
    expect(await held).toMatch(/^502/);
    expect(await waiting).toBe('401 nobody');
    origin.release();
    session.destroy();
  });
});

test('a client goes back to the server that knows it, whatever the strategy', async () => {
  const two = [origin, other].map((one) => `{ url: "http://127.0.0.1:${one.port}" }`).join(', ');
  const balanced = await startRouter({
    install:
      entry +
      routing(`    app: { weighted: { services: [{ name: pair, weight: 1 }, { name: single, weight: 1 }] } }
    pair: { loadBalancer: { servers: [${two}] } }
    single: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }`),
  });
  for (const user of ['eve', 'frank', 'grace']) {
    const client = await connect(balanced.ports['web']!);
    await logIn(client, user);
    for (let index = 0; index < 6; index++) expect((await ask(client)).body).toBe(user);
  }
  await balanced[Symbol.asyncDispose]();
});

describe('with one connection for all workers', () => {
  test('a user keeps it while others wait, and leaves it when idle', async () => {
    const alice = await connect(narrow.ports['web']!);
    await logIn(alice, 'alice');
    const bob = await connect(narrow.ports['web']!);
    // Waits until Alice has rested for a while.
    const answer = await ask(bob);
    expect(answer.status).toBe(401);
    await logIn(bob, 'bob');
  });

  test('idle connections of nobody are used for a login', async () => {
    const bob = await connect(narrow.ports['web']!);
    expect((await ask(bob, '', '/open')).status).toBe(200);
    await logIn(bob, 'bob');
  });
});

test('a change of other parts of the configuration leaves users who they are', async () => {
  const app = (weight: number): string =>
    routing(`    app: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}", weight: ${weight} }] } }`);
  const changing = await startRouter({
    install: `${entry}providers: { file: { filename: DIR/routing.yml } }\n`,
    files: { 'routing.yml': app(1) },
  });
  const { writeFile } = await import('node:fs/promises');
  const client = await connect(changing.ports['web']!);
  await logIn(client, 'heidi');
  await writeFile(`${changing.directory}/routing.yml`, app(2));
  await changing.sees(/version=2 /);
  expect((await ask(client)).body).toBe('heidi');
  await changing[Symbol.asyncDispose]();
});
