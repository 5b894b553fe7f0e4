import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { StoredForm } from '../../model/stored-form.ts';
import { EventBus } from '../../observe/event-bus.ts';
import { NO_INTERNAL_SERVICES } from '../compile/internal-services.ts';
import { parseConfig } from '../config/document/document.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import { operatorSubstitutions } from '../config/install/operator-substitutions.ts';
import { decodeInstallDocument } from '../config/install/load-install.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import { Pipeline } from './pipeline.ts';
import { withSecrets } from '../../model/secrets.ts';
import { SnapshotHistory } from './snapshot-history.ts';

const SERVICES = 'services: { s: { loadBalancer: { servers: [{ url: "http://a" }] } } }';

function http(sections: string): RoutingConfig {
  return decodeRouting('file', parseConfig('f.yml', `http:\n${sections.replaceAll(/^/gm, '  ')}\n`));
}

const router = (rule: string): string => `routers: { r: { rule: ${JSON.stringify(rule)}, service: s } }\n${SERVICES}`;
const GOOD = router('Host(`a`)');

/** Goes on by itself when it is told to. */
class SteppingClock extends ManualClock {
  stepMs = 0;

  override now(): number {
    this.advance(this.stepMs);
    return super.now();
  }
}

interface Rig {
  readonly clock: SteppingClock;
  readonly pipeline: Pipeline;
  readonly log: string[];
  readonly saved: (readonly StoredForm[])[];
  change(config: RoutingConfig): Promise<readonly Diagnostic[]>;
}

let running: Pipeline | null = null;
afterEach(() => running?.stop());

const SUBSTITUTIONS = operatorSubstitutions({ A: '/the-secret' });

async function start(first: RoutingConfig, { install = '', saved = [] as readonly StoredForm[] } = {}): Promise<Rig> {
  const log: string[] = [];
  const note =
    (level: string) =>
    (message: string, fields: object = {}): number =>
      log.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const writes: (readonly StoredForm[])[] = [];
  const clock = new SteppingClock();
  let diagnostics: readonly Diagnostic[] = [];
  const pipeline = new Pipeline({
    install: decodeInstallDocument(
      parseConfig('signalbox.yml', `entryPoints: { web: { address: ":80" } }\n${install}`),
      SUBSTITUTIONS,
    ).value!,
    log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    clock,
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [],
    earlier: [first],
    lastGoodForms: { saved, save: (forms) => writes.push(forms) },
    onDiagnostics: (found) => {
      diagnostics = found;
    },
  });
  running = pipeline;
  await pipeline.start();
  pipeline.attach({
    publishSecrets: () => Promise.resolve(null),
    publish: ({ version }) => Promise.resolve({ version, acked: 1, nacks: [] }),
  });
  return {
    clock,
    pipeline,
    log,
    saved: writes,
    change: async (config) => {
      await pipeline.replace(config);
      return diagnostics;
    },
  };
}

const ruleOf = ({ pipeline }: Rig): string | undefined => pipeline.current.routes['r@file']?.rule;

test.each([
  ['a rule that does not parse', router('Hots(`b`)')],
  ['an option that does not exist', 'routers: { r: { rule: "Host(`b`)", sevice: s } }\n' + SERVICES],
  ['a section that is a list', `routers: [r]\n${SERVICES}`],
  ['a section that is a text', `routers: r\n${SERVICES}`],
])('an object goes on as it last was with %s, and is shown with what is wrong', async (_, broken) => {
  const rig = await start(http(GOOD));
  const diagnostics = await rig.change(http(broken));
  expect(rig.pipeline.current.routes['r@file']).toMatchObject({
    rule: 'Host(`a`)',
    service: 's@file',
    disabledStatus: 0,
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).not.toEqual([]);
  expect(diagnostics.filter(({ code }) => code === 'last-good')).toHaveLength(1);
  const shown = rig.pipeline.result.routers.get('r@file')!;
  expect(shown.errors).toEqual([]);
  expect(shown.warnings).not.toEqual([]);
  await rig.change(http(router('Host(`c`)')));
  expect(ruleOf(rig)).toBe('Host(`c`)');
});

test('a whole file that does not parse keeps what it held, also over a restart', async () => {
  const rig = await start(http(GOOD));
  const broken = decodeRouting('file', parseConfig('f.yml', 'http: ['));
  await rig.change(broken);
  expect(ruleOf(rig)).toBe('Host(`a`)');
  const saved = rig.saved.at(-1) ?? rig.pipeline.lastGoodForms;
  const later = await start(broken, { saved });
  expect(ruleOf(later)).toBe('Host(`a`)');
  expect(later.pipeline.result.diagnostics.map(({ code }) => code)).toContain('last-good');
});

test('services, middlewares and transports go on as well', async () => {
  const text = (url: string, prefix: string, timeout: string): string => `
routers: { r: { rule: "Host(\`a\`)", service: s, middlewares: [m] } }
middlewares: { m: { addPrefix: { prefix: ${prefix} } } }
services: { s: { loadBalancer: { servers: [{ url: "${url}" }], serversTransport: t } } }
serversTransports: { t: { forwardingTimeouts: { dialTimeout: ${timeout} } } }`;
  const rig = await start(http(text('http://a', '/x', '7s')));
  const before = rig.pipeline.current;
  await rig.change(http(text('not a url', '[]', 'soon')));
  const { routes, services, middlewares } = rig.pipeline.current;
  expect({ routes, services, middlewares }).toEqual({
    routes: before.routes,
    services: before.services,
    middlewares: before.middlewares,
  });
});

test('what is taken away, and what an object names, has no last good form', async () => {
  const rig = await start(http(GOOD));
  await rig.change(http(`routers: { r: { rule: "Host(\`a\`)", service: s } }`));
  expect(rig.pipeline.current.routes['r@file']!.disabledStatus).toBe(503);
  expect(rig.log).toContainEqual(
    'warn a router is disabled: its requests are answered 503 {"router":"r@file","cause":"there is no service \\"s\\""}',
  );
  await rig.change(http(SERVICES));
  await rig.change(http(router('Hots(`b`)')));
  expect(rig.pipeline.current.routes).toEqual({});
});

test('a router is told of once while it is disabled, and when it is served again', async () => {
  const rig = await start(http(GOOD));
  const broken = `routers: { r: { rule: "Host(\`a\`)", service: x } }\n${SERVICES}`;
  await rig.change(http(broken));
  await rig.change(http(`${broken}\nmiddlewares: { m: { addPrefix: { prefix: /x } } }`));
  await rig.change(http(GOOD));
  const told = rig.log.filter((line) => line.includes('a router is'));
  expect(told).toHaveLength(2);
  expect(told[1]).toBe('info a router is served again {"router":"r@file"}');
});

test('over a restart, only the operator’s words have substitutions', async () => {
  const options = (substitutions?: Substitutions): { substitutions?: Substitutions } =>
    substitutions === undefined ? {} : { substitutions };
  for (const [words, substitutions] of [['operator', SUBSTITUTIONS], ['tenant', undefined]] as const) {
    const decode = (prefix: string): RoutingConfig => {
      const router = 'routers: { r: { rule: "Host(`a`)", service: s, middlewares: [m] } }';
      const text = `http: { middlewares: { m: { addPrefix: { prefix: ${prefix} } } }, ${router}, ${SERVICES} }`;
      return decodeRouting('file', parseConfig('f.yml', text), options(substitutions));
    };
    const rig = await start(decode('"/x${A}"'));
    const later = await start(decode('[]'), { saved: rig.pipeline.lastGoodForms });
    const { current, secrets } = later.pipeline;
    const { middlewares } = withSecrets(current, (name) => secrets[name]);
    expect([words, middlewares['m@file']?.options]).toMatchObject([
      words,
      { prefix: words === 'operator' ? '/x/the-secret' : '/x${A}' },
    ]);
    await rig.pipeline.stop();
  }
}); // prettier-ignore

test('without keepLastGood a mistake counts at once', async () => {
  const rig = await start(http(GOOD), { install: 'providers: { keepLastGood: false }' });
  await rig.change(http('routers: { r: { rule: "Host(`a`)", sevice: s } }\n' + SERVICES));
  expect(rig.pipeline.current.routes['r@file']!.disabledStatus).toBe(503);
});

test('forms are kept as they were written, and only when they change', async () => {
  const rig = await start(http(GOOD));
  expect(rig.saved).toHaveLength(1);
  expect(rig.saved[0]!.map(({ section, name, text }) => [section, name, text])).toContainEqual([
    'routers',
    'r',
    '{"rule":"Host(`a`)","service":"s"}',
  ]);
  await rig.change(http(router('Hots(`b`)')));
  expect(rig.saved).toHaveLength(1);
  await rig.change(http(router('Host(`c`)')));
  expect(rig.saved).toHaveLength(2);
});

test('whatever a configuration makes the compiler do, what was in force before stays', async () => {
  const rig = await start(http(GOOD));
  const bad = http(router('Host(`b`)'));
  const trap = {
    ...bad,
    get services(): never {
      throw new RangeError('Maximum call stack size exceeded');
    },
  };
  const diagnostics = await rig.change(trap);
  expect(ruleOf(rig)).toBe('Host(`a`)');
  expect(diagnostics.map(({ code }) => code)).toContain('compile-failed');
  expect(rig.log.some((line) => line.startsWith('error the configuration cannot be compiled'))).toBe(true);
  await rig.change(http(router('Host(`c`)')));
  expect(ruleOf(rig)).toBe('Host(`c`)');
  const first = await start(trap);
  expect(first.pipeline.current.routes).toEqual({});
});

test('between rules that take long to parse, others get their turn', async () => {
  const rig = await start(http(GOOD));
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  // Every look at the clock is six milliseconds later than the last.
  rig.clock.stepMs = 6;
  setImmediate(count);
  const rules = Array.from({ length: 100 }, (_, at) => `  r${at}: { rule: "Host(\`r${at}\`)", service: s }`).join('\n');
  await rig.change(http(`routers:\n${rules}\n${SERVICES}`));
  isOver = true;
  expect(Object.keys(rig.pipeline.current.routes)).toHaveLength(100);
  expect(turns).toBeGreaterThan(20);
});
