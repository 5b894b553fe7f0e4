import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { createRoot, isLoopbackName, isSufficient, issueLeaf, rootOf } from './root-certificate.ts';

const NOW = Date.now();
const DAY_MS = 86_400_000;
const root = createRoot(['app.test', '10.1.2.3'], NOW);

/** What Node's client says of a handshake with this certificate when it trusts the root alone; '' when all is well. */
async function verdict(hosts: readonly string[], serverName: string): Promise<string> {
  const { certificate, key } = issueLeaf(root, hosts, NOW);
  const server = tls.createServer({ cert: certificate, key }, (socket) => socket.end());
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo; // TCP.
  try {
    return await new Promise((resolve) => {
      const options = { ca: root.certificate, ...(net.isIP(serverName) > 0 ? {} : { servername: serverName }) };
      const client = tls.connect({ port, host: '127.0.0.1', ...options, checkServerIdentity: identity(serverName) });
      client.once('secureConnect', () => resolve(''));
      client.once('error', (error: Error) => resolve(error.message));
    });
  } finally {
    server.close();
  }
}

function identity(name: string): (host: string, certificate: tls.PeerCertificate) => Error | undefined {
  return (_, certificate) => tls.checkServerIdentity(name, certificate);
}

describe('a root', () => {
  test('is an authority that certifies no other, critically constrained', () => {
    const parsed = new X509Certificate(root.certificate);
    expect(parsed.ca).toBe(true);
    expect(parsed.subject).toMatch(/^CN=Signalbox Local Authority [0-9a-f]{8}$/);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkPrivateKey(createPrivateKey(root.key))).toBe(true);
    // Name constraints: their identifier, and TRUE for critical.
    expect(parsed.raw.toString('hex')).toContain('0603551d1e0101ff');
  });

  test('says what it permits, in the words of OpenSSL', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-root-'));
    afterAll(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'root.pem'), root.certificate);
    const { execFileSync } = await import('node:child_process');
    let text: string;
    try {
      text = execFileSync('openssl', ['x509', '-noout', '-text', '-in', join(directory, 'root.pem')], {
        encoding: 'utf8',
      });
    } catch {
      return; // Not installed.
    }
    expect(text).toContain('X509v3 Name Constraints: critical');
    for (const one of ['DNS:localhost', 'IP:127.0.0.0/255.0.0.0', 'IP:10.1.2.3/255.255.255.255', 'DNS:app.test']) {
      expect(text).toContain(one);
    }
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Certificate Sign\n/);
    expect(text).toContain('CA:TRUE, pathlen:0');
    expect(text).toMatch(/Extended Key Usage:\s+TLS Web Server Authentication/);
  });

  test('suffices for the names it was made for, as long as it lasts', () => {
    expect(isSufficient(root, [], NOW)).toBe(true);
    expect(isSufficient(root, ['app.test'], NOW)).toBe(true);
    expect(isSufficient(root, ['app.test', 'b.test'], NOW)).toBe(false);
    expect(isSufficient(root, [], NOW + 3600 * DAY_MS)).toBe(false);
  });

  test('is refused with the key of another', () => {
    const other = createRoot([], NOW);
    expect(() => rootOf({ certificate: root.certificate, key: other.key }, [])).toThrow('not that of the certificate');
  });
});

describe('certificates', () => {
  test.each([
    [['localhost', '127.0.0.1', '::1'], 'localhost'],
    [['localhost', '127.0.0.1', '::1'], '127.0.0.1'],
    [['a.b.localhost'], 'a.b.localhost'],
    [['app.test'], 'app.test'],
    [['10.1.2.3'], '10.1.2.3'],
  ])('for %s are good for %s', async (hosts, name) => {
    expect(await verdict(hosts, name)).toBe('');
  });

  test.each([[['example.com']], [['app.localhost', 'example.com']], [['10.1.2.4']], [['notlocalhost']], [['::2']]])(
    'for %s are refused by whoever trusts the root',
    async (hosts) => {
      expect(await verdict(hosts, hosts[0]!)).toBe('permitted subtree violation');
    },
  );

  test('have a name, also where it is too long for one', () => {
    const long = `${'a'.repeat(63)}.localhost`;
    const leaf = new X509Certificate(issueLeaf(root, [long], NOW).certificate);
    expect(leaf.subject).toBe('CN=Signalbox');
    expect(leaf.subjectAltName).toBe(`DNS:${long}`);
    expect(new X509Certificate(issueLeaf(root, ['a.localhost'], NOW).certificate).subject).toBe('CN=a.localhost');
  });
});

test('names of this machine', () => {
  const own = ['localhost', 'a.localhost', 'b.a.localhost', '127.0.0.1', '127.9.9.9', '::1'];
  const others = ['', 'localhost.example.com', 'mylocalhost', '128.0.0.1', '::2', '1::1', 'example.com'];
  expect(own.filter((name) => !isLoopbackName(name))).toEqual([]);
  expect(others.filter(isLoopbackName)).toEqual([]);
});
