// Links and anchors of all documents, or of those that are named: each leads to a file that is there, and to a heading
// in it. Links to other sites are not followed. Prints what leads nowhere, and ends with 1 when something does.
// Usage: npm run docs:links
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.bench', '.ci']);

function documentsBelow(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : documentsBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Code is not read: neither links nor headings are in it. */
function withoutCode(text) {
  return text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/<!--[\s\S]*?-->/g, '');
}

/** As GitHub makes them of headings: a heading that is there twice gets a number. */
function anchorsOf(text) {
  const anchors = new Set();
  for (const [, heading] of withoutCode(text).matchAll(/^#{1,6} +(.*?) *#*$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let number = 1; anchors.has(unique); number++) unique = `${anchor}-${number}`;
    anchors.add(unique);
  }
  return anchors;
}

/** Targets by line; spans of code hold none. */
function linksOf(text) {
  const links = [];
  let isCode = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^ *```/.test(line)) isCode = !isCode;
    if (isCode) continue;
    const plain = line.replaceAll(/``.*?``|`[^`]*`/g, (span) => 'x'.repeat(span.length));
    for (const [, target] of plain.matchAll(/\]\(([^)\s]+)[^)]*\)/g)) links.push({ line: index + 1, target });
  }
  return links;
}

/** What leads nowhere, as `file:line target: why`. */
function brokenLinks(documents) {
  const broken = [];
  for (const document of documents) {
    for (const { line, target } of linksOf(readFileSync(document, 'utf8'))) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const path = file === '' ? document : join(dirname(document), file);
      const where = `${relative(ROOT, document)}:${line} ${target}`;
      if (!existsSync(path)) broken.push(`${where}: there is no such file`);
      else if (
        anchor !== undefined &&
        (statSync(path).isDirectory() || !anchorsOf(readFileSync(path, 'utf8')).has(anchor))
      ) {
        broken.push(`${where}: no heading of ${relative(ROOT, path)} has this anchor`);
      }
    }
  }
  return broken;
}

const given = process.argv.slice(2).map((file) => resolve(file));
const broken = brokenLinks(given.length > 0 ? given : documentsBelow(ROOT));
for (const line of broken) console.log(line);
console.log(broken.length === 0 ? 'all links lead somewhere' : `${broken.length} lead nowhere`);
process.exitCode = broken.length === 0 ? 0 : 1;
