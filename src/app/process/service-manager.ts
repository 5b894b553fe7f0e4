// Tells the service manager how the process is (sd_notify(3)). Node has no datagram sockets of the Unix kind, so the
// messages are sent by systemd's own small program, which the unit must allow with NotifyAccess=all.

import { spawn } from 'node:child_process';
import type { Log } from '../../core/log.ts';

const PROGRAM = 'systemd-notify';
const TIMEOUT_MS = 5_000;

export class ServiceManager {
  readonly #isThere: boolean;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #log: Log;
  #sending: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(environment: NodeJS.ProcessEnv, log: Log) {
    this.#isThere = (environment['NOTIFY_SOCKET'] ?? '') !== '';
    this.#environment = environment;
    this.#log = log;
  }

  /** Settles when it has been told, which is at once when there is none. */
  ready(): Promise<void> {
    return this.#tell('READY=1', `MAINPID=${process.pid}`);
  }

  reloading(): Promise<void> {
    const microseconds = process.hrtime.bigint() / 1000n;
    return this.#tell('RELOADING=1', `MONOTONIC_USEC=${microseconds}`);
  }

  stopping(): Promise<void> {
    return this.#tell('STOPPING=1');
  }

  /** Another process is the service from now on. */
  succeededBy(pid: number): Promise<void> {
    return this.#tell(`MAINPID=${pid}`);
  }

  #tell(...assignments: readonly string[]): Promise<void> {
    if (!this.#isThere) return Promise.resolve();
    this.#sending = this.#sending.then(() => this.#send(assignments));
    return this.#sending;
  }

  #send(assignments: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const child = spawn(PROGRAM, assignments, { stdio: 'ignore', env: this.#environment, timeout: TIMEOUT_MS });
      child.once('error', (error) => this.#failed(error.message, resolve));
      child.once('exit', (code, signal) => {
        if (code === 0) resolve();
        else this.#failed(String(signal ?? `exit code ${code}`), resolve);
      });
    });
  }

  #failed(reason: string, resolve: () => void): void {
    if (!this.#hasFailed) {
      this.#log.warn(`the service manager cannot be told: ${PROGRAM} does not work`, { reason });
    }
    this.#hasFailed = true;
    resolve();
  }
}
