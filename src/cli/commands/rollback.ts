// `signalbox rollback`: back to an earlier snapshot, and on again.

import { SignalboxError } from '../../core/errors.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_OK, type Io } from '../io.ts';

interface Snapshots {
  readonly current: number;
  readonly pinned: number | null;
  readonly snapshots: readonly { readonly version: number; readonly digest: string }[];
}

export async function rollback(args: Arguments, io: Io): Promise<number> {
  if (args.flags.has('release') && args.positionals.length > 0) {
    const given = args.positionals.join(' ');
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `rollback: --release goes on with the newest configuration and takes no version, found "${given}"; leave one of them out`,
    );
  }
  const client = await AdminClient.find(args, io);
  const isJson = args.flags.has('json');
  if (args.flags.has('release')) {
    const answer = await client.json<{ version: number }>('POST', '/api/snapshots/release');
    io.out(
      isJson
        ? `${JSON.stringify(answer, null, 2)}\n`
        : `the newest configuration is in force as version ${answer.version}\n`,
    );
    return EXIT_OK;
  }
  const wanted = args.positionals[0] ?? String(await versionBefore(client));
  const answer = await client.json<{ version: number }>(
    'POST',
    `/api/snapshots/${encodeURIComponent(wanted)}/activate`,
  );
  io.out(
    isJson
      ? `${JSON.stringify(answer, null, 2)}\n`
      : `version ${wanted} is in force again, as version ${answer.version}; it stays until "signalbox rollback --release"\n`,
  );
  return EXIT_OK;
}

/** The newest snapshot whose content is not the present one's. */
async function versionBefore(client: AdminClient): Promise<number> {
  const { current, snapshots } = await client.json<Snapshots>('GET', '/api/snapshots');
  const digest = snapshots.find(({ version }) => version === current)?.digest;
  const before = snapshots.findLast((one) => one.version < current && one.digest !== digest);
  if (before === undefined) throw new SignalboxError('ERR_CLI_USAGE', 'there is no earlier snapshot to go back to');
  return before.version;
}
