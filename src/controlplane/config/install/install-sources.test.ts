import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PathSegment } from '../../../schema/decode-context.ts';
import type { Schema } from '../../../schema/schema.ts';
import { setAt } from '../../../schema/set-at.ts';
import { parseConfig } from '../document/document.ts';
import { decodeInstallDocument } from './load-install.ts';
import { installOptions } from './install-options.ts';
import { isSwitch, listOrigins, mergeInstallSources, type OptionFlag } from './install-sources.ts';
import { operatorSubstitutions } from './operator-substitutions.ts';

interface Given {
  readonly file?: string;
  readonly environment?: Record<string, string>;
  readonly flags?: readonly string[];
}

function flag(text: string): OptionFlag {
  const [name = '', ...value] = text.split('=');
  return { name, value: value.length === 0 ? null : value.join('=') };
}

function merge({ file, environment = {}, flags = [] }: Given): ReturnType<typeof mergeInstallSources> {
  return mergeInstallSources(
    { file: file === undefined ? null : parseConfig('signalbox.yml', file), environment, flags: flags.map(flag) },
    installOptions,
  );
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const FILE = 'log: { level: warn, format: json }\nentryPoints: { webSecure: { address: ":443" } }\n';

/** Every subset of the sources; the strongest that speaks decides. */
test.each([
  [['file'], 'warn'],
  [['environment'], 'debug'],
  [['flags'], 'error'],
  [['file', 'environment'], 'debug'],
  [['file', 'flags'], 'error'],
  [['environment', 'flags'], 'error'],
  [['file', 'environment', 'flags'], 'error'],
])('%j', (sources, level) => {
  const document = merge({
    ...(sources.includes('file') ? { file: FILE } : {}),
    ...(sources.includes('environment') ? { environment: { SIGNALBOX_LOG_LEVEL: 'debug', TRAEFIK_LOG_LEVEL: 'info' } } : {}),
    ...(sources.includes('flags') ? { flags: ['log.level=error'] } : {}),
  }); // prettier-ignore
  const { value } = decodeInstallDocument(document, operatorSubstitutions({}));
  expect(value?.log.level).toBe(level);
  // Options that only a weaker source has stay.
  expect(value?.log.format).toBe(sources.includes('file') ? 'json' : 'common');
});

test('names are the same in every source, whatever their case', () => {
  const document = merge({
    file: FILE,
    environment: {
      signalbox_entrypoints_websecure_http_middlewares: 'a,b',
      SIGNALBOX_ENTRYPOINTS_MY_DOOR_ADDRESS: ':1',
      SIGNALBOX_METRICS_PROMETHEUS_HEADERLABELS_USER_AGENT: 'User-Agent',
    },
    flags: ['ENTRYPOINTS.WEBSECURE.transport.lifecycle.graceTimeOut=3s'],
  });
  expect(plain(document.value)).toMatchObject({
    entryPoints: {
      webSecure: { address: ':443', http: { middlewares: 'a,b' }, transport: { lifeCycle: { graceTimeOut: '3s' } } },
      my_door: { address: ':1' },
    },
    metrics: { prometheus: { headerLabels: { user_agent: 'User-Agent' } } },
  });
  expect(decodeInstallDocument(document, operatorSubstitutions({})).diagnostics).toEqual([]);
});

test('sections are switched on and off', () => {
  const document = merge({ file: 'api: {}\nping: {}\n', flags: ['api=false', 'metrics.prometheus', 'accessLog=true'] });
  expect(plain(document.value)).toEqual({ ping: {}, metrics: { prometheus: {} }, accessLog: {} });
});

test('a list in several flags is one list', () => {
  const document = merge({ flags: ['entryPoints.web.address=:1', 'entryPoints.web.http.middlewares=a', 'entryPoints.web.http.middlewares=b'] });
  const { value } = decodeInstallDocument(document, operatorSubstitutions({}));
  expect(value?.entryPoints['web']?.middlewares).toEqual(['a', 'b']);
}); // prettier-ignore

test('what no option is called is said of where it was written', () => {
  const document = merge({
    environment: {
      SIGNALBOX_LOG_LEVLE: 'debug',
      TRAEFIK_LGO_LEVEL: '1',
      SIGNALBOX_ADMIN_URL: 'x',
      SIGNALBOX_IMAGE: 'v1',
    },
    flags: ['entryPoints.web.adress=:1', 'entryPoints.web.address=:1'],
  });
  const { diagnostics } = decodeInstallDocument(document, operatorSubstitutions({}));
  expect(diagnostics.map(({ severity, source, message }) => `${severity} ${source}: ${message}`)).toEqual([
    'warning environment variable TRAEFIK_LGO_LEVEL: TRAEFIK_LGO_LEVEL names no option and is left out',
    'warning environment variable SIGNALBOX_IMAGE: SIGNALBOX_IMAGE names no option and is left out',
    'error environment variable SIGNALBOX_LOG_LEVLE: unknown option "levle"; did you mean "level"?',
    'error flag --entryPoints.web.adress: unknown option "adress"; did you mean "address"?',
  ]);
});

test('a wrong value is said of its variable or flag', () => {
  const document = merge({ file: FILE, environment: { SIGNALBOX_LOG_LEVEL: 'loud' } });
  const [found] = decodeInstallDocument(document, operatorSubstitutions({})).diagnostics;
  expect(found).toMatchObject({ source: 'environment variable SIGNALBOX_LOG_LEVEL', path: 'log.level', line: 0 });
});

test('what Kubernetes sets for a service of this name is no option', () => {
  const environment = {
    TRAEFIK_SERVICE_HOST: '10.0.0.1',
    TRAEFIK_PORT: 'tcp://10.0.0.1:80',
    SIGNALBOX_PORT_80_TCP_ADDR: '10.0.0.1',
    SIGNALBOX_SERVICE_PORT_WEB: '80',
  };
  expect(merge({ environment })).toMatchObject({ value: {}, diagnostics: [] });
});

test('names that would reach the prototype are refused', () => {
  const document = merge({ flags: ['entryPoints.__proto__.address=:1', 'entryPoints.constructor.address=:1'] });
  const { value, diagnostics } = decodeInstallDocument(document, operatorSubstitutions({}));
  expect(value).toBeNull();
  expect(diagnostics.map(({ code }) => code)).toEqual(['forbidden-key', 'forbidden-key']);
  expect(({} as Record<string, unknown>)['address']).toBeUndefined();
});

test('every value has its origin', () => {
  const document = merge({ file: FILE, environment: { SIGNALBOX_LOG_LEVEL: 'debug' }, flags: ['ping'] });
  expect(listOrigins(document).map(({ path, origin }) => `${path.join('.')} ${origin}`)).toEqual([
    'log.level environment variable SIGNALBOX_LOG_LEVEL',
    'log.format signalbox.yml:1:21',
    'entryPoints.webSecure.address signalbox.yml:2:29',
    'ping flag --ping',
  ]);
});

test('flags that stand alone', () => {
  expect(isSwitch(installOptions, 'api.insecure')).toBe(true);
  expect(isSwitch(installOptions, 'metrics.prometheus')).toBe(true);
  expect(isSwitch(installOptions, 'entryPoints.web.address')).toBe(false);
});

test('random variables and flags never throw, and whatever names no option is told', () => {
  const words = fc.constantFrom('entryPoints', 'web', 'address', 'http', 'middlewares', 'log', 'level', 'api', '0', '__proto__', 'constructor', 'x', '', 'metrics', 'prometheus', 'buckets', 'headerLabels');
  const values = fc.oneof(fc.string(), fc.constantFrom('true', 'false', ':80', '${A}', '${file:/none}', '[]', '{}', 'a,b', '1h'));
  const name = fc.array(words, { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(fc.array(fc.tuple(name, values), { maxLength: 5 }), fc.array(fc.tuple(name, values), { maxLength: 5 }), (variables, flags) => {
      const environment = Object.fromEntries(variables.map(([parts, value]) => [`SIGNALBOX_${parts.join('_')}`, value]));
      const document = mergeInstallSources(
        { file: parseConfig('signalbox.yml', FILE), environment, flags: flags.map(([parts, value]) => ({ name: parts.join('.'), value })) },
        installOptions,
      );
      const { value, diagnostics } = decodeInstallDocument(document, operatorSubstitutions({}));
      expect(value !== null || diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
      for (const { source } of diagnostics) expect(source).toMatch(/^(?:signalbox\.yml|environment variable |flag --)/);
      expect(({} as Record<string, unknown>)['address']).toBeUndefined();
    }),
    { numRuns: 500, seed: 4 },
  );
}); // prettier-ignore

test('variables that only substitutions use are no options, and empty ones say nothing', () => {
  const file = 'log: { filePath: "${TRAEFIK_NETWORK}-${SIGNALBOX_STAGE:-x}" }\nentryPoints: { web: { address: ":80", forwardedHeaders: { trustedIPs: [10.0.0.1] } } }\n';
  const environment = {
    TRAEFIK_NETWORK: 'proxy',
    TRAEFIK_DOMAIN: 'a.test',
    SIGNALBOX_STAGE: 'test',
    TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS: '',
    TRAEFIK_LOG_LEVEL: ' ',
    TRAEFIK_API: '',
    TRAEFIK_LOG_FILEPATH: '/a',
  };
  const document = merge({ file, environment });
  expect(document.diagnostics).toEqual([]);
  const { value, diagnostics } = decodeInstallDocument(document, operatorSubstitutions(environment));
  expect(diagnostics).toEqual([]);
  expect(value!.entryPoints['web']!.forwardedHeaders.trustedIps).toEqual(['10.0.0.1']);
  expect(value!.log).toMatchObject({ filePath: '/a', level: 'info' });
  expect(value!.admin.api).toBeNull();
}); // prettier-ignore

test('every option of the install configuration that has a value of its own is set by its name and read back', () => {
  const found: PathSegment[][] = [];
  const walk = (schema: Schema<unknown>, path: PathSegment[]): void => {
    const { fields, item, itemSuffix } = schema;
    if (fields === null && item === undefined) found.push(path);
    for (const [name, field] of Object.entries(fields ?? {})) if (field.later === null) walk(field.schema, [...path, name]);
    if (item !== undefined) walk(item, [...path, itemSuffix === '[]' ? 1 : 'Some-name']);
  };
  walk(installOptions, []);
  expect(found.length).toBeGreaterThan(150);
  for (const path of found) {
    const tree = setAt(installOptions, path.join('.').replace(/^./, (first) => first.toUpperCase()), path);
    const value = path.reduce<unknown>((inner, segment) => (inner as Record<PathSegment, unknown>)[segment], tree);
    expect(value).toBe(path);
  }
}); // prettier-ignore
