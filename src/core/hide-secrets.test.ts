import { expect, test } from 'vitest';
import { hideSecrets, hideUser, isSecretName } from './hide-secrets.ts';

test.each([
  ['"http://user:pa:ss@host:1/x" is no URL', '"http://xxxx@host:1/x" is no URL'],
  ['amqp://u@h and https://v:w@i', 'amqp://xxxx@h and https://xxxx@i'],
  ['http://host/path@x', 'http://host/path@x'],
  ['/check?token=abc&x=1&api_key=d#e', '/check?token=xxxx&x=1&api_key=xxxx#e'],
  ['Host(`a`) && Path(`/b`)', 'Host(`a`) && Path(`/b`)'],
])('%s is shown as %s', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown);
});

test.each([
  ['http://u:p w/@h:1', 'http://xxxx@h:1'],
  ['u:p@h:1', 'xxxx@h:1'],
  ['http://h:1', 'http://h:1'],
])('of the server %s, %s is shown', (url, shown) => {
  expect(hideUser(url)).toBe(shown);
});

test.each(['Authorization', 'proxy-authorization', 'Cookie', 'Set-Cookie', 'X-Api-Key', 'X-Auth-Token', 'password', 'X-Secret', 'X-Auth'])(
  '%s names a secret',
  (name) => expect(isSecretName(name)).toBe(true),
); // prettier-ignore

test.each(['X-Forwarded-Ssl', 'Host', 'author', 'X-Version', 'Accept'])('%s names none', (name) =>
  expect(isSecretName(name)).toBe(false),
);
