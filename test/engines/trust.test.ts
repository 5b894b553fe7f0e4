// `signalbox trust` with the real certutil and a real browser, each under a home of its own.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAuthority } from '../../src/controlplane/local-authority/authority-directory.ts';
import { issueLeaf } from '../../src/controlplane/local-authority/root-certificate.ts';
import { runCommand, type CommandResult } from '../support/command.ts';
import { findProgram, missingPrograms } from '../support/engine.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { NamedOrigin } from '../support/named-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const missing = missingPrograms('certutil', 'openssl');
const missingBrowser = missingPrograms('certutil', 'chromium');

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-home-'));
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The system's store is everybody's: tests leave it alone. */
function trust(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(['trust', '--stores', 'nss,firefox', ...args], { environment: { HOME: home } });
}

function listed(directory: string): string {
  return execFileSync(findProgram('certutil')!, ['-L', '-d', `sql:${join(home, directory)}`], { encoding: 'utf8' });
}

const DATABASES = ['.pki/nssdb', '.local/share/pki/nssdb', '.mozilla/firefox/a.default'];

describe.skipIf(missing !== null)(`certutil${missing === null ? '' : ` (${missing})`}`, () => {
  beforeAll(() => {
    mkdirSync(join(home, '.mozilla/firefox/a.default'), { recursive: true });
    writeFileSync(join(home, '.mozilla/firefox/profiles.ini'), '[Profile0]\nName=me\nIsRelative=1\nPath=a.default\n');
  });

  test('nothing is checked before there is an authority', async () => {
    const { code, stderr } = await trust('--check');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/there is no local authority yet in .*makes one/)]);
  });

  test('installs into every database, says so, and does it once', async () => {
    const first = await trust();
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch(
      /^Signalbox Local Authority [0-9a-f]{8}, which certifies localhost and names below it/,
    );
    expect(first.stdout.match(/^ {2}installed /gm)).toHaveLength(3);
    expect(first.stdout).toContain('Firefox, profile me: ');
    expect(first.stdout).toContain('Browsers that are open see it when they are started again.');
    for (const one of DATABASES) expect(listed(one)).toMatch(/^Signalbox Local Authority [0-9a-f]{8}\s+C,,\s*$/m);
    const second = await trust();
    expect(second.stdout.match(/^ {2}trusted /gm)).toHaveLength(3);
    expect(second.stdout).not.toContain('started again');
    expect((await trust('--check')).code).toBe(0);
  });

  test('another authority takes the place of the one before', async () => {
    rmSync(join(home, '.local/share/signalbox'), { recursive: true });
    const { code, stdout } = await trust('--json');
    expect(code).toBe(0);
    const { authority, stores } = JSON.parse(stdout) as {
      authority: { name: string };
      stores: { state: string; isChanged: boolean }[];
    }; // Its own.
    expect(stores.map(({ state, isChanged }) => `${state} ${isChanged}`)).toEqual(Array(3).fill('trusted true'));
    for (const one of DATABASES) {
      expect([...listed(one).matchAll(/^(Signalbox Local Authority [0-9a-f]{8})\s/gm)].map(([, name]) => name)).toEqual(
        [authority.name],
      );
    }
  });

  test('is taken back, of databases alone that had it', async () => {
    const { code, stdout } = await trust('--undo');
    expect([code, stdout.match(/^ {2}removed /gm)]).toEqual([0, Array(3).fill('  removed ')]);
    for (const one of DATABASES) expect(listed(one)).not.toContain('Signalbox');
    expect((await trust('--undo')).stdout.match(/^ {2}not trusted /gm)).toHaveLength(3);
    expect((await trust('--check')).code).toBe(1);
  });
});

describe('without what it needs', () => {
  test('it says what to install, and changes nothing', async () => {
    const own = mkdtempSync(join(tmpdir(), 'signalbox-home-'));
    const environment = { HOME: own, PATH: join(own, 'nowhere') };
    try {
      const { code, stdout } = await runCommand(['trust', '--stores', 'nss'], { environment });
      expect(code).toBe(1);
      expect(stdout.match(/^ {2}failed /gm)).toHaveLength(2);
      expect(stdout).toContain('apt install libnss3-tools');
    } finally {
      rmSync(own, { recursive: true });
    }
  });

  test('words that mean nothing are told', async () => {
    expect((await trust('--undo', '--check')).stderr).toContain('give one of them');
    const { code, stderr } = await runCommand(['trust', '--stores', 'chrome'], { environment: { HOME: home } });
    expect([code, stderr]).toEqual([2, expect.stringContaining('--stores takes some of system,nss,firefox')]);
    const homeless = await runCommand(['trust']);
    expect([homeless.code, homeless.stderr]).toEqual([2, expect.stringContaining('set HOME or XDG_DATA_HOME')]);
  });
});

describe.skipIf(missingBrowser !== null)(`Chromium${missingBrowser === null ? '' : ` (${missingBrowser})`}`, () => {
  let origin: NamedOrigin;
  let router: RouterProcess;

  beforeAll(async () => {
    origin = await NamedOrigin.start('hello');
    router = await startRouter({
      environment: { HOME: home },
      install: `
entryPoints: { web: { address: "127.0.0.1:0", http: { tls: {} } } }
http:
  routers: { app: { rule: "Host(\`app.localhost\`)", service: origin } }
  services: { origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`,
    });
  });

  afterAll(async () => {
    await router?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
  });

  /** What the browser makes of it: the page, or its error. */
  async function visit(url = `https://app.localhost:${router.ports['web']!}/`): Promise<string> {
    const browser = await chromium.launch({
      executablePath: findProgram('chromium')!,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--host-resolver-rules=MAP *.example 127.0.0.1',
      ],
      env: cleanEnvironment({ HOME: home }),
    });
    try {
      const page = await browser.newPage();
      const answer = await page.goto(url);
      const details = await answer!.securityDetails();
      return `${(await answer!.body()).toString()} ${details?.issuer ?? ''}`;
    } catch (error) {
      return /net::ERR_\w+/.exec(String(error))?.[0] ?? String(error);
    } finally {
      await browser.close();
    }
  }

  test('warns before, shows the page without a warning after, and warns again when it is taken back', async () => {
    await trust('--undo');
    expect(await visit()).toBe('net::ERR_CERT_AUTHORITY_INVALID');
    expect((await trust()).code).toBe(0);
    expect(await visit()).toMatch(/^hello Signalbox Local Authority [0-9a-f]{8}$/);
    expect((await trust('--undo')).code).toBe(0);
    expect(await visit()).toBe('net::ERR_CERT_AUTHORITY_INVALID');
    expect(readFileSync(join(home, '.local/share/signalbox/authority/root.pem'), 'utf8')).toContain(
      'BEGIN CERTIFICATE',
    );
  });

  test('believes the authority nothing but names of this machine, even with its key', async () => {
    expect((await trust()).code).toBe(0);
    const directory = join(home, '.local/share/signalbox/authority');
    const { certificate, key } = issueLeaf(findAuthority(directory)!, ['bank.example'], Date.now());
    const server = https.createServer({ cert: certificate, key }, (_, response) => response.end('stolen'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo; // TCP.
      expect(await visit(`https://bank.example:${port}/`)).toBe('net::ERR_CERT_INVALID');
    } finally {
      server.close();
      await trust('--undo');
    }
  });
});
