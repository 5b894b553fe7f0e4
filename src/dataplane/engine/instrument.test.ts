// Which series and log lines a finished request leaves behind.

import { expect, test } from 'vitest';
import type { ObserveInit } from '../../model/message/sync.ts';
import type { AccessLog } from '../../observe/access-log.ts';
import type { RequestMetrics } from '../../observe/request-metrics.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { Instrument } from './instrument.ts';
import { entryPointSpecs, routeSpec } from '../../../test/support/data-plane.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';

const METRICS: ObserveInit['metrics'] = {
  enabled: true,
  buckets: [],
  addEntryPointsLabels: true,
  addRoutersLabels: true,
  addServicesLabels: true,
  headerLabels: {},
};

interface Options {
  readonly metrics?: Partial<ObserveInit['metrics']>;
  readonly entryPoint?: string;
  readonly hasMetrics?: boolean;
  readonly hasLog?: boolean;
  readonly observability?: { readonly accessLogs: boolean; readonly metrics: boolean };
}

/** A request of the router `r` to the service `s`, and all that it leaves behind. */
function left(prepare: (exchange: Exchange) => void, isRouted: boolean, options: Options = {}): readonly string[] {
  const written: string[] = [];
  const series = (name: string): object => ({
    record: (...values: readonly unknown[]) => void written.push(`${name} ${values.slice(0, 4).join(' ')}`),
    recordTls: (version: string) => void written.push(`${name} ${version}`),
  });
  const metrics = {
    forEntryPoint: (name: string) => series(`entryPoint ${name}`),
    forRouter: (router: string, service: string) => series(`router ${router} ${service}`),
    forService: (service: string) => series(`service ${service}`),
    countFailure: (service: string, flag: string) => void written.push(`failure ${service} ${flag}`),
    countRetries: (service: string, retries: number) => void written.push(`retries ${service} ${retries}`),
  } as unknown as RequestMetrics; // What is used of it.
  const log = { append: () => void written.push('line') } as unknown as AccessLog; // What is used of it.
  const instrument = new Instrument(
    options.hasMetrics === false ? null : metrics,
    options.hasLog === false ? null : log,
    {
      metrics: { ...METRICS, ...options.metrics },
      accessLog: null,
    },
  );
  const entryPoint = entryPointSpecs(`{ web: ${options.entryPoint ?? '{ address: ":0" }'} }`)['web']!;
  const { exchange } = exchangeFor();
  exchange.status = 200;
  exchange.endMs = 2500;
  exchange.startMs = 500;
  exchange.serviceName = 's';
  prepare(exchange);
  if (isRouted) {
    const observability = options.observability ?? { accessLogs: true, metrics: true };
    exchange.observed = instrument.observeRoute(routeSpec('r', 'Path(`/`)', 's', { observability }), entryPoint);
  }
  instrument.observerOf(entryPoint).finished(exchange);
  return written;
}

function asked(exchange: Exchange): void {
  exchange.originStartMs = 1000;
  exchange.originEndMs = 2000;
}

test('a request that reached its service leaves a sample in each series, and a line', () => {
  expect(left(asked, true)).toEqual([
    'entryPoint web 200 GET http 2',
    'router r s 200 GET http 2',
    'service s 200 GET http 1',
    'line',
  ]);
});

test('one that a service handed on leaves its sample with the one that has served it', () => {
  const handedOn = (exchange: Exchange): void => {
    asked(exchange);
    exchange.serviceName = 'child';
  };
  expect(left(handedOn, true)[2]).toBe('service child 200 GET http 1');
});

test('one without a route is the entry point’s alone', () => {
  expect(left(() => {}, false)).toEqual(['entryPoint web 200 GET http 2', 'line']);
});

test('a service that was never asked has a failure, and no sample; what the client did is no failure of a service', () => {
  const failed = (failure: Exchange['failure']) => (exchange: Exchange) => void (exchange.failure = failure);
  expect(left(failed(FAILURES.noServer), true).slice(2)).toEqual(['failure s no_server', 'line']);
  expect(left(failed(FAILURES.clientGone), true).slice(2)).toEqual(['line']);
  expect(left(failed(FAILURES.noServer), false)).toHaveLength(2);
});

test('attempts beyond the first are counted', () => {
  const retried = (exchange: Exchange): void => {
    asked(exchange);
    exchange.attempt.begin();
    exchange.attempt.begin();
    exchange.attempt.begin();
  };
  expect(left(retried, true)).toContain('retries s 2');
});

test('TLS is counted with every series', () => {
  const secure = (exchange: Exchange): void => {
    Object.assign(exchange.client, { tls: { version: 'TLSv1.3', cipher: 'x' } });
  };
  expect(left(secure, true)).toContain('router r s TLSv1.3');
});

test.each<[string, Options, readonly string[]]>([
  ['without metrics', { hasMetrics: false }, ['line']],
  ['without a log', { hasLog: false }, ['entryPoint web', 'router r s', 'service s']],
  ['where the router wants no metrics', { observability: { accessLogs: true, metrics: false } }, ['line']],
  [
    'where the router wants no lines',
    { observability: { accessLogs: false, metrics: true } },
    ['entryPoint web', 'router r s', 'service s'],
  ],
  [
    'where the entry point wants neither',
    { entryPoint: '{ address: ":0", observability: { accessLogs: false, metrics: false } }' },
    [],
  ],
  ['without series of entry points', { metrics: { addEntryPointsLabels: false } }, ['router r s', 'service s', 'line']],
  ['without series of routers', { metrics: { addRoutersLabels: false } }, ['entryPoint web', 'service s', 'line']],
  ['without series of services', { metrics: { addServicesLabels: false } }, ['entryPoint web', 'router r s', 'line']],
])('%s, what is left is less', (_, options, expected) => {
  expect(left(asked, true, options).map((what) => what.replace(/ 200.*/, ''))).toEqual(expected);
});

test.each([
  ['off', null, false],
  ['in another format', { format: 'common' as const, mode: 'keep' as const }, false],
  ['without header fields', { format: 'json' as const, mode: 'drop' as const }, false],
  ['with all of them', { format: 'json' as const, mode: 'keep' as const }, true],
  ['with one of them', { format: 'json' as const, mode: 'drop' as const, names: { a: 'redact' } }, true],
])('fields of the origin are kept for a log that is %s', (_, log, expected) => {
  const accessLog =
    log === null
      ? null
      : { format: log.format, fields: { headers: { defaultMode: log.mode, names: 'names' in log ? log.names : {} } } };
  // The part of the settings that is looked at.
  const instrument = new Instrument(null, null, { metrics: METRICS, accessLog } as unknown as ObserveInit);
  expect(instrument.needsOriginHeaders).toBe(expected);
});
