// basicAuth through the built program.

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

// Made with openssl passwd and htpasswd -s; passwords beside them.
const USERS = [
  'sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', // secret
  'ann:$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1', // secret
  'bob:$apr1$abc$mYnnIGRjewrYv2kWWt5kW1', // pass:word
  'jürg:$5$abc$aL.N5lVkUKam7ZtxqIKGCQ8xeNPVGPyQuFXY6O3X1X4', // gehäim
];
/** About a second for each check. */
const SLOW =
  '$6$rounds=1000000$abc$s4figkutd93uUylFcsF.4/SNe6PBy.5N7.0/.JjwSNcMopn9LRe8MSZJcCQTqb0Tw6X/7tVG44s5B0agkkN5T/';

const { origin, web } = await startLab((originPort) => ({
  install: installWithMiddlewares(
    originPort,
    {
      basic: { basicAuth: { users: USERS } },
      options: { basicAuth: { users: USERS, realm: 'the "shop"', removeHeader: true, headerField: 'X-User' } },
      file: {
        basicAuth: {
          users: ['sha:{SHA}invalid/invalid/invalid/inv=', 'ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='],
          usersFile: 'DIR/users',
        },
      },
      out: { headers: { customResponseHeaders: { 'X-Out': 'out' } } },
    },
    { both: ['out', 'basic'] },
  ),
  files: { users: `# comment\n\n ${USERS[0]} \n` },
}));

function basic(credentials: string, scheme = 'Basic'): string {
  return `Authorization: ${scheme} ${Buffer.from(credentials).toString('base64')}\r\n`;
}

function login(name: string, fields: string): Promise<RawResponse> {
  return ask(web, name, '/', { fields });
}

test.each(['sha:secret', 'ann:secret', 'bob:pass:word', 'jürg:gehäim'])('%s gets in, also the second time', async (credentials) => {
  expect((await login('basic', basic(credentials))).status).toBe(200);
  expect((await login('basic', basic(credentials, 'bAsIc'))).status).toBe(200);
}); // prettier-ignore

test.each([
  '',
  basic('ann:wrong'),
  basic('sha:wrong'),
  basic('nobody:secret'),
  basic('ann:'),
  basic(':secret'),
  basic('annsecret'),
  basic('ann:secret', 'Digest'),
  'Authorization: Basic\r\n',
  'Authorization: Basic YW5uOnNl*3JldA==\r\n',
  basic(`ann:${'x'.repeat(2000)}`),
])('%j does not', async (fields) => {
  const response = await login('basic', fields);
  expect([response.status, response.body]).toEqual([401, '401 Unauthorized\n']);
  expect(field(response, 'WWW-Authenticate')).toBe('Basic realm="traefik"');
  expect(origin.connections).toHaveLength(0);
});

test('two Authorization fields are refused, whatever they hold', async () => {
  expect((await login('basic', basic('ann:secret') + basic('ann:secret'))).status).toBe(400);
  expect((await login('basic', `authorization: x\r\n${basic('ann:secret')}`)).status).toBe(400);
  expect(origin.connections).toHaveLength(0);
});

test('passes the field on unless told otherwise, and the user’s name where asked', async () => {
  await login('basic', basic('ann:secret'));
  expect(origin.received).toContain('Authorization: Basic YW5uOnNlY3JldA==\r\n');
  expect(origin.received).not.toMatch(/x-user/i);
  await login('options', `x-user: forged\r\n${basic('jürg:gehäim')}`);
  const last = origin.received.slice(origin.received.lastIndexOf('GET '));
  expect(last).not.toMatch(/authorization|forged/i);
  expect(Buffer.from(last, 'latin1').toString()).toContain('X-User: jürg\r\n');
});

test('the realm is quoted, and other stages see the answer', async () => {
  expect(field(await login('options', ''), 'WWW-Authenticate')).toBe('Basic realm="the \\"shop\\""');
  expect(field(await login('both', ''), 'X-Out')).toBe('out');
});

test('a body that waits for the password is delivered whole', async () => {
  origin.respond = (connection) => {
    if (connection.received.endsWith('hello'))
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const client = await RawClient.connect(web);
  client.send(`POST / HTTP/1.1\r\nHost: basic.test\r\n${basic('bob:pass:word2')}Content-Length: 5\r\n\r\nhello`);
  expect((await client.response()).status).toBe(401);
  client.send(`POST / HTTP/1.1\r\nHost: basic.test\r\n${basic('bob:pass:word')}Content-Length: 5\r\n\r\nhel`);
  client.send('lo');
  expect((await client.response()).status).toBe(200);
  client.socket.destroy();
});

test('the file counts where a user is in both places', async () => {
  expect((await login('file', basic('sha:secret'))).status).toBe(200);
  expect((await login('file', basic('ann:secret'))).status).toBe(200);
});

test('a flood of guesses is answered 503 and holds nobody up', async () => {
  const install = installWithMiddlewares(origin.port, {
    slow: { basicAuth: { users: [`ann:${SLOW}`] } },
    other: { headers: { frameDeny: true } },
  });
  await using flooded = await startRouter({ install });
  const port = flooded.ports['web']!;
  const clients: RawClient[] = [];
  for (let index = 0; index < 65; index++) {
    const client = await RawClient.connect(port);
    client.send(`GET / HTTP/1.1\r\nHost: slow.test\r\n${basic(`ann:${index}`)}\r\n`);
    clients.push(client);
  }
  const answered = await Promise.race(clients.map((client) => client.response()));
  expect(answered.status).toBe(503);
  expect((await ask(port, 'other', '/')).status).toBe(200);
  for (const { socket } of clients) socket.destroy();
  // Nor does it hold up the end.
  flooded.signal('SIGTERM');
  expect(await flooded.exited).toBe(0);
});

test('a users file is watched, and one that breaks leaves the users that it had', async () => {
  const routing = `http:
  routers: { r: { rule: "PathPrefix(\`/\`)", service: s, middlewares: [auth] } }
  middlewares: { auth: { basicAuth: { usersFile: DIR/conf-users } } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`;
  await using watching = await startRouter({
    install: 'entryPoints: { web: { address: "127.0.0.1:0" } }\nproviders: { file: { filename: DIR/routing.yml } }\n',
    files: { 'routing.yml': routing, 'conf-users': USERS[0]! },
  });
  const status = async (credentials: string): Promise<number> =>
    (await ask(watching.ports['web']!, 'any', '/', { fields: basic(credentials) })).status;
  const replace = async (text: string): Promise<void> => {
    await writeFile(join(watching.directory, 'new'), text);
    await rename(join(watching.directory, 'new'), join(watching.directory, 'conf-users'));
  };
  expect([await status('sha:secret'), await status('bob:pass:word')]).toEqual([200, 401]);
  await replace(USERS[2]!);
  await watching.sees('version=2 ');
  expect([await status('sha:secret'), await status('bob:pass:word')]).toEqual([401, 200]);
  await replace('bob:hunter2');
  await watching.sees('"auth" goes on as it last was');
  expect([await status('sha:secret'), await status('bob:pass:word'), await status('bob:hunter2')]).toEqual([
    401, 200, 401,
  ]);
  expect(watching.stderr()).toContain('user 1 of the file: the password hash is none of');
  expect(watching.stderr()).not.toContain('hunter2');
});

test('a users file that cannot be read disables the middleware', async () => {
  const install = installWithMiddlewares(origin.port, { auth: { basicAuth: { usersFile: 'DIR/nothing' } } });
  await using other = await startRouter({ install });
  expect((await ask(other.ports['web']!, 'auth', '/')).status).toBe(503);
  expect(other.stderr()).toMatch(/the file "\S+nothing" cannot be read: ENOENT/);
});
