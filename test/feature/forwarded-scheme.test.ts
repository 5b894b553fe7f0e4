import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';
import { tlsGet } from '../support/tls-client.ts';

const OPTIONS = '    forwardedHeaders: { addXForwardedSchemeHeaders: true, trustedIPs: [127.0.0.2] }';

/** Values of the two fields that the server has received last. */
function schemes(origin: RecordingOrigin): string[] {
  const { received } = origin.connections.at(-1)!;
  const head = received.slice(received.lastIndexOf('GET '));
  return [...head.matchAll(/^(x-(?:forwarded-)?scheme): (.*)\r$/gim)].map(([, name, value]) => `${name}: ${value}`);
}

test('the scheme is said in two more fields where that is asked for', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', OPTIONS).replace(
      '    all:',
      '    secure: { rule: "Host(`secure.example`)", service: origin, tls: {} }\n    all:',
    ),
  });
  const port = router.ports['web']!;
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Scheme: gopher\r\nX-Scheme: gopher\r\n';
  await RawClient.exchange(port, `${request}\r\n`);
  expect(schemes(origin)).toEqual(['X-Forwarded-Scheme: http', 'X-Scheme: http']);
  await tlsGet(port, { host: 'secure.example' });
  expect(schemes(origin)).toEqual(['X-Forwarded-Scheme: https', 'X-Scheme: https']);
  const trusted = await RawClient.connect(port, { localAddress: '127.0.0.2' });
  trusted.send(`${request}X-Forwarded-Proto: https\r\n\r\n`);
  await trusted.response();
  trusted.socket.destroy();
  expect(schemes(origin)).toEqual(['X-Forwarded-Scheme: https', 'X-Scheme: https']);
});

test('and nowhere else, nor believed of a stranger', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port) });
  await RawClient.exchange(router.ports['web']!, 'GET / HTTP/1.1\r\nHost: a\r\nX-Scheme: https\r\n\r\n');
  expect(schemes(origin)).toEqual([]);
});
