import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTemplate } from './rule-template.ts';

const VARIABLES = { Name: 'shop_web', ContainerName: 'shop-web-1' };
const LABELS = { team: 'blue', 'com.example/host': 'a.example.test', empty: '', hosts: 'a.test, b.test', number: '3' };

function rendered(template: string): string {
  const parsed = parseTemplate(template);
  if ('problem' in parsed) return `unreadable: ${parsed.problem}`;
  const result = parsed.render(VARIABLES, LABELS);
  return 'problem' in result ? `problem: ${result.problem}` : result.text;
}

/** What people write in `defaultRule`, of documentation and of forums, and what is at its edges. */
const CASES: readonly (readonly [template: string, expected: string])[] = [
  ['Host(`{{ .Name }}`)', 'Host(`shop_web`)'],
  ['Host(`{{ normalize .Name }}`)', 'Host(`shop-web`)'],
  ['Host(`{{ .ContainerName | normalize }}.docker.test`)', 'Host(`shop-web-1.docker.test`)'],
  ['Host(`{{ .Name }}.{{ index .Labels "team" }}`)', 'Host(`shop_web.blue`)'],
  ['Host(`{{ index .Labels "com.example/host" }}`)', 'Host(`a.example.test`)'],
  ['Host(`{{ .Labels.team }}`)', 'Host(`blue`)'],
  ['Host(`{{ trimSuffix "_web" .Name }}.test`)', 'Host(`shop.test`)'],
  ['Host(`{{ .Name | trimPrefix "shop_" | upper }}`)', 'Host(`WEB`)'],
  ['Host(`{{ replace "_" "." .Name }}`)', 'Host(`shop.web`)'],
  ['Host(`{{ (split "_" .Name)._0 }}`)', 'Host(`shop`)'],
  ['Host(`{{ index (split "_" .Name) "_1" }}`)', 'Host(`web`)'],
  ['{{ $parts := splitList "_" .Name }}Host(`{{ last $parts }}.{{ first $parts }}.test`)', 'Host(`web.shop.test`)'],
  ['Host(`{{ splitList "_" .Name | join "." }}`)', 'Host(`shop.web`)'],
  ['Host(`{{ index .Labels "none" | default .Name }}`)', 'Host(`shop_web`)'],
  ['Host(`{{ coalesce (index .Labels "none") (index .Labels "empty") .Labels.team }}`)', 'Host(`blue`)'],
  [
    '{{ if index .Labels "none" }}no{{ else if eq .Labels.team "red" "blue" }}Host(`b`){{ else }}no{{ end }}',
    'Host(`b`)',
  ],
  ['{{ with index .Labels "team" }}Host(`{{ . }}.{{ $.Name }}`){{ else }}no{{ end }}', 'Host(`blue.shop_web`)'],
  ['{{ with $x := .Labels.none }}no{{ else }}Host(`x`){{ end }}', 'Host(`x`)'],
  ['{{- /* a comment with }} in it */ -}}  Host(`x`)  {{- "" }}', 'Host(`x`)'],
  ['{{ range $i, $h := splitList ", " .Labels.hosts }}{{ if $i }} || {{ end }}Host(`{{ $h }}`){{ end }}', 'Host(`a.test`) || Host(`b.test`)'], // prettier-ignore
  ['{{ range .Labels.none }}x{{ else }}Host(`none`){{ end }}', 'Host(`none`)'],
  [
    '{{ range $k, $v := .Labels }}{{ if hasPrefix "tea" $k }}Host(`{{ $k }}-{{ $v }}`){{ end }}{{ end }}',
    'Host(`team-blue`)',
  ],
  ['{{ $n := .Name }}{{ $n = "y" }}Host(`{{ $n }}`)', 'Host(`y`)'],
  ['{{ printf "Host(`%s.%v`) && Path(%q)" .Name 3 "/a" }}', 'Host(`shop_web.3`) && Path("/a")'],
  ['{{ printf "%05d|%-4s|%x" 42 "ab" 255 }}', '00042|ab  |ff'],
  ['{{ if and (eq .Name "shop_web") (not (contains "red" .Labels.team)) }}yes{{ end }}', 'yes'],
  ['{{ if or (index .Labels "none") (ne .Name "x") }}yes{{ end }}', 'yes'],
  ['{{ regexReplaceAll "_([a-z]+)$" .Name ".${1}.test" }}', 'shop.web.test'],
  [
    '{{ substr 0 4 .Name }} {{ trunc 4 .Name }} {{ trim "  a " }} {{ lower "A" }} {{ quote .Name }}',
    'shop shop a a "shop_web"',
  ],
  ['{{ hasSuffix "web" .Name }} {{ empty "" }} {{ ternary "a" "b" false }} {{ len .Name }}', 'true true b 8'],
  ['{{ "a\\"b" }} {{ `c}}d` }}', 'a"b c}}d'],
  // What cannot be read.
  ['Host(`{{ .Nmae }}`)', 'unreadable: there is no ".Nmae" in {{ .Nmae }}; did you mean ".Name"?'],
  [
    '{{ nomalize .Name }}',
    'unreadable: there is no function "nomalize" in {{ nomalize .Name }}; did you mean "normalize"?',
  ],
  [
    '{{ env "SECRET" }}',
    'unreadable: "env" in {{ env "SECRET" }} would read the process; a rule is made of the workload alone',
  ],
  ['{{ .Name ', 'unreadable: "{{" at character 1 has no "}}"'],
  ['{{ if .Name }}x', 'unreadable: {{ if }} has no {{ end }}'],
  ['x{{ end }}', 'unreadable: {{ end }} ends nothing'],
  ['{{ .Name "x" }}', 'unreadable: in {{ .Name "x" }} a function has to stand before what it is given'],
  ['{{ lower (trim .Name }}', 'unreadable: a ")" is missing in {{ lower (trim .Name }}'],
  ['{{ }}', 'unreadable: a value is missing in {{  }}'],
  ['{{ define "x" }}{{ end }}', 'unreadable: {{ define }} is not known in a rule'],
  [`${'{{ if true }}'.repeat(100)}${'{{ end }}'.repeat(100)}`, 'unreadable: it is nested too deeply'],
  // What comes to nothing.
  [
    'Host(`{{ index .Labels "none" }}`)',
    'problem: {{ index .Labels "none" }} needs the label "none", which is not there',
  ],
  [
    '{{ index .Labels "none" | lower }}',
    'problem: {{ index .Labels "none" | lower }} needs the label "none", which is not there',
  ],
  ['{{ if .Labels.none }}x{{ end }}', 'problem: it comes to nothing'],
  ['{{ lower }}', 'problem: lower takes 1, found 0'],
  ['{{ $x }}', 'problem: the variable "$x" is used before it has a value'],
  ['{{ repeat 100000 .Name }}', 'problem: a text of it is longer than 16384 characters'],
  ['{{ $x := splitList "" (repeat 900 "a") }}{{ range $x }}{{ range $x }}{{ end }}{{ end }}', 'problem: it takes more than 10000 steps'], // prettier-ignore
  ['{{ first .Name }}', 'problem: expected a list, found "shop_web"'],
  [
    '{{ regexMatch "(" .Name }}',
    'problem: the pattern is no RE2 regular expression: error parsing regexp: missing closing ): `(`',
  ],
];

test.each(CASES)('%s', (template, expected) => {
  expect(rendered(template)).toBe(expected);
});

test('whatever stands in a template, it is read or refused in words', () => {
  const piece = fc.constantFrom('{{', '}}', '{{-', '-}}', ' ', '.', '.Name', '.Labels', '$x', ':=', '|', '(', ')', '"a"', '`', '1', 'if', 'else', 'end', 'range', 'with', 'index', 'printf', 'split', 'repeat', 'lower', 'x', '/*', '*/', ','); // prettier-ignore
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
      expect(typeof rendered(pieces.join(' '))).toBe('string');
      expect(typeof rendered(`{{ ${pieces.join(' ')} }}`)).toBe('string');
    }),
    { seed: 3, numRuns: 2_000 },
  );
});
