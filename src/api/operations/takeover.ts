// A successor for the running process.

import { SignalboxError } from '../../core/errors.ts';
import * as answers from '../answers.ts';
import { operation, refuse, say, type Operation } from '../operation.ts';
import type { TakeoverSource } from '../sources.ts';
import { decodeTakeover } from './takeover-request.ts';

export function takeoverOperation(source: TakeoverSource): Operation {
  return operation({
    method: 'POST',
    path: '/api/takeover',
    summary:
      'Starts a successor with the listening sockets of this process, which finishes and ends once the successor serves, and otherwise goes on. Only through the Unix socket, or with the token.',
    body: {
      doc: 'The command of the successor; `signalbox run --takeover` sends its own. Empty for the command of the running process, which is all that a token allows.',
      types: ['application/json'],
    },
    answer: answers.takenOver,
    handle: async (request) => {
      const asked = decodeTakeover(request, source.command);
      if (typeof asked === 'string') return refuse(403, asked);
      try {
        return say({ pid: await source.begin(asked) });
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error;
        return refuse(409, error.message);
      }
    },
  });
}
