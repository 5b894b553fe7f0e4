// Compile as a whole, held against pairs of files: everything that a configuration comes to, and everything that is
// said of it. Each pair is there for a branch or a diagnostic that no other pair reaches: its head names what stands in
// its result alone. `GOLDEN=write npx vitest run test/golden.test.ts` writes the results anew; read the difference
// before you commit it.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compile } from '../src/controlplane/compile/compile.ts';
import { danglingNames } from '../src/controlplane/compile/consistent.ts';
import { isOfCertificate } from '../src/model/secrets.ts';
import { internalServices } from '../src/controlplane/compile/internal-services.ts';
import { decodeInstall } from '../src/controlplane/config/install/load-install.ts';

const GOLDEN = fileURLToPath(new URL('golden/', import.meta.url));
const INPUT = '.in.yaml';
const ONLY_HERE = /^# Only here: (.*)$/gm;
/** Pairs that hold much at once, in which things meet; they reach what others are there for as well. */
const WHOLE = join(GOLDEN, 'whole');
const MIN_PAIRS = 40;

const all = readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith(INPUT))
  .map((name) => join(GOLDEN, name))
  .toSorted();

function outputOf(input: string): string {
  return input.replace(INPUT, '.out.json');
}

/** Empty sections say nothing, and are left out. */
function compiled(text: string): object {
  const { value } = decodeInstall('in.yaml', text);
  expect(value).not.toBeNull();
  const published = value!.routing === null ? [] : [value!.routing];
  const { sections, secrets, wantedCertificates, ...result } = compile(
    value!,
    published,
    internalServices(value!.admin),
  );
  expect(danglingNames(sections, secrets)).toEqual([]);
  const said = result.diagnostics.map(
    ({ severity, code, line, column, path, message }) => `${severity} ${code} ${line}:${column} ${path}: ${message}`,
  );
  const filled = Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0);
  const hidden = Object.entries(secrets).filter(([, secret]) => !isOfCertificate(secret));
  const hides = hidden.length === 0 ? {} : { hidden: Object.fromEntries(hidden) };
  return { sections: Object.fromEntries(filled), ...hides, wantedCertificates, said };
}

test.each(all.map((input) => [relative(GOLDEN, input), input]))('%s', (_name, input) => {
  const actual = compiled(readFileSync(input, 'utf8'));
  const text = `${JSON.stringify(actual, null, 2)}\n`;
  if (process.env['GOLDEN'] === 'write') writeFileSync(outputOf(input), text);
  expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(outputOf(input), 'utf8')));
});

test('each pair is there for something that no other one reaches', () => {
  const inputs = all.filter((input) => !input.startsWith(WHOLE));
  expect(inputs.length).toBeGreaterThanOrEqual(MIN_PAIRS);
  const results = new Map(
    inputs.map((input) => [input, readFileSync(outputOf(input), 'utf8').replaceAll(/\s+/g, ' ')]),
  );
  const wrong: string[] = [];
  for (const input of inputs) {
    const heads = [...readFileSync(input, 'utf8').matchAll(ONLY_HERE)].map(([, text]) => text!.replaceAll(/\s+/g, ' '));
    if (heads.length === 0) wrong.push(`${relative(GOLDEN, input)} does not say what it is for`);
    for (const head of heads) {
      const holders = inputs.filter((other) => results.get(other)!.includes(head)).map((one) => relative(GOLDEN, one));
      if (holders.join() !== relative(GOLDEN, input))
        wrong.push(`${relative(GOLDEN, input)}: "${head}" is in ${holders.join(', ') || 'none'}`);
    }
  }
  expect(wrong).toEqual([]);
});
