// The built router with workers that crash when SIGUSR2 asks them for their memory. Arguments: configuration, workers.
import { TERMINAL } from '../../dist/cli/io.js';
import { runRouter } from '../../dist/cli/commands/run.js';

const [config, workers] = process.argv.slice(2);
const workerUrl = new URL('crashing-worker.mjs', import.meta.url);
process.exit(
  await runRouter(
    { request: { path: config, environment: {}, flags: [] }, workers: Number(workers), workerUrl },
    TERMINAL,
  ),
);
