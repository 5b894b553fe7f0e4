// Whatever an option's schema marks as not to be shown is in no snapshot, and in nothing that is made of one: the marks
// are looked up in the schemas, so that an option which is marked tomorrow fails here until there is a sample of it.

import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { toEdge } from '../../model/message/link/messages.ts';
import { HIDING_SECTIONS, withSecrets, type Secrets } from '../../model/secrets.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { list } from '../../schema/collection.ts';
import { optional } from '../../schema/field.ts';
import { object } from '../../schema/object.ts';
import { integer, secret } from '../../schema/scalar.ts';
import type { Schema } from '../../schema/schema.ts';
import { EventBus } from '../../observe/event-bus.ts';
import { NO_INTERNAL_SERVICES } from '../compile/internal-services.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { OBJECT_KINDS } from '../config/routing/object-kinds.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import { shownOptions } from './diff.ts';
import { Pipeline } from './pipeline.ts';
import { SnapshotHistory } from './snapshot-history.ts';
import { WrittenForms } from './written-forms.ts';

type Options = Readonly<Record<string, unknown>>;

/** Places whose values may not be shown, or may not under some names: `basicAuth.users[]`. */
function marksIn(schema: Schema<unknown>, path = ''): readonly string[] {
  if (schema.isSecret === true) return [path];
  const { fields, item, itemSuffix = '' } = schema;
  if (fields !== null) {
    return Object.entries(fields)
      .filter(([, { later }]) => later === null)
      .flatMap(([name, field]) => marksIn(field.schema, path === '' ? name : `${path}.${name}`));
  }
  if (item !== undefined) {
    const isMapOfTexts = itemSuffix === '.<name>' && item.label === 'string';
    return isMapOfTexts ? [path + itemSuffix] : marksIn(item, path + itemSuffix);
  }
  return schema.label === 'string' && schema.shown !== undefined ? [path] : [];
}

const HA1 = 'c0ffee'.repeat(6).slice(0, 32);
const PASSWORD = '{SHA}c0ffeec0ffeec0ffeec0ffeec0f=';
const server = { url: 'http://127.0.0.1:1' };
const cookie = (value: string): Options => ({ cookie: { secret: value } });

/** One option for each place, with the text of it that nobody may see, and one of that kind. */
const SAMPLES: Readonly<Record<string, readonly [value: string, options: (value: string) => Options]>> = {
  'middlewares basicAuth.users[]': [`ann:${PASSWORD}`, (value) => ({ basicAuth: { users: [value] } })],
  'middlewares digestAuth.users[]': [`ann:traefik:${HA1}`, (value) => ({ digestAuth: { users: [value] } })],
  'middlewares headers.customRequestHeaders.<name>': [
    'request-c0ffee',
    (value) => ({ headers: { customRequestHeaders: { Authorization: value, 'X-Plain': 'plain' } } }),
  ],
  'middlewares headers.customResponseHeaders.<name>': [
    'response-c0ffee',
    (value) => ({ headers: { customResponseHeaders: { 'Set-Cookie': value } } }),
  ],
  'middlewares headers.sslProxyHeaders.<name>': [
    'proxy-c0ffee',
    (value) => ({ headers: { sslProxyHeaders: { 'X-Proxy-Token': value } } }),
  ],
  'services loadBalancer.servers[].url': [
    'http://user:c0ffee@127.0.0.1:1/?token=c0ffee',
    (url) => ({ loadBalancer: { servers: [{ url }] } }),
  ],
  'services loadBalancer.sticky.cookie.secret': [
    'balanced-c0ffee',
    (value) => ({ loadBalancer: { servers: [server], sticky: cookie(value) } }),
  ],
  'services loadBalancer.healthCheck.headers.<name>': [
    'checked-c0ffee',
    (value) => ({ loadBalancer: { servers: [server], healthCheck: { path: '/', headers: { Authorization: value } } } }),
  ],
  'services weighted.sticky.cookie.secret': [
    'weighted-c0ffee',
    (value) => ({ weighted: { services: [{ name: 'plain', weight: 2 }], sticky: cookie(value) } }),
  ],
  'tcpServices loadBalancer.healthCheck.send': [
    'AUTH c0ffee',
    (send) => ({ loadBalancer: { servers: [{ address: '127.0.0.1:1' }], healthCheck: { send } } }),
  ],
};

const pluginOptions = object({
  key: optional(secret(), 'Marked.'),
  keys: optional(list(secret()), 'Marked.'),
  count: optional({ ...integer(), isSecret: true }, 'Marked, and no text.'),
});
const plugins = new Map([['mine', pluginOptions]]);

/** Values are written as they are, or as variables. */
function routing(isWritten: boolean, more = ''): RoutingConfig {
  const variables = new Map<string, string>();
  const written = (value: string): string => {
    if (isWritten) return value;
    variables.set(`V${variables.size}`, value);
    return `\${V${variables.size - 1}}`;
  };
  const into: Record<string, Record<string, Options>> = {
    middlewares: { more: { basicAuth: { users: [`bob${more}:${PASSWORD}`] } } },
    services: { plain: { loadBalancer: { servers: [server] } } },
    tcpServices: {},
  };
  Object.entries(SAMPLES).forEach(([place, [value, options]], index) => {
    into[place.split(' ')[0]!]![`o${index}`] = options(written(value));
  });
  const mine = { key: written('plugin-c0ffee'), keys: [written('list-c0ffee')], count: 12648430 };
  into['middlewares']!['mine'] = { plugin: { mine } };
  // Of a name that says nothing: only what is substituted is hidden.
  into['middlewares']!['prefix'] = { addPrefix: { prefix: isWritten ? '/plain' : written('/c0ffee') } };
  const value = {
    http: { middlewares: into['middlewares'], services: into['services'] },
    tcp: { services: into['tcpServices'] },
  };
  return decodeRouting(
    'file',
    { source: 'routing.yml', text: '', value, diagnostics: [], locate: () => null },
    {
      substitutions: {
        variable: (name) => variables.get(name),
        file: () => '',
      },
      plugins,
    },
  );
}

const HIDDEN = /c0ffee|12648430/;

interface Rig {
  readonly pipeline: Pipeline;
  readonly deltas: SnapshotDelta[];
  readonly sent: Secrets[];
}

async function start(config: RoutingConfig, secretOfProcess = 1): Promise<Rig> {
  const deltas: SnapshotDelta[] = [];
  const sent: Secrets[] = [];
  const install = decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!;
  const pipeline = new Pipeline({
    install,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    clock: new ManualClock(),
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    secret: Buffer.alloc(32, secretOfProcess),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [],
    earlier: [config],
    onDiagnostics: () => {},
  });
  await pipeline.start();
  pipeline.attach({
    publishSecrets: (secrets) => {
      sent.push(secrets);
      return Promise.resolve({ version: 1, acked: 1, nacks: [] });
    },
    publish: ({ version }, delta) => {
      // What it names was sent before.
      withSecrets(delta.changed, (name) => sent.at(-1)![name]);
      deltas.push(delta);
      return Promise.resolve({ version, acked: 1, nacks: [] });
    },
  });
  return { pipeline, deltas, sent };
}

test('there is a sample of every place that a schema marks', () => {
  const marked = HIDING_SECTIONS.flatMap((section) =>
    marksIn(OBJECT_KINDS[section].options).map((place) => `${section} ${place}`),
  );
  expect(marked.toSorted()).toEqual(Object.keys(SAMPLES).toSorted());
});

test.each([
  ['written as they are', true],
  ['substituted', false],
])('secrets that are %s are in no snapshot, delta, history or message', async (_, isWritten) => {
  const config = routing(isWritten);
  const { pipeline, deltas } = await start(config);
  expect(pipeline.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const { current, secrets, history, result } = pipeline;
  await pipeline.replace(routing(isWritten, '2'));
  const [delta] = deltas;
  const shown = [
    JSON.stringify([current, pipeline.current, delta, history.get(1), history.get(2), result.sections]),
    Buffer.from(toEdge.encode({ kind: 'snapshot', snapshot: current })).toString(),
    Buffer.from(toEdge.encode({ kind: 'delta', delta: delta! })).toString(),
  ];
  for (const text of shown) expect(text.match(HIDDEN)).toBeNull();
  for (const section of HIDING_SECTIONS) {
    for (const one of result[section].values()) {
      expect(JSON.stringify(shownOptions(section, one)).match(HIDDEN)).toBeNull();
    }
  }
  if (!isWritten)
    expect(JSON.stringify(new WrittenForms().of([config])).replaceAll(`bob:${PASSWORD}`, '')).not.toContain('c0ffee-');
  // All of it gets to the data plane all the same; of a server's URL, the user and the query have no meaning there.
  const whole = JSON.stringify(withSecrets(current, (name) => secrets[name]));
  for (const [place, [value]] of Object.entries(SAMPLES)) {
    expect([place, whole.includes(JSON.stringify(value))]).toEqual([place, !place.endsWith('.url')]);
  }
  for (const value of ['"plugin-c0ffee"', '["list-c0ffee"]', '12648430', isWritten ? '"/plain"' : '"/c0ffee"']) {
    expect(whole).toContain(value);
  }
  expect(current.middlewares['prefix@file']).toMatchObject({
    options: { prefix: isWritten ? '/plain' : (expect.stringMatching(/^\$\{V/) as unknown) },
  });
});

test('another secret alone is a version, which has it; back at the earlier one, it is the earlier secret', async () => {
  const { pipeline, deltas, sent } = await start(routing(true));
  const usersOf = (): unknown => {
    const { middlewares } = withSecrets(pipeline.current, (name) => sent.at(-1)![name]);
    return middlewares['more@file']!.options['users'];
  };
  await pipeline.replace(routing(true, '2'));
  expect([Object.keys(deltas[0]!.changed), Object.keys(deltas[0]!.changed.middlewares!)]).toEqual([
    ['middlewares'],
    ['more@file'],
  ]);
  expect(usersOf()).toEqual([`bob2:${PASSWORD}`]);
  expect(await pipeline.activate(1, 'test')).toBe(true);
  expect(usersOf()).toEqual([`bob:${PASSWORD}`]);
  await pipeline.release('test');
  expect(usersOf()).toEqual([`bob2:${PASSWORD}`]);
  // What no snapshot in force names is not there any more.
  expect(Object.keys(sent.at(-1)!)).toHaveLength(Object.keys(pipeline.secrets).length);
});

test('names of secrets tell nothing to those who do not know the secret of the process', async () => {
  const [one, same, other] = await Promise.all(
    [1, 1, 2].map((secretOfProcess) => start(routing(true), secretOfProcess)),
  );
  expect(Object.keys(same!.pipeline.secrets)).toEqual(Object.keys(one!.pipeline.secrets));
  const known = new Set(Object.keys(one!.pipeline.secrets));
  expect(Object.keys(other!.pipeline.secrets).filter((name) => known.has(name))).toEqual([]);
});
