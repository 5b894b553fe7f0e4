// The body of `POST /api/takeover`: the command of the successor, which only this user may choose. Whoever comes with a
// token can have the running process's own command started again, and no other.

import { isMap } from '../../schema/input.ts';
import type { ProcessCommand } from '../../model/message/takeover.ts';
import type { ApiRequest } from '../operation.ts';

/** A text says why it is refused. */
export function decodeTakeover({ body, caller }: ApiRequest, own: ProcessCommand): ProcessCommand | string {
  if (caller === 'anyone') {
    return 'a takeover starts a process: ask through the Unix socket of api.socket, or set api.token and send it';
  }
  const command = body.trim() === '' ? own : commandOf(body);
  if (command === null) {
    return 'the body is no command: it has executable, nodeArgs, program, args, directory and environment, or is empty for the command of the running process';
  }
  if (caller === 'owner') return command;
  if (shown(command) === shown(own)) return { ...command, environment: own.environment };
  return `with a token, only the command of the running process can be started again (${own.program} ${own.args.join(' ')} in ${own.directory}); ask through the Unix socket of api.socket to start another`;
}

function shown({ executable, nodeArgs, program, args, directory }: ProcessCommand): string {
  return JSON.stringify([executable, nodeArgs, program, args, directory]);
}

function commandOf(body: string): ProcessCommand | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (!isMap(value)) return null;
  const { executable, nodeArgs, program, args, directory, environment } = value;
  if (!isText(executable) || !isText(program) || !isText(directory)) return null;
  if (!Array.isArray(nodeArgs) || !nodeArgs.every(isText) || !Array.isArray(args) || !args.every(isText)) return null;
  if (!isMap(environment)) return null;
  const variables: Record<string, string> = {};
  for (const [name, one] of Object.entries(environment)) {
    if (!isText(one)) return null;
    variables[name] = one;
  }
  return { executable, nodeArgs, program, args, directory, environment: variables };
}

/** The kernel ends arguments and variables with a zero byte. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}
