import { expect, test } from 'vitest';
import { parseConstraints, type ConstraintDialect } from './constraints.ts';

const LABELS = { team: 'blue', 'com.docker.compose.project': 'shop', tier: 'front"end' };

function outcome(text: string, dialect: ConstraintDialect = 'labels'): string {
  const parsed = parseConstraints(text, dialect);
  if (parsed === null) return 'none';
  return 'problem' in parsed ? parsed.problem : String(parsed.matches({ labels: LABELS, tags: ['web', 'v=2'] }));
}

test.each([
  ['', 'none'],
  ['Label(`team`, `blue`)', 'true'],
  ['Label("team", "blue")', 'true'],
  ['Label(`team`,`red`)', 'false'],
  ['Label(`none`, ``)', 'false'],
  ['Label(`toString`, `x`)', 'false'],
  ['Label("tier", "front\\"end")', 'true'],
  ['LabelRegex(`team`, `^b.+`)', 'true'],
  ['LabelRegex(`team`, `lu`)', 'true'],
  ['LabelRegex(`none`, `.*`)', 'false'],
  ['!Label(`team`, `red`)', 'true'],
  ['!!Label(`team`, `red`)', 'false'],
  // `&&` binds closer.
  ['Label(`team`, `blue`) || Label(`team`, `red`) && Label(`team`, `green`)', 'true'],
  ['(Label(`team`, `blue`) || Label(`team`, `red`)) && Label(`team`, `green`)', 'false'],
  ['Label(`team`, `blue`) && !LabelRegex(`com.docker.compose.project`, `^infra`)', 'true'],
  ['Lable(`team`, `blue`)', 'there is no "Lable" (character 1); did you mean "Label"?'],
  ['Tag(`web`)', 'there is no "Tag" (character 1); known here: Label, LabelRegex'],
  ['Label(`team`)', 'Label (character 1) takes 2, found 1; write Label(`key`, `value`)'],
  ['Label(team, blue)', 'expected text in backticks or double quotes at character 7, found "team, blue)"'],
  ['Label(`team`, `blue`', 'expected ")" at character 21, found the end'],
  ['Label(`team`, `blue)', 'the ` at character 15 has no end'],
  ['Label(`a`, `b`) Label(`a`, `b`)', 'expected &&, || or the end at character 17, found "Label(`a`, `b`)"'],
  ['Label(`a`, `b`) &&', 'expected Label(…) or LabelRegex(…) at character 19, found the end'],
  [
    'LabelRegex(`a`, `(`)',
    'LabelRegex (character 1): the pattern is no RE2 regular expression: error parsing regexp: missing closing ): `(`',
  ],
  ['('.repeat(500), 'the expression is nested too deeply'],
])('%s', (text, expected) => {
  expect(outcome(text)).toBe(expected);
});

test('providers of tags ask about tags', () => {
  expect(outcome('Tag(`web`) && !Tag(`api`)', 'tags')).toBe('true');
  expect(outcome('TagRegex(`^v=[0-9]$`)', 'tags')).toBe('true');
  expect(outcome('Label(`a`, `b`)', 'tags')).toBe('there is no "Label" (character 1); known here: Tag, TagRegex');
});
