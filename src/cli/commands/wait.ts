// `signalbox wait`: until every worker runs a version.

import { SignalboxError } from '../../core/errors.ts';
import { parseDuration } from '../../schema/duration.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';

/** The answer itself takes a moment on top of the wait. */
const MARGIN_MS = 10_000;

interface Status {
  readonly version: number;
  readonly isApplied: boolean;
  /** Why it cannot come into force any more. */
  readonly reason: string | null;
  readonly workers: readonly { readonly id: number; readonly version: number; readonly isReady: boolean }[];
}

export async function wait(args: Arguments, io: Io): Promise<number> {
  const [version = 'latest'] = args.positionals;
  const timeout = args.flags.get('timeout')?.[0] ?? '30s';
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === null)
    throw new SignalboxError('ERR_CLI_USAGE', `--timeout takes a duration such as 30s, found "${timeout}"`);
  const client = await AdminClient.find(args, io);
  const path = `/api/snapshots/${encodeURIComponent(version)}/status?wait=${encodeURIComponent(timeout)}`;
  const status = await client.json<Status>('GET', path, undefined, timeoutMs + MARGIN_MS);
  if (args.flags.has('json')) io.out(`${JSON.stringify(status, null, 2)}\n`);
  else if (status.isApplied) {
    const count = status.workers.length;
    io.out(`version ${status.version} is in force on ${count} ${count === 1 ? 'worker' : 'workers'}\n`);
  } else if (status.reason !== null) io.out(`not in force: ${status.reason}\n`);
  else {
    const behind = status.workers.filter((worker) => !worker.isReady || worker.version < status.version);
    const who = behind.map(({ id, version: runs }) => `worker ${id} runs version ${runs}`).join(', ');
    io.out(`version ${status.version} is not in force after ${timeout}: ${who || 'a change is on its way'}\n`);
  }
  return status.isApplied ? EXIT_OK : EXIT_FAILED;
}
