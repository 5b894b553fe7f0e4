// `signalbox healthcheck`: for container engines that run a command to learn how a container is.

import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';

const TIMEOUT_MS = 5_000;

export async function healthcheck(args: Arguments, io: Io): Promise<number> {
  const client = await AdminClient.findPing(args, io);
  if (typeof client === 'string') return tell(null, client, args, io);
  const { status, text } = await client.ask('GET', '/ping', undefined, TIMEOUT_MS);
  const said =
    status === 404 ? `${client.shown} has no ping; switch it on with "ping: {}"` : `${status} ${text.trim()}`;
  return tell(status, said, args, io);
}

function tell(status: number | null, said: string, args: Arguments, io: Io): number {
  const isWell = status === 200;
  io.out(
    args.flags.has('json')
      ? `${JSON.stringify(isWell ? { isWell, status } : { isWell, status, message: said })}\n`
      : `${isWell ? 'OK' : said}\n`,
  );
  return isWell ? EXIT_OK : EXIT_FAILED;
}
