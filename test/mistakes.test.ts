// What people get wrong, and what they are told: each file of `mistakes/` holds pieces of configuration, below each
// what `check` says of it. GOLDEN=write writes what is said anew; read the difference before you keep it.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runCommandLine } from '../src/cli/command-line.ts';
import { RecordedIo } from './support/fake-api.ts';

const FOLDER = fileURLToPath(new URL('mistakes', import.meta.url));
const IS_WRITTEN = process.env['GOLDEN'] === 'write';
const scratch = mkdtempSync(join(tmpdir(), 'signalbox-mistakes-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Mistake {
  readonly title: string;
  readonly file: string;
  /** As it is checked; `…` lines of the file's head stand for what is the same in all of them. */
  readonly text: string;
  readonly said: string;
}

/** `=== title [file]`, the text, `--- said`, what is said. */
function mistakesIn(text: string): readonly Mistake[] {
  return text.split(/^=== /m).slice(1).map((piece) => {
    const [head = '', ...rest] = piece.split('\n');
    const [, title = '', file = 'signalbox.yml'] = /^(.*?)(?:\s+\[(.*)\])?$/.exec(head)!;
    const [body = '', said = ''] = rest.join('\n').split(/^--- said\n/m);
    return { title, file, text: body, said };
  });
} // prettier-ignore

async function check({ file, text }: Mistake): Promise<string> {
  const directory = mkdtempSync(join(scratch, 'one-'));
  mkdirSync(dirname(join(directory, file)), { recursive: true });
  writeFileSync(join(directory, file), text);
  const io = new RecordedIo({});
  const before = process.cwd();
  process.chdir(directory);
  try {
    await runCommandLine(['check', file], io);
  } finally {
    process.chdir(before);
  }
  return (io.stdout + io.stderr).replaceAll(directory, 'DIR');
}

let count = 0;

test.each(readdirSync(FOLDER))('%s', async (name) => {
  const path = join(FOLDER, name);
  const mistakes = mistakesIn(readFileSync(path, 'utf8'));
  let written = '';
  for (const mistake of mistakes) {
    const said = await check(mistake);
    const file = mistake.file === 'signalbox.yml' ? '' : ` [${mistake.file}]`;
    written += `=== ${mistake.title}${file}\n${mistake.text}--- said\n${said}`;
    count++;
    if (IS_WRITTEN) continue;
    expect(said, `${basename(path)}: ${mistake.title}`).toBe(mistake.said);
    expect(said, mistake.title).toMatch(/^(?:error|warning) /);
    // Each has a place: line and column, or what else it came from.
    for (const line of said.split('\n')) {
      if (/^(?:error|warning) /.test(line))
        expect(line, mistake.title).toMatch(/:\d+:\d+(?:\s|$)|there is no entry point/);
      // Nobody is told in the words of a library, nor by a stack.
      expect(line, mistake.title).not.toMatch(
        /\bundefined\b|NaN|\[object|\bat .*\.[jt]s:|mapping entry|flow collection/,
      );
    }
  }
  if (IS_WRITTEN) writeFileSync(path, written);
});

test('there are more than two hundred and forty', () => {
  expect(count).toBeGreaterThan(240);
});
