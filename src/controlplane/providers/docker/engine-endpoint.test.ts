import { expect, test } from 'vitest';
import { endpointText, parseEndpoint } from './engine-endpoint.ts';

const tcp = (host: string, port: number, isTls = false, base = '') => ({ kind: 'tcp', host, port, isTls, base });

test.each([
  ['unix:///var/run/docker.sock', { kind: 'unix', path: '/var/run/docker.sock' }],
  ['tcp://docker-proxy:2375', tcp('docker-proxy', 2375)],
  ['tcp://docker-proxy', tcp('docker-proxy', 2375)],
  ['TCP://Docker-Proxy:99', tcp('docker-proxy', 99)],
  ['http://proxy.test:80', tcp('proxy.test', 80)],
  ['http://proxy.test/docker/', tcp('proxy.test', 2375, false, '/docker')],
  ['https://[fd00::1]:2376', tcp('fd00::1', 2376, true)],
  ['https://engine.test', tcp('engine.test', 2376, true)],
  ['ssh://deploy@host.test:2222', { kind: 'ssh', user: 'deploy', host: 'host.test', port: '2222', path: '' }],
  ['ssh://host.test', { kind: 'ssh', user: '', host: 'host.test', port: '', path: '' }],
  [
    'ssh://host.test:80/run/user/1000/docker.sock',
    { kind: 'ssh', user: '', host: 'host.test', port: '80', path: '/run/user/1000/docker.sock' },
  ],
])('%s', (text, endpoint) => {
  expect(parseEndpoint(text, false)).toEqual({ endpoint, username: '', password: '' });
});

test('with "tls", tcp is TLS', () => {
  expect(parseEndpoint('tcp://engine.test', true)).toMatchObject({ endpoint: tcp('engine.test', 2376, true) });
  expect(parseEndpoint('http://engine.test', true)).toEqual({ problem: expect.stringMatching(/https:/) as string });
});

test('user and password of the URL are taken out of it', () => {
  const given = parseEndpoint('http://some%40body:se%3Asame@proxy.test:2375', false);
  expect(given).toEqual({ endpoint: tcp('proxy.test', 2375), username: 'some@body', password: 'se:same' });
  if ('problem' in given) throw new Error(given.problem);
  expect(endpointText(given.endpoint)).toBe('tcp://proxy.test:2375');
});

test.each([
  ['', /expected unix:/],
  ['/var/run/docker.sock', /unix:\/\//],
  ['unix://var/run/docker.sock', /begins with "\/"/],
  ['npipe:////./pipe/docker_engine', /Windows/],
  ['docker-proxy:2375', /expected unix:/],
  ['tcp://', /expected unix:/],
  ['ftp://host', /expected unix:/],
  ['tcp://host:2375?x=1', /query/],
  ['ssh://user:secret@host', /takes no password/],
  // Each would be read by ssh or by a shell as something else than a name.
  ['ssh://-oProxyCommand=reboot/', /expected unix:/],
  ['ssh://-oProxyCommand=reboot@host', /expected unix:/],
  ['ssh://host/run/$(reboot).sock', /shell/],
  ['ssh://host/run/a;reboot', /shell/],
])('refuses %s', (text, problem) => {
  const given = parseEndpoint(text, false);
  expect(given).toEqual({ problem: expect.stringMatching(problem) as string });
  expect(JSON.stringify(given)).not.toContain('secret');
});
