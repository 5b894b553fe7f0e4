import { expect, test } from 'vitest';
import { HTTP_RULES } from '../../../dataplane/match/rule/rule.ts';
import { TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import { parseConfig } from '../../config/document/document.ts';
import { decodeInstall } from '../../config/install/load-install.ts';
import { decodeRouting } from '../../config/routing/routing-config.ts';
import { compile } from '../compile.ts';
import { CompileMemory } from '../compile-memory.ts';
import { NO_INTERNAL_SERVICES } from '../internal-services.ts';
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
  const memory = new CompileMemory();
  expect([...parseRulesAhead([config], memory)]).toHaveLength(3);
  expect([...parseRulesAhead([config], memory)]).toHaveLength(0);
  const known = [HTTP_RULES, TCP_RULES].map((language) => memory.problems(language));
  const before = structuredClone(known);
  const install = decodeInstall('in.yml', 'entryPoints: { web: { address: ":0" } }').value!;
  const { diagnostics } = compile(install, [config], NO_INTERNAL_SERVICES, memory);
  expect(known).toEqual(before);
  expect(diagnostics.filter(({ code }) => code === 'rule-syntax')).toHaveLength(1);
});
