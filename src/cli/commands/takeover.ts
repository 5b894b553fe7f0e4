// `signalbox run --takeover`: has the running router start this program, with this command line, as its successor. The
// configuration is checked here first, so that what is plainly wrong costs the running router nothing.

import { ownCommand } from '../../app/takeover/takeover.ts';
import { loadInstallConfig, type InstallRequest } from '../../controlplane/config/install/load-install.ts';
import { SignalboxError } from '../../core/errors.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { formatDiagnostics } from '../format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';

/** The running router waits less long for the successor. */
const ANSWER_TIMEOUT_MS = 120_000;

export async function takeOver(args: Arguments, request: InstallRequest, isJson: boolean, io: Io): Promise<number> {
  const { value: install, diagnostics } = await loadInstallConfig(request);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (install === null) {
    io.err(isJson ? errors.map((one) => `${JSON.stringify(one)}\n`).join('') : formatDiagnostics(errors, io));
    io.err(`\n${request.path ?? 'the configuration'} has errors; the running router goes on.\n`);
    return EXIT_FAILED;
  }
  const client = await AdminClient.find(args, io);
  try {
    const { pid } = await client.json<{ pid: number }>('POST', '/api/takeover', ownCommand(), ANSWER_TIMEOUT_MS);
    io.err(`process ${pid} serves now; the one before finishes what it has begun and ends\n`);
    return EXIT_OK;
  } catch (error) {
    if (!(error instanceof SignalboxError) || error.code !== 'ERR_CLI_USAGE') throw error;
    io.err(`ERR_TAKEOVER_FAILED: ${error.message}; the running router goes on\n`);
    return EXIT_FAILED;
  }
}
