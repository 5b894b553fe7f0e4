import { expect, test } from 'vitest';
import { MAX_DEPTH, walkGraph } from './graph.ts';

test('finds names that lead back to themselves, and nobody else', () => {
  const graph = walkGraph(
    new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
      ['self', ['self']],
      ['outside', ['a']],
    ]),
  );
  expect(graph.cycleOf('a')).toEqual(['a', 'b', 'c', 'a']);
  expect(graph.cycleOf('b')).toEqual(['b', 'c', 'a', 'b']);
  expect(graph.cycleOf('self')).toEqual(['self', 'self']);
  expect(graph.cycleOf('d')).toBeNull();
  expect(graph.cycleOf('outside')).toBeNull();
});

test('tells what goes too deep, however deep it goes', () => {
  const members = new Map<string, readonly string[]>();
  for (let index = 0; index < 50_000; index++) members.set(`n${index}`, [`n${index + 1}`]);
  const graph = walkGraph(members);
  expect(graph.isTooDeep('n0')).toBe(true);
  expect(graph.isTooDeep(`n${50_000 - MAX_DEPTH - 1}`)).toBe(true);
  expect(graph.isTooDeep(`n${50_000 - MAX_DEPTH}`)).toBe(false);
});

test('a tree that joins again is no cycle and costs what it has', () => {
  const members = new Map<string, readonly string[]>();
  for (let level = 0; level < 60; level++) members.set(`l${level}`, [`l${level + 1}`, `l${level + 1}`]);
  const graph = walkGraph(members);
  expect(graph.cycleOf('l0')).toBeNull();
  expect(graph.isTooDeep('l0')).toBe(false);
});

test('a ring of thousands is told without its thousands', () => {
  const members = new Map<string, readonly string[]>();
  for (let index = 0; index < 5_000; index++) members.set(`n${index}`, [`n${(index + 1) % 5_000}`]);
  const graph = walkGraph(members);
  expect(graph.cycleOf('n42')).toHaveLength(6);
});
