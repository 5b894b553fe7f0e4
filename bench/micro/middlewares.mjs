// What each middleware adds to a request, in microseconds: the stage on the way in, its hook on the way back, and what
// it makes of the heads that are rendered. The same without the middleware is subtracted, turn by turn. Run
// `npm run build` first, then `node bench/micro/middlewares.mjs`. Options: --rounds N, --only kind,kind.

import { parseArgs } from 'node:util';
import { Exchange } from '../../dist/dataplane/http/exchange.js';
import { BODY_LENGTH } from '../../dist/dataplane/http/body.js';
import { respond } from '../../dist/dataplane/http/respond.js';
import { createMiddleware, MIDDLEWARES } from '../../dist/dataplane/middleware/registry.js';
import { DecodeContext } from '../../dist/schema/decode-context.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' }, only: { type: 'string' } } });
const ROUNDS = Number(values.rounds);
const REQUESTS = 40_000;
const BODY = Buffer.from(`{"items":[${'{"id":1,"name":"thing"},'.repeat(80)}0]}`);

/** As people write them. Kinds that answer by themselves do so here, too. */
const OPTIONS = {
  addPrefix: { prefix: '/api' },
  basicAuth: { users: ['test:$2y$05$kzf5K1vrmNDnu6oUmvK8aeuM0DPEIuQ8xMsdFZ5AiNqI5GgW3iJxK'], removeHeader: true },
  bodyLimit: { maxRequestBodyBytes: 1_000_000 },
  buffering: { maxRequestBodyBytes: 1_000_000 },
  compress: { minResponseBodyBytes: 100_000 },
  'compress, 2 KB gzip': { encodings: ['gzip'] },
  contentType: {},
  encodedCharacters: {},
  errors: { status: ['500-599'], service: 's' },
  headers: { customRequestHeaders: { 'X-A': '1' }, customResponseHeaders: { 'X-B': '2' } },
  'headers, security': {
    stsSeconds: 31_536_000,
    frameDeny: true,
    contentTypeNosniff: true,
    referrerPolicy: 'same-origin',
  },
  'headers, CORS': { accessControlAllowOriginList: ['https://shop.test'], addVaryHeader: true },
  ipAllowList: { sourceRange: ['10.0.0.0/8', '127.0.0.1/32'] },
  'maintenance (answers)': {},
  'redirectRegex (answers)': { regex: '^http://(.*)$', replacement: 'https://$1' },
  'redirectRegex, no match': { regex: '^http://other\\.test/(.*)$', replacement: 'https://$1' },
  'redirectScheme (answers)': { scheme: 'https' },
  replacePath: { path: '/new' },
  replacePathRegex: { regex: '^/api/(.*)$', replacement: '/$1' },
  requestId: {},
  stripPrefix: { prefixes: ['/api', '/other'] },
  stripPrefixRegex: { regex: ['/[a-z]+/v[0-9]+'] },
};

const LINES = [
  ['user-agent', 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n'],
  ['accept', 'Accept: */*\r\n'],
  ['accept-encoding', 'Accept-Encoding: gzip, deflate\r\n'],
  ['origin', 'Origin: https://shop.test\r\n'],
  ['authorization', `Authorization: Basic ${Buffer.from('test:test').toString('base64')}\r\n`],
];
const ANSWER = [
  ['content-type', 'Content-Type: application/json\r\n'],
  ['server', 'Server: origin\r\n'],
  ['date', 'Date: Mon, 23 Nov 2026 00:00:00 GMT\r\n'],
];
const CLIENT = { ip: '127.0.0.1', port: 40_000, scheme: 'http', isTrusted: false };

let rendered = 0;
/** The client's side: renders the head, counts the body. */
const DOWNSTREAM = {
  startResponse(exchange) {
    rendered += exchange.responseHeaders.render().length;
  },
  write: (chunk, start, end) => {
    rendered += end - start;
    return true;
  },
  flush: () => {},
  end: () => {},
  abort: () => {},
  readBody: () => {},
};

/** The service: renders the request's head, then answers. */
function serve(exchange) {
  rendered += exchange.requestHeaders.render().length + exchange.forwardPath.length;
  exchange.status = 200;
  exchange.responseFraming = BODY_LENGTH;
  exchange.responseLength = BODY.length;
  for (const [name, line] of ANSWER) exchange.responseHeaders.appendLine(name, line);
  exchange.runResponseHooks();
  const sink = exchange.responseSink;
  sink.startResponse(exchange);
  sink.write(BODY, 0, BODY.length);
  sink.end(null);
}

function answer(exchange) {
  respond(exchange, 200, BODY);
}

function request(handler) {
  const exchange = new Exchange(DOWNSTREAM, CLIENT);
  exchange.method = 'GET';
  exchange.target = exchange.forwardPath = exchange.path = '/api/v1/items';
  exchange.host = exchange.authority = 'shop.test';
  for (const [name, line] of LINES) exchange.requestHeaders.appendLine(name, line);
  return handler(exchange);
}

function create(label) {
  const kind = label.replace(/[ ,].*/, '');
  const definition = MIDDLEWARES.find((one) => one.kind === kind);
  const context = new DecodeContext('bench', () => null);
  const options = definition.options.decode(OPTIONS[label], context);
  if (context.diagnostics.length > 0) throw new Error(`${label}: ${context.diagnostics[0].message}`);
  const passwords = { verify: () => true, check: () => true };
  const resources = { passwords, secret: new Uint8Array(32), service: () => serve };
  return createMiddleware({ name: label, kind, options }, resources)(serve);
}

function microseconds(handler) {
  const begin = process.hrtime.bigint();
  for (let turn = 0; turn < REQUESTS; turn++) request(handler);
  return Number(process.hrtime.bigint() - begin) / 1000 / REQUESTS;
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const only = values.only?.split(',');
console.log(`Node ${process.versions.node}, median of ${ROUNDS} rounds of ${REQUESTS} requests\n`);
console.log('| middleware | µs per request |\n|---|---|');
for (const label of Object.keys(OPTIONS)) {
  if (only !== undefined && !only.includes(label)) continue;
  if (label === 'basicAuth') continue; // Its cost is the cache's and the thread's: see bench/load.
  const handler = create(label);
  const base = label.includes('(answers)') ? answer : serve;
  const costs = [];
  for (let round = 0; round < ROUNDS + 3; round++) {
    const without = microseconds(base);
    costs.push(microseconds(handler) - without);
  }
  console.log(`| ${label} | ${median(costs.slice(3)).toFixed(2)} |`);
}
if (rendered === 0) throw new Error('nothing was rendered');
