import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { NO_PLUGINS } from '../../schema/decode-context.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { operatorSubstitutions } from '../config/install/operator-substitutions.ts';
import { optionsOf, UNTOLD } from './define.ts';
import { fileProvider } from './file/file-provider.ts';
import { createProviders, LATER_PROVIDERS, PROVIDERS } from './registry.ts';
import { restProvider } from './rest/rest-provider.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const RESOURCES = {
  log: SILENT,
  clock: new ManualClock(),
  keepLastGood: true,
  substitutions: operatorSubstitutions({}),
  plugins: NO_PLUGINS,
  sourceOf: () => UNTOLD,
};

const configured = (providers: string): ReturnType<typeof decodeInstall> =>
  decodeInstall('signalbox.yml', `entryPoints: { web: { address: ":80" } }\nproviders: ${providers}\n`);

test('every kind has a section of its own, and one that is there is not said to come later', () => {
  const kinds = PROVIDERS.map(({ kind }) => kind.toLowerCase());
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(Object.keys(LATER_PROVIDERS).filter((kind) => kinds.includes(kind.toLowerCase()))).toEqual([]);
  for (const { kind, summary, description } of PROVIDERS) {
    expect([summary, description].map((text) => `${kind}: ${text}`)).toEqual([
      expect.stringMatching(/\.$/) as string,
      expect.stringMatching(/\.$/) as string,
    ]);
    const { value } = configured(`{ ${kind}: {} }`);
    expect(value!.providers.map(({ definition }) => definition.kind)).toEqual([kind]);
  }
});

test('what is switched on is created with its options, in the order of the list', () => {
  const { value, diagnostics } = configured('{ rest: { insecure: true }, file: { filename: a.yml, watch: false } }');
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(optionsOf(fileProvider, value!.providers)).toMatchObject({ filename: 'a.yml', watch: false });
  expect(optionsOf(restProvider, value!.providers)).toEqual({ insecure: true });
  // What is sent to the API has no source of its own.
  expect(createProviders(value!.providers, RESOURCES).map(({ name }) => name)).toEqual(['file']);
});

test('none is switched on by itself', () => {
  const { value } = configured('{}');
  expect(value!.providers).toEqual([]);
  expect(optionsOf(fileProvider, value!.providers)).toBeNull();
});
