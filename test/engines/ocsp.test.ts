import { execFileSync } from 'node:child_process';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../support/authority.ts';
import { missingPrograms, type Engine } from '../support/engine.ts';
import { holdPorts } from '../support/ports.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const missing = missingPrograms('openssl');

/** What a client that asks gets with the handshake. */
function stapleOf(port: number, servername: string, maxVersion: tls.SecureVersion = 'TLSv1.3'): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    // Missing in the declarations.
    const asking = { requestOCSP: true };
    const socket = tls.connect({
      ...asking,
      host: '127.0.0.1',
      port,
      servername,
      rejectUnauthorized: false,
      maxVersion,
    });
    socket.on('OCSPResponse', (response: Buffer | null) => {
      resolve(response);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

interface ShownCertificate {
  readonly commonName: string;
  readonly status: string;
  readonly ocsp?: { readonly state: string; readonly problem?: string; readonly nextUpdate?: string };
}

describe.skipIf(missing !== null)(
  `OCSP stapling with OpenSSL’s responder${missing === null ? '' : ` (${missing})`}`,
  () => {
    const engines: Engine[] = [];
    let authority: Authority;
    let router: RouterProcess;
    let good: Issued;

    /** Settles when every certificate with a responder has had an answer. */
    async function certificates(): Promise<Map<string, ShownCertificate>> {
      for (;;) {
        const answer = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/certificates`);
        const shown = (await answer.json()) as ShownCertificate[];
        if (shown.every(({ ocsp }) => ocsp !== undefined && (ocsp.state !== 'pending' || ocsp.problem !== undefined))) {
          return new Map(shown.map((one) => [one.commonName, one]));
        }
      }
    }

    beforeAll(async () => {
      authority = new Authority();
      // Each has one client at a time: OpenSSL's responder takes no more.
      const [own, second, third, delegated, stranger, closed] = holdPorts(6);
      const at = (port: number): string[] => [`authorityInfoAccess=OCSP;URI:http://127.0.0.1:${port}/`];
      const issued = {
        good: authority.issue('good.example', at(own!)),
        delegated: authority.issue('delegated.example', at(delegated!)),
        forged: authority.issue('forged.example', at(stranger!)),
        revoked: authority.issue('revoked.example', at(second!)),
        down: authority.issue('down.example', at(closed!)),
        moved: authority.issue('moved.example', ['authorityInfoAccess=OCSP;URI:http://ocsp.example/']),
        silent: authority.issue('silent.example'),
        lonely: authority.issue('lonely.example', at(own!)),
      };
      good = issued.good;
      const signer = authority.issue('a.signer', ['extendedKeyUsage=OCSPSigning']);
      const noSigner = authority.issue('no.signer');
      authority.revoke(issued.revoked);
      for (const port of [own!, second!, third!]) engines.push(await authority.respond(port));
      engines.push(await authority.respond(delegated!, signer), await authority.respond(stranger!, noSigner));
      const names = Object.keys(issued);
      router = await startRouter({
        workers: 2,
        install: `
entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: {}
metrics: { prometheus: {} }
ocsp: { responderOverrides: { ocsp.example: "http://127.0.0.1:${third!}/" } }
providers: { file: { filename: DIR/routing.yml } }
`,
        files: {
          ...Object.fromEntries(names.map((name) => [`${name}.pem`, issued[name as keyof typeof issued].chain])),
          'lonely.pem': issued.lonely.certificate,
          ...Object.fromEntries(names.map((name) => [`${name}.key`, issued[name as keyof typeof issued].key])),
          'ca.pem': authority.certificate,
          'routing.yml': `
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: "noop@internal", tls: {} } }
tls:
  certificates:
${names.map((name) => `    - { certFile: DIR/${name}.pem, keyFile: DIR/${name}.key }`).join('\n')}
`,
        },
      });
    });

    afterAll(async () => {
      await router?.[Symbol.asyncDispose]();
      for (const engine of engines) await engine[Symbol.asyncDispose]();
      await authority?.[Symbol.asyncDispose]();
    });

    test('good answers come with the handshake, in every worker and version', async () => {
      await certificates();
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const staples = await Promise.all(
          Array.from({ length: 8 }, () => stapleOf(router.ports['web']!, 'good.example', version)),
        );
        expect(new Set(staples.map((staple) => staple?.length)).size).toBe(1);
        expect(staples[0]?.length).toBeGreaterThan(100);
      }
      expect(await stapleOf(router.ports['web']!, 'delegated.example')).not.toBe(null);
      expect(await stapleOf(router.ports['web']!, 'moved.example')).not.toBe(null);
    });

    test('a client that checks believes it', async () => {
      await certificates();
      const said = execFileSync(
        'openssl',
        `s_client -connect 127.0.0.1:${router.ports['web']!} -servername good.example -status -CAfile ${router.directory}/ca.pem -verify_return_error`.split(
          ' ',
        ),
        { input: '', stdio: ['pipe', 'pipe', 'ignore'] },
      ).toString();
      expect(said).toContain('OCSP Response Status: successful');
      expect(said).toContain('Cert Status: good');
      expect(said).toContain(`Serial Number: ${good.serial}`);
      expect(said).toContain('Verify return code: 0 (ok)');
    });

    test.each([
      ['revoked', 'revoked', 'the authority has revoked the certificate'],
      ['forged', 'pending', 'the certificate that signed the answer is not one for OCSP'],
      ['down', 'pending', 'ECONNREFUSED'],
      ['silent', 'none', 'the certificate names no OCSP responder that speaks HTTP'],
      ['lonely', 'none', 'certFile holds no certificate of the issuer'],
    ])('nothing is handed out for the %s one, and the API says why', async (name, state, problem) => {
      const shown = (await certificates()).get(`${name}.example`);
      expect(shown?.ocsp).toMatchObject({ state, problem: expect.stringContaining(problem) as string });
      expect(await stapleOf(router.ports['web']!, `${name}.example`)).toBe(null);
    });

    test('a revoked certificate is a warning, and metrics count', async () => {
      expect((await certificates()).get('revoked.example')?.status).toBe('warning');
      const answer = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`);
      const metrics = await answer.text();
      expect(metrics).toContain('signalbox_tls_ocsp_certificates{state="good"} 3');
      expect(metrics).toContain('signalbox_tls_ocsp_certificates{state="none"} 2');
      expect(metrics).toMatch(/signalbox_tls_ocsp_requests_total\{outcome="answered"\} [4-9]/);
      expect(router.stderr()).toContain('a certificate has been revoked');
    });
  },
);
