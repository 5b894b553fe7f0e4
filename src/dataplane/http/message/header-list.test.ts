import { expect, test } from 'vitest';
import { HeaderList } from './header-list.ts';

function sample(): HeaderList {
  const list = new HeaderList();
  list.append('Accept', 'a');
  list.append('X-Tag', '1');
  list.append('x-tag', '2');
  list.append('Host', 'h');
  return list;
}

test('keeps order, spelling and duplicates', () => {
  expect(sample().render()).toBe('Accept: a\r\nX-Tag: 1\r\nx-tag: 2\r\nHost: h\r\n');
  expect(sample().get('x-tag')).toBe('1');
  expect(sample().valuesOf('x-tag')).toEqual(['1', '2']);
  expect(sample().valuesOf('none')).toBeNull();
});

test('set replaces all fields of a name at the place of the first', () => {
  const list = sample();
  list.set('X-TAG', '3');
  expect(list.render()).toBe('Accept: a\r\nX-TAG: 3\r\nHost: h\r\n');
  list.set('New', 'n');
  expect(list.render().endsWith('New: n\r\n')).toBe(true);
});

test('delete takes every field of a name, and a clone is unaffected', () => {
  const list = sample();
  const copy = list.clone();
  list.delete('x-tag');
  list.deleteAll(new Set(['accept']));
  expect(list.render()).toBe('Host: h\r\n');
  expect(copy.count).toBe(4);
});
