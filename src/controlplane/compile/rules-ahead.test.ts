import { expect, test } from 'vitest';
import type { RuleProblems } from '../../dataplane/match/rule-error.ts';
import { parseConfig } from '../config/document/document.ts';
import { decodeInstall } from '../config/install/install-config.ts';
import { decodeRouting } from '../config/routing/routing-config.ts';
import { compile } from './compile.ts';
import { parseRulesAhead } from './rules-ahead.ts';

test('one step a rule that is not known, and none left for the compiler', () => {
  const config = decodeRouting(
    'file',
    parseConfig(
      'f.yml',
      `
http:
  routers:
    a: { rule: "HostRegexp(\`^a+$\`)", service: s }
    same: { rule: "HostRegexp(\`^a+$\`)", service: s }
    wrong: { rule: "Hots(\`b\`)", service: s }
tcp:
  routers: { db: { rule: "HostSNI(\`*\`)", service: s } }
`,
    ),
  );
  const known = new Map<string, RuleProblems>();
  expect([...parseRulesAhead([config], known)]).toHaveLength(3);
  expect([...parseRulesAhead([config], known)]).toHaveLength(0);
  const before = new Map(known);
  const install = decodeInstall('in.yml', 'entryPoints: { web: { address: ":0" } }').value!;
  const { diagnostics } = compile(install, [config], {}, known);
  expect(known).toEqual(before);
  expect(diagnostics.filter(({ code }) => code === 'rule-syntax')).toHaveLength(1);
});
