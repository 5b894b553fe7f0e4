// `signalbox hash-password USER`: the line of a user, as `basicAuth` takes it.

import { SignalboxError } from '../../core/errors.ts';
import { userNameError } from '../../dataplane/middleware/auth/auth-options.ts';
import { bcryptProblem, hashPassword } from '../../dataplane/middleware/auth/password-hash.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_OK, type Io } from '../io.ts';
import { readPassword } from '../password-input.ts';

/** A tenth of a second on a machine of today. */
const DEFAULT_COST = 10;

export async function hashPasswordCommand(args: Arguments, io: Io): Promise<number> {
  const [user = ''] = args.positionals;
  const problem = user.includes(':')
    ? `a user name holds no colon, found "${user}"; the password is asked for`
    : userNameError(user);
  if (problem !== null) throw usage(problem);
  const costText = args.flags.get('cost')?.[0];
  const cost = costText === undefined ? DEFAULT_COST : Number(costText);
  const costProblem = bcryptProblem('-', cost);
  if (costProblem !== null) throw usage(`--cost ${costText ?? ''}: ${costProblem}`);
  const password = await readPassword(user, (text) => io.err(text));
  const passwordProblem = bcryptProblem(password, cost);
  if (passwordProblem !== null) throw usage(passwordProblem);
  io.out(`${user}:${await hashPassword(password, cost)}\n`);
  return EXIT_OK;
}

function usage(message: string): SignalboxError {
  return new SignalboxError('ERR_CLI_USAGE', `hash-password: ${message}`);
}
