// A control plane in a process of its own: it serves nobody, and has a socket that edges come to. The test asks it to
// set what certificate authorities would, and is told what edges say.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import net from 'node:net';
import { ControlPlane, loadCertificateParts } from '../../../dist/app/control-plane.js';
import { ControlLink } from '../../../dist/app/link/control-link.js';
import { ShownDiagnostics } from '../../../dist/app/shown-diagnostics.js';
import { firstTicketKeys } from '../../../dist/app/ticket-keys.js';
import { loadInstallConfig } from '../../../dist/controlplane/config/install/load-install.js';
import { SystemClock } from '../../../dist/core/clock.js';
import { createCells } from '../../../dist/model/message/cells.js';
import { EventBus } from '../../../dist/observe/event-bus.js';

const [config, path] = process.argv.slice(2);
const tell = (said) => process.send(said);
const line = (level) => (message, fields) => tell({ said: 'log', level, message, fields: fields ?? {} });
const log = { debug() {}, info: line('info'), warn: line('warn'), error: line('error'), setLevel() {} };
const { value: install } = await loadInstallConfig({ path: config, environment: {}, flags: [] });
const events = new EventBus(() => Date.now());
const cells = createCells(firstTicketKeys(null), randomBytes(32));
const link = new ControlLink({
  cells,
  log,
  joined: (edge) => tell({ said: 'joined', edge }),
  bound: (edge, entryPoint, { port }) => tell({ said: 'bound', edge, entryPoint, port }),
  left: (edge) => tell({ said: 'left', edge }),
  healthChanged: (edge, change) => tell({ said: 'health', edge, change }),
  ejected: (edge, service, endpoint) => tell({ said: 'ejected', edge, service, endpoint }),
});
const controlPlane = new ControlPlane({
  install,
  environment: {},
  localNames: [],
  source: null,
  parts: await loadCertificateParts(install),
  log,
  clock: new SystemClock(),
  events,
  diagnostics: new ShownDiagnostics({ install, log, events, show() {} }),
  state: null,
  inheritance: null,
  isSuccessor: false,
  cells,
  binder: link,
  isHandingOver: () => false,
});
await controlPlane.start();
const server = net.createServer();
link.accept(server);
rmSync(path, { force: true });
server.listen(path);
await controlPlane.follow();
tell({ said: 'ready' });

/** What the test asks for; the answer is what came of it. */
const asked = {
  delivered: (cell) => cells[cell].delivered(),
  challenge: (challenges) => {
    cells.challenges.set(challenges);
    return cells.challenges.delivered();
  },
  ticketKeys: () => {
    cells.ticketKeys.set(firstTicketKeys(null));
    return cells.ticketKeys.delivered();
  },
  staple: ({ certificate, text }) => {
    const staple = { certificate, response: Buffer.from(text) };
    cells.staples.set(new Map([[certificate, staple]]), [staple]);
    return cells.staples.delivered();
  },
  bind: async ({ entryPoint, port }) => {
    const spec = controlPlane.pipeline.current.entryPoints[entryPoint];
    const name = `${entryPoint}-2`;
    try {
      await link.openEntryPoint({ ...spec, name, address: { ...spec.address, port } });
      return '';
    } catch (error) {
      return error.message;
    }
  },
  addressOf: (name) => link.addressOf(name),
  measure: () => link.measure(),
  version: () => controlPlane.pipeline.current.version,
};

process.on('message', async ({ id, what, given }) => tell({ said: 'answer', id, answer: await asked[what](given) }));
process.on('disconnect', () => process.exit());
