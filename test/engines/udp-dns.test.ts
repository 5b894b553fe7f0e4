import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { Bind } from '../support/bind.ts';
import { missingPrograms } from '../support/engine.ts';
import { startRouter } from '../support/router.ts';

const missing = missingPrograms('named', 'dig');
const run = promisify(execFile);

test.skipIf(missing !== null)(
  `BIND answers dig through the router${missing === null ? '' : ` (${missing})`}`,
  async () => {
    await using bind = await Bind.start({ keys: [], fixed: 'long IN TXT "a fixed answer"\n' });
    await using router = await startRouter({
      workers: 2,
      install: `
entryPoints: { dns: { address: "127.0.0.1:0/udp" } }
udp:
  routers: { dns: { service: bind } }
  services: { bind: { loadBalancer: { servers: [{ address: "localhost:${bind.port}" }] } } }
`,
    });
    const port = String(router.ports['dns']!);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        run('dig', ['+short', '+norecurse', '+time=600', '@127.0.0.1', '-p', port, 'long.fixed.test', 'TXT']),
      ),
    );
    expect(new Set(answers.map(({ stdout }) => stdout.trim()))).toEqual(new Set(['"a fixed answer"']));
  },
);
