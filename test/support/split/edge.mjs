// An edge in a process of its own: it has a socket to its control plane and nothing else of it.
import { randomBytes } from 'node:crypto';
import { Edge } from '../../../dist/app/edge.js';
import { EdgeLink } from '../../../dist/app/link/edge-link.js';
import { SocketSource } from '../../../dist/app/takeover/socket-source.js';
import { firstTicketKeys } from '../../../dist/app/ticket-keys.js';
import { decodeInstall } from '../../../dist/controlplane/config/install/load-install.js';
import { createCells } from '../../../dist/model/message/cells.js';
import { EventBus } from '../../../dist/observe/event-bus.js';

const [path, socketDirectory, name = 'edge-1'] = process.argv.slice(2);
const install = decodeInstall('edge.yml', 'entryPoints: {}\nmetrics: { prometheus: {} }\n').value;
// What one edge has signed another one believes: it takes the control plane's.
const cells = createCells(firstTicketKeys(null), randomBytes(32));
const line = (level) => (message, fields) => {
  link.say({ kind: 'log', level, message, fields: fields ?? {} });
};
const log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
const events = new EventBus(() => Date.now());
const edge = new Edge({
  install,
  workers: 2,
  log,
  events,
  sockets: new SocketSource(null, false, log),
  socketDirectory,
  cells,
  ejected: (service, endpoint) => link.say({ kind: 'ejected', service, endpoint }),
});
const silent = {
  debug() {},
  info() {},
  warn() {},
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
};
const link = new EdgeLink({
  edge: name,
  path,
  cells,
  log: silent,
  start: () => edge.start(),
  bound: () => edge.addresses,
  bind: (spec) => edge.openEntryPoint(spec),
  measure: () => edge.metrics.collect(),
});
events.listen(({ kind, data }) => {
  if (kind === 'health') link.say({ kind: 'health', change: data });
});
link.start();

/** What the test asks of the counts of services: from `open` on, what has come since it was read last. */
let windows = [];
const asked = {
  open: (keys) => (windows = keys.map((key) => edge.supervisor.windowOf(key))).length,
  read: () => windows.map((window) => window.take()).map((one) => ({ ...one, failures: [...one.failures] })),
};

process.on('message', async (message) => {
  if (message !== 'stop') {
    process.send({ answer: asked[message.what](message.given) });
    return;
  }
  link.stop();
  await edge.stop(0);
  process.disconnect();
});
// Without the test there is nobody to end it.
process.on('disconnect', () => process.exit());
