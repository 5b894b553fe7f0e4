// Spelling of the prose of all documents, or of those that are named: every word is in scripts/words.txt, a line each
// in alphabetical order. Code, links, tables' code spans and names with digits or inner capitals are not looked at.
// Prints what it does not know, and ends with 1 when there is something; --add puts it on the list, to be read over
// before it is committed.
// Usage: npm run docs:spelling
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIST = new URL('words.txt', import.meta.url);
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.bench', '.ci', 'bench']);

function documentsBelow(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : documentsBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Of the same length and lines as the text, so that places stay. */
function proseOf(text) {
  const blank = (found) => found.replaceAll(/[^\n]/g, ' ');
  return text
    .replaceAll(/^ *```[\s\S]*?^ *```/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replaceAll(/``.*?``|`[^`]*`/g, blank)
    .replaceAll(/\]\([^)]*\)/g, blank)
    .replaceAll(/<?https?:\S+/g, blank)
    .replaceAll(/[\w.-]*[\w]\.[a-z]{2,}\b/gi, blank);
}

function wordsOf(document) {
  const words = [];
  for (const [index, line] of proseOf(readFileSync(document, 'utf8')).split('\n').entries()) {
    for (const [word] of line.matchAll(/[\p{L}\p{N}_]+(?:['’][\p{L}]+)?/gu)) {
      const plain = word.replace(/['’](?:s|t|re|ve|ll|d)$/, '');
      // Names of options, and abbreviations, are no words.
      if (/[\p{N}_]|\p{Ll}\p{Lu}|^\p{Lu}+s?$/u.test(plain)) continue;
      words.push({ word: plain.toLowerCase(), where: `${relative(ROOT, document)}:${index + 1}` });
    }
  }
  return words;
}

const args = process.argv.slice(2);
const isAdding = args.includes('--add');
const given = args.filter((arg) => arg !== '--add').map((file) => resolve(file));
const known = new Set(readFileSync(LIST, 'utf8').split('\n'));
const unknown = (given.length > 0 ? given : documentsBelow(ROOT))
  .flatMap(wordsOf)
  .filter(({ word }) => !known.has(word));
if (isAdding) {
  const all = new Set([...known, ...unknown.map(({ word }) => word)].filter((word) => word !== ''));
  writeFileSync(LIST, `${[...all].toSorted((one, other) => (one < other ? -1 : 1)).join('\n')}\n`);
} else {
  for (const { word, where } of unknown) console.log(`${where} ${word}`);
  console.log(
    unknown.length === 0
      ? 'every word is known'
      : `${unknown.length} words are not in scripts/words.txt; if they are spelt well: npm run docs:spelling -- --add`,
  );
  process.exitCode = unknown.length === 0 ? 0 : 1;
}
