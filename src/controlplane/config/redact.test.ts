import { expect, test } from 'vitest';
import { list, object, optional, record, secret, string, withDefault } from '../../schema/schema.ts';
import { redact } from './redact.ts';

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
