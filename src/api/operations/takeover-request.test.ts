import { expect, test } from 'vitest';
import type { ProcessCommand } from '../../model/message/takeover.ts';
import { decodeTakeover } from './takeover-request.ts';
import type { ApiRequest } from '../operation.ts';

const OWN: ProcessCommand = {
  executable: '/usr/bin/node',
  nodeArgs: [],
  program: '/usr/bin/signalbox',
  args: ['run'],
  directory: '/',
  environment: { SIGNALBOX_LOG_LEVEL: 'info' },
};

function decide(caller: ApiRequest['caller'], body: unknown): ProcessCommand | string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const request = { params: {}, query: new URLSearchParams(), contentType: '', lastEventId: null, from: '' };
  return decodeTakeover({ ...request, caller, body: text }, OWN);
}

test('nobody without a key starts a process', () => {
  expect(decide('anyone', OWN)).toContain('api.socket');
  expect(decide('anyone', '')).toContain('api.socket');
});

test('a token starts the running command, with the environment it has, and nothing else', () => {
  expect(decide('token', '')).toEqual(OWN);
  expect(decide('token', { ...OWN, environment: { SIGNALBOX_API_TOKEN: 'mine' } })).toEqual(OWN);
  for (const other of [
    { executable: '/bin/sh' },
    { nodeArgs: ['--require=/tmp/x.js'] },
    { program: '/tmp/x.js' },
    { args: ['run', '--api.insecure'] },
    { directory: '/tmp' },
  ]) {
    expect(decide('token', { ...OWN, ...other })).toContain('only the command of the running process');
  }
});

test('the owner starts what they like, as far as it is a command', () => {
  const other = { ...OWN, program: '/opt/signalbox/dist/main.js', environment: { A: 'b' } };
  expect(decide('owner', other)).toEqual(other);
  expect(decide('owner', '')).toEqual(OWN);
  for (const broken of [
    '[]',
    '{',
    'null',
    { ...OWN, args: 'run' },
    { ...OWN, args: [1] },
    { ...OWN, environment: null },
    { ...OWN, environment: { A: 1 } },
    { ...OWN, directory: undefined },
    { ...OWN, program: '/a\0b' },
  ]) {
    expect(decide('owner', broken)).toContain('the body is no command');
  }
});
