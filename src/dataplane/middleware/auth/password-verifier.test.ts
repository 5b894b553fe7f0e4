import { expect, test } from 'vitest';
import {
  PasswordVerifier,
  type PasswordAnswer,
  type PasswordJob,
  type StartPasswordThread,
} from './password-verifier.ts';

const HASH = '$6$salt$'.padEnd(94, 'x');

/** A thread that answers when it is told to. */
class FakeThreads {
  readonly jobs: PasswordJob[] = [];
  started = 0;
  stopped = 0;
  answer: (answer: PasswordAnswer) => void = () => {};
  die: () => void = () => {};

  readonly start: StartPasswordThread = (answered, ended) => {
    this.started++;
    this.answer = answered;
    this.die = ended;
    return { post: (job) => this.jobs.push(job), stop: () => this.stopped++ };
  };
}

function verifier(threads: FakeThreads): PasswordVerifier {
  return new PasswordVerifier(Buffer.alloc(32, 1), threads.start);
}

const password = (text: string): Buffer => Buffer.from(text);

test('cheap hashes need no thread', () => {
  const threads = new FakeThreads();
  const passwords = verifier(threads);
  expect(passwords.check('{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', password('secret'))).toBe('right');
  expect(passwords.check('{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', password('Secret'))).toBe('wrong');
  expect(threads.started).toBe(0);
});

test('remembers what was right, for this hash alone, and nothing that was wrong', async () => {
  const threads = new FakeThreads();
  const passwords = verifier(threads);
  const first = passwords.check(HASH, password('a'));
  const second = passwords.check(HASH, password('b'));
  expect(threads.jobs.map(({ hash, password: bytes }) => [hash, Buffer.from(bytes).toString()])).toEqual([
    [HASH, 'a'],
    [HASH, 'b'],
  ]);
  threads.answer({ id: 0, isRight: true });
  threads.answer({ id: 1, isRight: false });
  expect([await first, await second]).toEqual(['right', 'wrong']);
  expect(passwords.check(HASH, password('a'))).toBe('right');
  expect(passwords.check(HASH, password('b'))).toBeInstanceOf(Promise);
  expect(passwords.check(HASH.replace('salt', 'other'), password('a'))).toBeInstanceOf(Promise);
  expect(threads.started).toBe(1);
});

test('equal checks under way are one', async () => {
  const threads = new FakeThreads();
  const passwords = verifier(threads);
  const checks = [1, 2, 3].map(() => passwords.check(HASH, password('a')));
  expect(threads.jobs).toHaveLength(1);
  threads.answer({ id: 0, isRight: false });
  for (const check of checks) expect(await check).toBe('wrong');
});

test('the queue is bounded, and has room again when checks end', async () => {
  const threads = new FakeThreads();
  const passwords = verifier(threads);
  for (let index = 0; index < 64; index++) void passwords.check(HASH, password(String(index)));
  expect(passwords.check(HASH, password('x'))).toBe('busy');
  expect(passwords.check(HASH, password('0'))).toBeInstanceOf(Promise);
  threads.answer({ id: 5, isRight: false });
  expect(passwords.check(HASH, password('x'))).toBeInstanceOf(Promise);
  expect(threads.jobs).toHaveLength(65);
});

test('a thread that dies makes its checks busy, and the next check starts another one', async () => {
  const threads = new FakeThreads();
  const passwords = verifier(threads);
  const check = passwords.check(HASH, password('a'));
  threads.die();
  expect(await check).toBe('busy');
  const again = passwords.check(HASH, password('a'));
  expect(threads.started).toBe(2);
  passwords.stop();
  expect([await again, threads.stopped]).toEqual(['busy', 1]);
});

test('a password nobody has costs nothing', () => {
  const threads = new FakeThreads();
  expect(verifier(threads).check(HASH, Buffer.alloc(513))).toBe('wrong');
  expect(threads.started).toBe(0);
});
