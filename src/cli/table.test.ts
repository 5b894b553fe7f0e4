import { expect, test } from 'vitest';
import { formatTable } from './table.ts';

test('columns are as wide as their widest cell, and nothing trails', () => {
  const rows = [
    ['long name', 'x', 'last cell'],
    ['b', ''],
  ];
  expect(formatTable(['name', 'state', 'c'], rows)).toBe(
    ['NAME       STATE  C', 'long name  x      last cell', 'b', ''].join('\n'),
  );
  expect(formatTable(['a', 'b'], [])).toBe('A  B\n');
});
