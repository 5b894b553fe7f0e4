// Certificates of the local authority, as the built program serves them.

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NamedOrigin } from '../support/named-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { tlsGet, type TlsAnswer } from '../support/tls-client.ts';

let home: string;
let origin: NamedOrigin;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-home-'));
  origin = await NamedOrigin.start('origin');
});

afterAll(async () => {
  await origin?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

function startLocal(environment: Readonly<Record<string, string>>, more = ''): Promise<RouterProcess> {
  return startRouter({
    environment,
    install: `${more}
entryPoints: { web: { address: "127.0.0.1:0", http: { tls: {} } } }
api: {}
http:
  routers:
    app: { rule: "Host(\`app.localhost\`)", service: origin }
    all: { rule: "PathPrefix(\`/\`)", service: origin }
  services: { origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`,
  });
}

const directory = (): string => join(home, '.local/share/signalbox/authority');

/** As a client asks that trusts this authority, and no other. */
function ask(router: RouterProcess, host: string, ca: string): Promise<TlsAnswer> {
  return tlsGet(router.ports['web']!, { host, ca, rejectUnauthorized: true });
}

test('routers on names of this machine, started at once, serve what one authority vouches for', async () => {
  const environment = { HOME: home };
  const routers = await Promise.all([startLocal(environment), startLocal(environment), startLocal(environment)]);
  try {
    expect(readdirSync(directory()).toSorted()).toEqual(['authority-1.json', 'root.pem']);
    const ca = readFileSync(join(directory(), 'root.pem'), 'utf8');
    for (const router of routers) {
      expect(await ask(router, 'app.localhost', ca)).toMatchObject({ status: 200, subject: 'app.localhost' });
      expect(await ask(router, 'localhost', ca)).toMatchObject({ status: 200, subject: 'localhost' });
      // No server name: the address decides.
      const bare = await tlsGet(router.ports['web']!, {
        host: '127.0.0.1',
        servername: '',
        ca,
        rejectUnauthorized: true,
      });
      expect(bare.subject).toBe('localhost');
      // Names of others have what they had.
      expect(await tlsGet(router.ports['web']!, { host: 'a.example' })).toMatchObject({
        status: 200,
        subject: 'SIGNALBOX DEFAULT CERT',
      });
    }
    const made = routers.filter((router) => router.stderr().includes('a local authority was made'));
    expect(made.length).toBeGreaterThan(0);
  } finally {
    for (const router of routers) await router[Symbol.asyncDispose]();
  }
});

test('another authority in its place is served without a version of the configuration', async () => {
  const own = mkdtempSync(join(tmpdir(), 'signalbox-data-'));
  const router = await startLocal({ XDG_DATA_HOME: own });
  try {
    const place = join(own, 'signalbox/authority');
    const read = (): string => readFileSync(join(place, 'root.pem'), 'utf8');
    const version = async (): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/overview`);
      const { snapshot } = (await answer.json()) as { snapshot: { version: number } }; // The API's own.
      return snapshot.version;
    };
    const first = read();
    const before = await ask(router, 'app.localhost', first);
    const inForce = await version();
    rmSync(place, { recursive: true });
    router.signal('SIGHUP');
    await router.sees('certificates renewed');
    await router.sees('the configuration was read again');
    expect(read()).not.toBe(first);
    const after = await ask(router, 'app.localhost', read());
    expect(after.serial).not.toBe(before.serial);
    expect(await version()).toBe(inForce);
  } finally {
    await router[Symbol.asyncDispose]();
    rmSync(own, { recursive: true });
  }
});

test('without a place for an authority the default certificate stays, and the log says why', async () => {
  await using router = await startLocal({});
  await router.sees('there is no place for a local authority; set HOME, XDG_DATA_HOME or state.directory');
  expect(await tlsGet(router.ports['web']!, { host: 'app.localhost' })).toMatchObject({
    status: 200,
    subject: 'SIGNALBOX DEFAULT CERT',
  });
});

test('a service without a home has it with its state', async () => {
  await using router = await startLocal({}, 'state: { directory: DIR/state }');
  const ca = readFileSync(join(router.directory, 'state/authority/root.pem'), 'utf8');
  expect(await ask(router, 'app.localhost', ca)).toMatchObject({ status: 200, subject: 'app.localhost' });
});

test('the API shows them as it shows others, and no key', async () => {
  await using router = await startLocal({ HOME: home });
  const answer = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/certificates`);
  const text = await answer.text();
  expect(text).not.toContain('PRIVATE KEY');
  const shown = JSON.parse(text) as { commonName: string; issuer: string; status: string }[]; // The API's own.
  expect(shown.map(({ commonName, status }) => `${commonName} ${status}`).toSorted()).toEqual([
    'app.localhost enabled',
    'localhost enabled',
  ]);
  expect(shown[0]!.issuer).toMatch(/^CN=Signalbox Local Authority /);
});

test('however many processes ask for other names at once, the authority certifies all of them', async () => {
  const place = join(mkdtempSync(join(tmpdir(), 'signalbox-names-')), 'authority');
  const module = new URL('../../dist/controlplane/local-authority/authority-directory.js', import.meta.url).href;
  const program = `
    const { openAuthority } = await import(${JSON.stringify(module)});
    for (let index = 0; index < 5; index++) openAuthority(process.argv[1], [process.argv[2] + index + '.test'], Date.now());
  `;
  const letters = ['a', 'b', 'c', 'd', 'e'];
  try {
    const run = promisify(execFile);
    await Promise.all(
      letters.map((letter) => run(process.execPath, ['--input-type=module', '-e', program, place, letter])),
    );
    const [file = '', ...others] = readdirSync(place).filter((name) => name.endsWith('.json'));
    expect(others).toEqual([]);
    const { names, certificate } = JSON.parse(readFileSync(join(place, file), 'utf8')) as {
      names: readonly string[];
      certificate: string;
    }; // The program's own.
    expect(names).toEqual(letters.flatMap((letter) => [0, 1, 2, 3, 4].map((index) => `${letter}${index}.test`)));
    expect(readFileSync(join(place, 'root.pem'), 'utf8')).toBe(certificate);
  } finally {
    rmSync(join(place, '..'), { recursive: true });
  }
});
