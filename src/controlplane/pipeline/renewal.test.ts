// Certificates on their way to the data plane: what names them, and what they are made of.

import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { selfSigned } from '../../core/x509/self-signed.ts';
import type { Secrets } from '../../model/secrets.ts';
import { EventBus } from '../../observe/event-bus.ts';
import { NO_INTERNAL_SERVICES } from '../compile/internal-services.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import { Pipeline } from './pipeline.ts';
import { SnapshotHistory } from './snapshot-history.ts';

const clock = new ManualClock(Date.now());

function routing(...hosts: readonly string[]): RoutingConfig {
  const certificates = hosts.map((host) => {
    const { certificate, key } = selfSigned({ commonName: host, hosts: [host], nowMs: clock.wall(), days: 9 });
    return { certFile: certificate, keyFile: key };
  });
  const value = { tls: { certificates } };
  return decodeRouting('test', { source: 'test', text: '', value, diagnostics: [], locate: () => null });
}

/** What was published, in order. */
async function rig(): Promise<{
  readonly pipeline: Pipeline;
  readonly steps: (readonly [what: string, certificates: number])[];
  readonly lines: string[];
  readonly secrets: () => Secrets;
}> {
  const lines: string[] = [];
  const line = (message: string): void => void lines.push(message);
  const log: Log = { debug: line, info: line, warn: line, error: line };
  const pipeline = new Pipeline({
    install: decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!,
    log,
    clock,
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [],
    onDiagnostics: () => {},
  });
  const steps: [string, number][] = [];
  let secrets: Secrets = {};
  await pipeline.start();
  pipeline.attach({
    publishSecrets: (given) => {
      secrets = given;
      steps.push(['secrets', Object.keys(given).length]);
      return Promise.resolve({ version: 1, acked: 2, nacks: [] });
    },
    publish: ({ version, certificates }) => {
      steps.push([`snapshot ${version}`, Object.keys(certificates).length]);
      return Promise.resolve({ version, acked: 2, nacks: [] });
    },
  });
  return { pipeline, steps, lines, secrets: () => secrets };
}

test('secrets go before the snapshot that names them, and what it names no more goes after it', async () => {
  const { pipeline, steps } = await rig();
  await pipeline.replace(routing('a.test'));
  await pipeline.replace(routing('b.test'));
  expect(steps).toEqual([
    ['secrets', 1],
    ['snapshot 2', 1],
    ['secrets', 1],
    ['secrets', 2],
    ['snapshot 3', 1],
    ['secrets', 1],
  ]);
});

test('a renewal makes no version and is told of', async () => {
  const { pipeline, steps, lines, secrets } = await rig();
  await pipeline.replace(routing('a.test'));
  const before = secrets();
  const { version, digest } = pipeline.current;
  await pipeline.replace(routing('a.test'));
  expect(pipeline.current).toMatchObject({ version, digest });
  expect(Object.keys(secrets())).toEqual(Object.keys(before));
  expect(secrets()).not.toEqual(before);
  expect(steps.filter(([what]) => what.startsWith('snapshot'))).toEqual([['snapshot 2', 1]]);
  expect(lines.at(-1)).toBe('certificates renewed');
});

test('nothing of a key is in a snapshot, nor in the history', async () => {
  const { pipeline } = await rig();
  await pipeline.replace(routing('a.test', 'b.test'));
  expect(JSON.stringify(pipeline.current)).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE/);
  expect(Object.keys(pipeline.current.certificates)).toHaveLength(2);
});
