import { expect, test } from 'vitest';
import { parseArguments, type FlagSpec } from './arguments.ts';

const SPECS: Readonly<Record<string, FlagSpec>> = {
  config: { value: 'FILE', doc: '', short: 'c', alias: 'configFile' },
  header: { value: 'FIELD', doc: '', isRepeated: true },
  json: { value: null, doc: '' },
};

function parsed(line: string, takesOptions = true): unknown {
  const result = parseArguments(line === '' ? [] : line.split(' '), SPECS, takesOptions);
  if (typeof result === 'string') return result;
  const { positionals, flags, options } = result;
  return { positionals, flags: Object.fromEntries(flags), options };
}

const told = (rest: object): object => ({ positionals: [], flags: {}, options: [], ...rest });

test.each([
  ['', {}],
  ['a b', { positionals: ['a', 'b'] }],
  ['- a', { positionals: ['-', 'a'] }],
  ['--config f a', { flags: { config: ['f'] }, positionals: ['a'] }],
  ['--config=f=g', { flags: { config: ['f=g'] } }],
  ['-c f', { flags: { config: ['f'] } }],
  ['-c -f', { flags: { config: ['-f'] } }],
  ['--CONFIGFILE f', { flags: { config: ['f'] } }],
  ['--config=--json', { flags: { config: ['--json'] } }],
  ['--header a --header b', { flags: { header: ['a', 'b'] } }],
  ['--json a', { flags: { json: [''] }, positionals: ['a'] }],
  ['--json -- --config -x', { flags: { json: [''] }, positionals: ['--config', '-x'] }],
  ['--log.level DEBUG', { options: [{ name: 'log.level', value: 'DEBUG' }] }],
  ['--LOG.level=DEBUG', { options: [{ name: 'LOG.level', value: 'DEBUG' }] }],
  ['--log.level --json', { options: [{ name: 'log.level', value: null }], flags: { json: [''] } }],
  ['--api.insecure a', { options: [{ name: 'api.insecure', value: null }], positionals: ['a'] }],
  ['--entryPoints[web].address :80', { options: [{ name: 'entryPoints[web].address', value: ':80' }] }],
])('"%s" is taken apart', (line, rest) => {
  expect(parsed(line)).toEqual(told(rest));
});

test.each([
  ['--config', '--config needs a value, as in --config FILE'],
  ['--config --json', '--config needs a value, as in --config FILE'],
  ['--config a -c b', '--config is given twice'],
  ['--json --json', '--json is given twice'],
  ['--json=yes', '--json takes no value'],
  ['--confog f', 'unknown flag --confog; did you mean --config?'],
  ['--entrypints.web.address=:80', 'unknown flag --entrypints.web.address; did you mean --entryPoints.web.address?'],
  ['--completely.other', 'unknown flag --completely.other'],
  ['-x', 'unknown flag -x'],
  ['--nope', 'unknown flag --nope'],
  ['-json', 'unknown flag -json; did you mean --json?'],
])('"%s" is wrong, and what is said tells how', (line, message) => {
  expect(parsed(line)).toBe(message);
});

test('a command that reads no install configuration takes none of its options', () => {
  expect(parsed('--log.level=DEBUG', false)).toBe('unknown flag --log.level');
  expect(parsed('--jsn', false)).toBe('unknown flag --jsn; did you mean --json?');
});
