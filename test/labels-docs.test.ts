// Every example of docs/labels.md says what the YAML under it says, and every template and expression in the page is
// one that the program takes.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseConstraints } from '../src/controlplane/providers/labels/constraint/constraints.ts';
import { FUNCTIONS } from '../src/controlplane/providers/labels/template/functions.ts';
import { parseTemplate } from '../src/controlplane/providers/labels/template/rule-template.ts';
import { expectAlike, labelsOf } from './support/label-sets.ts';
import { DEFAULTS } from './support/workloads.ts';

const PAGE = readFileSync(new URL('../docs/labels.md', import.meta.url), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/```properties\n([\s\S]*?)```[\s\S]*?```yaml\n([\s\S]*?)```/g)];

test('the page has examples', () => {
  expect(EXAMPLES).toHaveLength(3);
});

test.each(EXAMPLES.map(([, labels, yaml]) => [labels!, yaml!]))('%s', (labels, yaml) => {
  expectAlike({ id: 'web', labels: labelsOf(labels.trim().split('\n')), ports: [8080] }, yaml);
});

test('templates and expressions are read', () => {
  const code = [...PAGE.matchAll(/(?<!`)``([A-Z].*?)``(?!`)/g)].map(([, text]) => text!);
  const [template, expression] = code;
  expect(template).toBe(DEFAULTS.defaultRule);
  expect(parseTemplate(template!)).toHaveProperty('render');
  expect(parseConstraints(expression!)).toHaveProperty('matches');
});

test('functions that the page names are there', () => {
  const sprig = /of sprig ([\s\S]*?) and a few more/.exec(PAGE)![1]!;
  const names = [...sprig.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !(name in FUNCTIONS))).toEqual([]);
});
