import { expect, test } from 'vitest';
import { parseConfig } from '../controlplane/config/document/document.ts';
import { waitingForRestart } from './install-changes.ts';

const BASE = 'entryPoints:\n  web:\n    address: ":80"\nlog:\n  level: info\napi: {}\n';

function waiting(before: string, after: string): readonly string[] {
  return waitingForRestart(parseConfig('a.yml', before), parseConfig('a.yml', after)).map(
    ({ path, line, message }) => `${path}:${line} ${message.split(';')[0]!}`,
  );
}

test('what takes effect at once is not mentioned', () => {
  const after = BASE.replace(':80', ':81')
    .replace('info', 'debug')
    .concat('serversTransport: { maxIdleConnsPerHost: 7 }\nproviders: { precedence: [file] }\nhttp: { routers: {} }\n')
    .replace('log:', 'LOG:');
  expect(waiting(BASE, after)).toEqual([]);
});

test('what waits for the next start is named with its place', () => {
  const after = BASE.replace('api: {}', 'api:\n  token: x').concat('accessLog: {}\n');
  expect(waiting(BASE, after)).toEqual(['api.token:7 this option is new', 'accessLog:8 this option is new']);
  expect(waiting(after, after)).toEqual([]);
});

test('the internal entry point is opened at start', () => {
  const after = BASE.replace('log:', '  traefik:\n    address: ":9000"\nlog:');
  expect(waiting(BASE, after)).toEqual(['entryPoints.traefik.address:5 this option is new']);
});
