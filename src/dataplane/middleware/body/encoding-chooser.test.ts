import { expect, test } from 'vitest';
import { EncodingChooser } from './encoding-chooser.ts';

const chooser = new EncodingChooser(['gzip', 'br']);

test.each([
  ['gzip', 'gzip'],
  ['br', 'br'],
  ['br, gzip', 'gzip'],
  ['gzip;q=0.5, br;q=0.8', 'br'],
  ['gzip;q=0.5,br', 'br'],
  ['GZIP', 'gzip'],
  ['x-gzip', 'gzip'],
  ['*', 'gzip'],
  ['*, gzip;q=0', 'br'],
  ['*;q=0', ''],
  ['*;q=0, br', 'br'],
  ['gzip;q=0', ''],
  ['gzip;q=0.000', ''],
  ['identity', ''],
  ['identity, gzip;q=0.5', ''],
  ['identity;q=0.5, gzip', 'gzip'],
  ['identity, gzip', 'gzip'],
  ['identity;q=0', ''],
  ['identity;q=0, *', 'gzip'],
  ['deflate', ''],
  ['', ''],
  ['gzip;q=x', ''],
  ['gzip ; q=1.0 , ', 'gzip'],
  ['gzipx', ''],
])('%j gets %j', (field, coding) => {
  expect(chooser.choose(field)).toBe(coding);
  expect(chooser.choose(field)).toBe(coding);
});
