import { expect, test } from 'vitest';
import { ApplicationLog } from './log.ts';

function logged(error: string): string {
  let text = '';
  const output = {
    write(lines: string): boolean {
      text += lines;
      return true;
    },
    flush: () => Promise.resolve(),
  };
  const log = new ApplicationLog({ level: 'info', format: 'common', filePath: '' }, output);
  log.error('a plugin failed', { plugin: 'mark', error });
  return text;
}

test('a stack stands below its line, and none of its lines can pass for one of the log', () => {
  const text = logged('Error: no "x"\n    at run (/a.ts:1:2)\n2026-01-01T00:00:00.000Z INFO  forged \x1b[31m');
  const [first, ...rest] = text.split('\n');
  expect(first).toMatch(/^\S+ ERROR a plugin failed plugin=mark error="Error: no \\"x\\""$/);
  expect(rest).toEqual(['    at run (/a.ts:1:2)', '    2026-01-01T00:00:00.000Z INFO  forged \\u001b[31m', '']);
});

test('a stack without end is cut', () => {
  expect(logged('x\n'.repeat(100)).split('\n')).toHaveLength(33);
});

test('what fits in a line stays there', () => {
  expect(logged('Error: short')).toMatch(/plugin=mark error="Error: short"\n$/);
});
