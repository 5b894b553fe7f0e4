import { expect, test } from 'vitest';
import { Descriptors, descriptorBytes } from '../dataplane/net/descriptors.ts';
import { DescriptorWatch, socketLimit, systemLimit } from './descriptor-limit.ts';

test('the limit is read as the kernel writes it', () => {
  const text = (soft: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft.padEnd(20)} 1048576              files     \n`;
  expect(systemLimit(text('1024'))).toBe(1024);
  expect(systemLimit(text('unlimited'))).toBe(0);
  expect(systemLimit('')).toBe(0);
});

test('sockets get what the process does not need itself', () => {
  expect(socketLimit(1024, 40, 2)).toBe(1024 - 40 - 64 - 48);
  expect(socketLimit(64, 40, 2)).toBe(16);
  expect(socketLimit(0, 40, 2)).toBe(0);
});

test('what is refused is told once a minute, with the limit', () => {
  const descriptors = new Descriptors(new SharedArrayBuffer(descriptorBytes(1)), 0, 1);
  descriptors.setLimit(9);
  const lines: object[] = [];
  let now = 0;
  const log = { debug() {}, info() {}, warn: (_: string, fields?: object) => lines.push(fields!), error() {} };
  const watch = new DescriptorWatch(descriptors, 99, log, () => now);
  watch.look();
  expect(lines).toEqual([]);
  for (let index = 0; index < 4; index++) descriptors.admitClient();
  watch.look();
  expect(lines).toEqual([{ refused: 3, limit: 99, forConnections: 9, clients: 1, servers: 0 }]);
  descriptors.admitClient();
  now = 59_000;
  watch.look();
  expect(lines).toHaveLength(1);
  now = 60_000;
  watch.look();
  expect(lines[1]).toMatchObject({ refused: 1 });
});
