// A program of the user's makes and removes the record. Arguments and variables are those of lego's provider of that
// name.

import { spawn } from 'node:child_process';
import { AcmeFailure, clip } from '../failure.ts';
import type { CreateDnsProvider, DnsRecord } from './provider.ts';

const MAX_OUTPUT_BYTES = 64 * 1024;
const KILL_AFTER_MS = 5_000;

export const createExec: CreateDnsProvider = (environment) => {
  const path = environment.required('EXEC_PATH');
  const isRaw = environment.get('EXEC_MODE')?.toUpperCase() === 'RAW';
  const propagationTimeoutMs = environment.milliseconds(['EXEC_PROPAGATION_TIMEOUT'], 60);
  const run = (action: 'present' | 'cleanup', record: DnsRecord, signal: AbortSignal): Promise<void> =>
    runProgram(path, argumentsOf(action, record, isRaw), environment.all, propagationTimeoutMs, signal);
  return {
    present: (record, signal) => run('present', record, signal),
    cleanUp: (record, signal) => run('cleanup', record, signal),
    propagationTimeoutMs,
    pollingIntervalMs: environment.milliseconds(['EXEC_POLLING_INTERVAL'], 3),
  };
};

/** A token may begin with a dash: `--` ends the options of whoever reads them. */
function argumentsOf(action: string, record: DnsRecord, isRaw: boolean): readonly string[] {
  return isRaw
    ? [action, '--', record.domain, record.token, record.keyAuthorization]
    : [action, `${record.name}.`, record.value];
}

function runProgram(
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { env: { ...environment }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    let reason = '';
    const end = (why: string): void => {
      reason = why;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
    };
    const aborted = (): void => end('it was given up');
    const timer = setTimeout(() => end(`it did not end within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener('abort', aborted, { once: true });
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < MAX_OUTPUT_BYTES) said += chunk.toString('utf8');
    });
    const settle = (failure: string | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      if (failure === null) resolve();
      else reject(new AcmeFailure(`the program ${path} ${args[0]!}: ${failure}`, { scope: 'certificate' }));
    };
    child.once('error', (error) => settle('code' in error ? String(error.code) : error.message));
    // Its own exit counts; what it has left running may hold the pipe.
    child.once('exit', (code, killed) => {
      if (code === 0 && reason === '') settle(null);
      else
        settle(
          [reason || `it ended with ${code ?? killed ?? ''}`, clip(said)].filter((part) => part !== '').join(': '),
        );
    });
  });
}
