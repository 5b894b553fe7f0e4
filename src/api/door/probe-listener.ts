// The thread that answers /ping: whether the process lives must be told while the main thread compiles a large
// configuration. It accepts the connections of the internal entry point, bounded as anywhere, and passes whatever else
// is asked on to the main thread.

import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { duplicateSockets } from '../../dataplane/net/listening-socket.ts';
import { listenOn } from '../../dataplane/net/accept-queue.ts';
import { hasToken, isReading, refuseForeignPage, refuseName, refuseTwoHosts, type Refusal } from './access.ts';
import { DoorConnections, SERVER_TIMES } from './door-connections.ts';
import { HEARTBEAT, PEER_FIELD, TERMINATING, type FromProbe, type ProbeInit, type ToProbe } from './probe-thread.ts';

const init = workerData as ProbeInit; // Given by probe-thread.ts.
const state = new Int32Array(init.state);
const servers: Server[] = [];

function ping(response: ServerResponse): void {
  const silentSeconds =
    Math.floor(performance.timeOrigin / 1000 + performance.now() / 1000) - Atomics.load(state, HEARTBEAT);
  if (Atomics.load(state, TERMINATING) !== 0) return answer(response, init.terminatingStatusCode, 'terminating');
  if (silentSeconds > init.maxSilentSeconds) {
    return answer(response, 503, `the main thread has not answered for ${silentSeconds} s`);
  }
  answer(response, 200, 'OK');
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(`${JSON.stringify({ message })}\n`);
}

function handleAddress(request: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET', url = '', headers, rawHeaders } = request;
  const isPing = isReading(method) && (url === '/ping' || url.startsWith('/ping?'));
  if (!isPing) {
    pass(request, response);
    return;
  }
  const isNameChecked = init.isOnLoopback && !hasToken(init.token, headers);
  const refusal =
    refuseTwoHosts(rawHeaders) ??
    refuseForeignPage(method, headers) ??
    (isNameChecked ? refuseName(headers.host ?? '', init.allowedHosts) : null);
  if (refusal === null) ping(response);
  else refuse(response, refusal);
}

/** To the main thread, as it came, with the address of who asks. */
function pass(request: IncomingMessage, response: ServerResponse): void {
  const upstream = ask({
    socketPath: init.mainSocket,
    method: request.method,
    path: request.url,
    headers: [
      ...without(request.rawHeaders, REQUEST_FIELDS),
      PEER_FIELD,
      request.socket.remoteAddress ?? '',
      'Connection',
      'close',
    ],
    agent: false,
  });
  upstream.on('response', (from) => {
    response.writeHead(from.statusCode ?? 502, without(from.rawHeaders, RESPONSE_FIELDS));
    response.flushHeaders();
    from.pipe(response);
    from.on('error', () => response.destroy());
  });
  upstream.on('error', () => {
    if (response.headersSent) response.destroy();
    else answer(response, 502, 'the main thread does not answer');
  });
  response.on('close', () => upstream.destroy());
  request.on('error', () => upstream.destroy());
  request.pipe(upstream);
}

/** Of one connection alone (RFC 9110 §7.6.1), and ours. */
const REQUEST_FIELDS = new Set(['connection', 'keep-alive', 'expect', 'upgrade', PEER_FIELD]);
const RESPONSE_FIELDS = new Set(['connection', 'keep-alive']);

function without(rawHeaders: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!names.has(rawHeaders[at]!.toLowerCase())) kept.push(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return kept;
}

function serve(
  where: { readonly _handle: object } | { readonly path: string },
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<void> {
  const connections = new DoorConnections();
  const server = createServer(SERVER_TIMES, (request, response) => {
    const { socket } = request;
    connections.begin(socket);
    response.once('close', () => connections.end(socket));
    handle(request, response);
  });
  server.on('connection', (socket) => connections.add(socket));
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    listenOn(server, where, resolve);
  });
}

async function listen(message: ToProbe): Promise<void> {
  if (message.kind === 'address') {
    const [handle] = await duplicateSockets([{ fd: message.fd, protocol: 'tcp' }]);
    await serve({ _handle: handle! }, handleAddress);
  } else if (message.kind === 'service') await serve({ path: message.path }, (_, response) => ping(response));
  else {
    for (const server of servers) {
      server.close();
      server.closeIdleConnections();
    }
  }
}

parentPort!.on('message', (message: ToProbe) => {
  const reply = (error: string | null): void => {
    const done: FromProbe = { id: message.id, error };
    parentPort!.postMessage(done);
  };
  listen(message).then(
    () => reply(null),
    (error: unknown) => reply((error as NodeJS.ErrnoException).code ?? String(error)),
  );
});
