// Entry of a data plane thread: builds the engine from workerData, listens on its own duplicates of the bound sockets,
// applies deltas one after the other and reports. Everything it tells the supervisor is a FromWorker message.

import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { heldMemory } from '../../core/held-memory.ts';
import { SharedTables } from '../../core/shared-table.ts';
import type { PluginModule } from '../../model/plugin.ts';
import type {
  EndpointRows,
  FromWorker,
  ListenerInit,
  NewSockets,
  ToWorker,
  WorkerInit,
} from '../../model/message/sync.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { AccessLog } from '../../observe/access-log.ts';
import { accessLogBacklog } from '../../observe/access-log-backlog.ts';
import { ConnectionMetrics } from '../../observe/connection-metrics.ts';
import { WorkerMetrics } from '../../observe/metrics.ts';
import { RequestMetrics } from '../../observe/request-metrics.ts';
import type { MiddlewareDefinition, WorkerResources } from '../middleware/define.ts';
import { startPasswordThread, PasswordVerifier } from '../middleware/auth/password-verifier.ts';
import { descriptorTable, useDescriptors } from '../net/descriptors.ts';
import { duplicateSockets } from '../net/listening-socket.ts';
import { Engine } from './engine.ts';
import { Instrument } from './instrument.ts';
import { ConnectionInstrument } from './connection-instrument.ts';
import { SHARED_TABLES } from './shared-tables.ts';
import { StageFailures } from './stage-failures.ts';
import { describeError, messageOf } from '../../core/errors.ts';

const ACCESS_LOG_FLUSH_MS = 100;

if (parentPort === null) throw new Error('worker.js runs in a worker thread of the supervisor only');
const port = parentPort;
const init = workerData as WorkerInit; // Written by the supervisor alone.
heldMemory.maxBytes = init.maxBytesInProgress;

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

const tables = new SharedTables(SHARED_TABLES, init.shared.tables, init.slot, init.workerSlots);
const metrics = new WorkerMetrics(init.shared.metrics, (series) => send({ kind: 'series', series }));
const requestMetrics = init.observe.metrics.enabled ? new RequestMetrics(metrics, init.observe.metrics) : null;
const accessLog =
  init.observe.accessLog === null
    ? null
    : new AccessLog(
        init.observe.accessLog,
        (lines, count, dropped) => send({ kind: 'accessLog', lines, count, dropped }, [lines.buffer]),
        tables.of(accessLogBacklog),
      );
if (accessLog !== null) setInterval(() => accessLog.flush(), ACCESS_LOG_FLUSH_MS).unref();

/**
 * The main thread has loaded them all. One that fails here nevertheless costs the requests that need it: a worker that
 * did not start would be replaced by one that does not start either.
 */
async function loadPlugins(modules: readonly PluginModule[]): Promise<ReadonlyMap<string, MiddlewareDefinition>> {
  const loaded = new Map<string, MiddlewareDefinition>();
  if (modules.length === 0) return loaded;
  const { loadPlugin } = await import('../middleware/plugin/plugin-loader.ts');
  for (const module of modules) {
    try {
      loaded.set(module.name, await loadPlugin(module));
    } catch (error) {
      const fields = { plugin: module.name, error: describeError(error) };
      send({ kind: 'log', level: 'error', message: 'a plugin could not be loaded in a worker', fields });
    }
  }
  return loaded;
}

const stageFailures = new StageFailures(init.plugins);

// A promise that nobody waits for, as of an async hook, belongs to no request. The worker goes on if it is a plugin's;
// any other is a defect here, and ends it as it does without plugins.
if (init.plugins.length > 0) {
  process.on('unhandledRejection', (reason) => {
    const error = describeError(reason);
    const plugin = stageFailures.pluginIn(error);
    if (plugin === undefined) throw reason;
    send({ kind: 'log', level: 'error', message: 'a plugin left a rejection unhandled', fields: { plugin, error } });
  });
}

useDescriptors(tables.of(descriptorTable));
const { secret } = init.shared;
const resources: WorkerResources = {
  table: (table) => tables.find(table),
  secret,
  passwords: new PasswordVerifier(secret, startPasswordThread),
  plugins: await loadPlugins(init.plugins),
  unusable: (middleware, error) =>
    send({
      kind: 'log',
      level: 'error',
      message: 'a middleware could not be created; requests that need it are answered 500',
      fields: { middleware, error: describeError(error) },
    }),
};
const engine = new Engine({
  tables,
  resources,
  workerSlots: init.workerSlots,
  socketDirectory: init.socketDirectory,
  tls: init.shared.tls,
  instrument: new Instrument(requestMetrics, accessLog, init.observe),
  tcpInstrument: new ConnectionInstrument(
    init.observe.metrics.enabled ? new ConnectionMetrics(metrics, init.observe.metrics, 'tcp') : null,
    accessLog,
  ),
  udpInstrument: new ConnectionInstrument(
    init.observe.metrics.enabled ? new ConnectionMetrics(metrics, init.observe.metrics, 'udp') : null,
    accessLog,
  ),
  ejected: (service, endpoint) => send({ kind: 'ejected', service, endpoint }),
  serversFailed: (reports) => send({ kind: 'failures', reports }),
  handlerFailed(exchange, error) {
    const fields = stageFailures.fieldsOf(exchange, error, performance.now());
    if (fields === null) return;
    send({ kind: 'log', level: 'error', message: 'a request stage threw; the request was answered 500', fields });
  },
  handshakeFailed: (entryPoint, reason) => requestMetrics?.countHandshakeFailure(entryPoint, reason),
  proxyHeaderFailed: (entryPoint, reason) => requestMetrics?.countProxyHeaderFailure(entryPoint, reason),
});

/** As the kernel counts them, so that the main thread can tell which children are this one's. */
function threadNumber(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/** A replacement inherits the main thread's lower priority; 0 is this thread. */
function takeNormalPriority(): void {
  try {
    setPriority(0, 0);
  } catch {
    // Without the privilege it stays lower, which matters only while something else wants the core.
  }
}

/** Rejects with the first failure, once the others listen. */
async function listen(listeners: readonly ListenerInit[], handles: readonly object[]): Promise<void> {
  const attempts = listeners.map(({ entryPoint }, index) => engine.entryPoints.listen(entryPoint, handles[index]!));
  const failed = (await Promise.allSettled(attempts)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function start(): Promise<void> {
  takeNormalPriority();
  for (const update of init.cells) engine.take(update);
  engine.start(init.snapshot, init.rows, init.entryPointRows);
  await listen(init.listeners, await duplicateSockets(init.listeners));
  send({ kind: 'ready', version: engine.version, thread: threadNumber() });
}

/** Deltas wait for each other: each is built on the one before. */
let applying: Promise<void> = start();

async function apply(delta: SnapshotDelta, rows: EndpointRows, sockets: NewSockets): Promise<void> {
  const begin = performance.now();
  try {
    // While the main thread waits for the answer, their descriptors are what they were.
    const handles = await duplicateSockets(sockets.listeners);
    await engine.advance(delta, rows, sockets.rows);
    await listen(sockets.listeners, handles).catch(listenFailed);
    await engine.entryPoints.doorsClosed();
    send({ kind: 'ack', version: delta.version, digest: delta.digest, buildMs: performance.now() - begin });
  } catch (error) {
    send({ kind: 'nack', version: delta.version, reason: messageOf(error) });
  }
}

/**
 * Another process has begun to listen between our bind and now. The entry point is not served then, but a worker that
 * refused the change for it would be replaced by one with the same trouble, and take all others along.
 */
function listenFailed(error: unknown): void {
  send({
    kind: 'log',
    level: 'error',
    message: 'an entry point cannot be listened on',
    fields: { error: describeError(error) },
  });
}

async function drain({ deadlineMs, patienceMs, isShared }: Extract<ToWorker, { kind: 'drain' }>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([engine.drain(patienceMs, isShared), deadline]);
  clearTimeout(timer);
  const aborted = engine.destroy();
  // Close events of what was just destroyed write their log lines first.
  await new Promise<void>((resolve) => setImmediate(resolve));
  accessLog?.flush();
  send({ kind: 'drained', aborted });
}

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'delta':
      applying = applying.then(() => apply(message.delta, message.rows, message.sockets));
      return;
    case 'cell':
      engine.take(message.update);
      send({ kind: 'has', cell: message.update.cell, version: message.update.version });
      return;
    case 'failing':
      engine.watchServer(message.server);
      return;
    case 'leave':
      engine.entryPoints.leave(message.patienceMs);
      return;
    case 'drain':
      void drain(message);
      return;
    case 'ping':
      send({ kind: 'pong', id: message.id, externalBytes: getHeapStatistics().external_memory });
      return;
    case 'memory':
      // Not in the middle of a build, and twice: the first collection may free what holds the rest.
      void applying.then(() => {
        globalThis.gc?.();
        globalThis.gc?.();
        const { heapUsed, external } = process.memoryUsage();
        const isCollected = globalThis.gc !== undefined;
        send({
          kind: 'memory',
          isCollected,
          heapUsedBytes: heapUsed,
          externalBytes: external,
          bytesInProgress: heldMemory.bytes,
        });
      });
  }
});

await applying;
