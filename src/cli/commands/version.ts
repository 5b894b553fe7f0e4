// `signalbox version`.

import { VERSION } from '../../app/version.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_OK, type Io } from '../io.ts';

export function version(args: Arguments, io: Io): Promise<number> {
  const { node } = process.versions;
  io.out(
    args.flags.has('json')
      ? `${JSON.stringify({ version: VERSION, node })}\n`
      : `signalbox ${VERSION} on Node ${node}\n`,
  );
  return Promise.resolve(EXIT_OK);
}
