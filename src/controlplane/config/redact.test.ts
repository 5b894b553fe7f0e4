import { expect, test } from 'vitest';
import { list, record } from '../../schema/collection.ts';
import { optional, withDefault } from '../../schema/field.ts';
import { object } from '../../schema/object.ts';
import { secret, string } from '../../schema/scalar.ts';
import { DecodeContext } from '../../schema/decode-context.ts';
import { installOptions } from './install/install-options.ts';
import { redact, redactWritten } from './redact.ts';
import { middlewareOptions } from './routing/routing-options.ts';
import { serviceOptions } from './service/registry.ts';
import { WHOLE_FILE } from './install/whole-file.ts';

const schema = object({
  name: optional(string(), ''),
  token: optional(secret(), ''),
  users: withDefault(list(secret()), [], ''),
  headers: withDefault(record(secret()), {}, ''),
});

test('secrets are hidden wherever they stand', () => {
  const value = { name: 'a', token: 't', users: ['u:1', 'v:2'], headers: { Authorization: 'b' } };
  expect(redact(value, schema)).toEqual({
    name: 'a',
    token: 'xxxx',
    users: ['xxxx', 'xxxx'],
    headers: { Authorization: 'xxxx' },
  });
});

test('substituted values stand as they were written, whatever the spelling of their keys', () => {
  const substituted = [{ path: ['NAME'], written: '${NAME}' }];
  expect(redact({ name: 'hidden', token: undefined }, schema, substituted)).toEqual({ name: '${NAME}' });
});

test('names tell of fields, and URLs of users, what they hold', () => {
  const value = {
    headers: {
      customRequestHeaders: { Authorization: 'Bearer s3cret', 'X-Api-Key': 's3cret', 'X-Plain': 'http://u:s3cret@h/' },
      customResponseHeaders: { 'Set-Cookie': 's3cret' },
    },
  };
  const shown = redact(value, middlewareOptions) as typeof value;
  expect(JSON.stringify(shown)).not.toContain('s3cret');
  expect(shown.headers.customRequestHeaders['X-Plain']).toBe('http://xxxx@h/');
  const service = {
    loadBalancer: {
      servers: [{ url: 'http://u:s3 cret@h:1' }],
      healthCheck: { headers: { Cookie: 's3cret' }, path: '/?token=s3cret', interval: 90_000 },
    },
  };
  expect(redact(service, serviceOptions)).toEqual({
    loadBalancer: {
      servers: [{ url: 'http://xxxx@h:1' }],
      healthCheck: { headers: { Cookie: 'xxxx' }, path: '/?token=xxxx', interval: '1m30s' },
    },
  });
});

test('what was written is shown without its secrets, however it is spelt', () => {
  const file = {
    API: { Token: 's3cret' },
    providers: { redis: { password: 's3cret' } },
    http: {
      middlewares: { a: { basicauth: { USERS: 'u:s3cret' } }, b: { basicAuth: { userz: ['u:s3cret'] } } },
      services: { s: { loadbalancer: { servers: [{ URL: 'http://u:s3cret@h' }], healthcheck: { headers: { Authorization: 's3cret' } } } } },
    },
    tls: { certificates: [{ certFile: 'a.pem', keyFile: '-----BEGIN s3cret' }] },
  };
  const shown = redactWritten(file, WHOLE_FILE);
  expect(JSON.stringify(shown)).not.toContain('s3cret');
  expect(shown).toMatchObject({ api: { token: 'xxxx' }, http: { services: { s: { loadBalancer: { servers: [{ url: 'http://xxxx@h' }] } } } } });
}); // prettier-ignore

test('a wrong value of a secret is not repeated by what is said of it', () => {
  const context = new DecodeContext('x', () => null);
  middlewareOptions.decode({ headers: { customRequestHeaders: { Authorization: 's3\u0001cret' } } }, context);
  serviceOptions.decode({ loadBalancer: { servers: [{ url: 'http://a', weight: 'http://u:s3cret@h' }] } }, context);
  installOptions.decode({ api: { token: 's3cret with blanks' } }, context);
  expect(context.diagnostics).toHaveLength(2);
  expect(JSON.stringify(context.diagnostics)).not.toMatch(/s3.{0,6}cret/);
});
