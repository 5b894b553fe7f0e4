// Every example of docs/tls.md runs as it stands, but for ports and paths, and does what the lines under it say.

import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { NamedOrigin } from './support/named-origin.ts';
import { RawClient } from './support/raw-client.ts';
import { startRouter, type RouterProcess } from './support/router.ts';
import { certificateFor, tlsGet, type TlsAnswer } from './support/tls-client.ts';

const PAGE = readFileSync(new URL('../docs/tls.md', import.meta.url), 'utf8');
const EXAMPLES = [
  ...PAGE.matchAll(/^## (.*)\n[^#]*?```yaml\n((?:(?!```)[\s\S])*?)```\n\n```text\n([\s\S]*?)```/gm),
].map(([, title, yaml, steps]) => ({ title: title!, yaml: yaml!, steps: steps!.trim().split('\n') }));
/** Everybody the page mentions. */
const CERTIFICATES = new Map(
  [...PAGE.matchAll(/\/etc\/signalbox\/(\S+?)\.pem/g)].map(([, name]) => [name!, certificateFor([name!])]),
);

async function answerOf(
  router: RouterProcess,
  scheme: string,
  host: string,
  extra: string,
): Promise<Partial<TlsAnswer>> {
  const port = router.ports['web']!;
  if (scheme === 'http') return RawClient.exchange(port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const member = CERTIFICATES.get(/ as (\S+)/.exec(extra)?.[1] ?? '');
  const maxVersion = / with (TLSv1\.[0-9])/.exec(extra)?.[1] as 'TLSv1.2' | undefined; // As the page has it.
  return tlsGet(port, {
    host,
    ...(member === undefined ? {} : { cert: member.certificate, key: member.key }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  });
}

async function run(router: RouterProcess, step: string): Promise<void> {
  const parts = /^(https?):\/\/(\S+?)\/(.*) → (?:(\d+)(?:, certificate of (\S+))?|no handshake)$/.exec(step);
  const [, scheme, host, extra, status, subject] = parts!;
  const answer = answerOf(router, scheme!, host!, extra!);
  if (status === undefined) await expect([step, answer][1]).rejects.toThrow();
  else {
    const { status: got, subject: shown } = await answer;
    expect([step, got, subject === undefined ? undefined : shown]).toEqual([step, Number(status), subject]);
  }
}

test.each(EXAMPLES)('$title', async ({ yaml, steps }) => {
  await using plain = await NamedOrigin.start('9001');
  const proof = CERTIFICATES.get('origin.example')!;
  const secure = https.createServer({ cert: proof.certificate, key: proof.key }, (_, response) => response.end('ok'));
  await new Promise<void>((resolve) => {
    secure.listen(0, '127.0.0.1', resolve);
  });
  const { port } = secure.address() as AddressInfo; // A TCP server.
  const files: Record<string, string> = {};
  for (const [name, { certificate, key }] of CERTIFICATES) {
    files[`${name}.pem`] = certificate;
    files[`${name}.key`] = key;
  }
  files['routing.yml'] = yaml
    .replaceAll('/etc/signalbox', 'DIR')
    .replaceAll(':9001', `:${plain.port}`)
    .replaceAll(':9443', `:${port}`);
  await using router = await startRouter({
    install: 'entryPoints: { web: { address: "127.0.0.1:0" } }\nproviders: { file: { filename: DIR/routing.yml } }\n',
    files,
  });
  for (const step of steps) await run(router, step);
  secure.closeAllConnections();
  secure.close();
});

test('there are examples', () => {
  expect(EXAMPLES.length).toBe(5);
});
