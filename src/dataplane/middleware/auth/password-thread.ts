// The thread that verifies password hashes for one worker, one after the other; see password-verifier.ts.

import { parentPort } from 'node:worker_threads';
import { verifyPassword } from './password-hash.ts';
import type { PasswordAnswer, PasswordJob } from './password-verifier.ts';

parentPort?.on('message', ({ id, hash, password }: PasswordJob) => {
  const answer: PasswordAnswer = { id, isRight: verifyPassword(hash, Buffer.from(password)) };
  parentPort?.postMessage(answer);
});
