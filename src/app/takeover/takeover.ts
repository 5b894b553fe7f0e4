// Starts the process that is to succeed this one, with its listening sockets. Until the successor serves, this one goes
// on as before, and for good when the successor fails; then it leaves: it stops accepting, finishes and ends.
//
//   IDLE ──begin──▶ STARTING ──claim──▶ SUSPENDED ──ready──▶ HANDED OVER
//    ▲                  └── failed, ended, late ──┴──▶ resume ──┘

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { SignalboxError, messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import {
  SUCCEEDS_VARIABLE,
  TAKEOVER_PROTOCOL,
  type FromPredecessor,
  type FromSuccessor,
  type Inheritance,
  type ProcessCommand,
} from '../../model/message/takeover.ts';
import { atNormalPriority } from '../process/priority.ts';

/** From its start until it serves. */
const READY_TIMEOUT_MS = 60_000;

export interface TakeoverOptions {
  readonly log: Log;
  /** Bound sockets by entry point, the internal one included. */
  sockets(): ReadonlyMap<string, { readonly fd: number }>;
  /** Writes nothing and changes nothing from now on; resolves with what the successor needs. */
  suspend(): Promise<Inheritance>;
  /** Goes on as before, after a `suspend` or none. */
  resume(): Promise<void>;
}

/** Variables of the service manager and of Node's own channels are this process's alone. */
const NOT_INHERITED = /^(?:LISTEN_(?:FDS|PID|FDNAMES)|NODE_CHANNEL_|NODE_UNIQUE_ID|SYSTEMD_EXEC_PID|MAINPID|WATCHDOG_)/;
const OF_CONFIGURATION = /^(?:SIGNALBOX|TRAEFIK)_/i;

/** How this process itself was started. */
export function ownCommand(): ProcessCommand {
  return {
    executable: process.execPath,
    nodeArgs: process.execArgv,
    program: process.argv[1] ?? '',
    args: withoutTakeover(process.argv.slice(2)),
    directory: process.cwd(),
    environment: configurationOf(process.env),
  };
}

/** The flags that are about the takeover itself. */
function withoutTakeover(args: readonly string[]): readonly string[] {
  return args.filter((argument, index) => {
    return !/^--(?:takeover|admin=.*|admin)$/i.test(argument) && !/^--admin$/i.test(args[index - 1] ?? '');
  });
}

export class Takeover {
  readonly #options: TakeoverOptions;
  #child: ChildProcess | null = null;
  #isStarting = false;
  #isHandedOver = false;

  constructor(options: TakeoverOptions) {
    this.#options = options;
  }

  /** Changes would be lost: the successor has, or will have, what this process had when it was asked. */
  get isUnderWay(): boolean {
    return this.#isStarting || this.#isHandedOver;
  }

  /**
   * Settles with the successor's process id when it serves; the caller then leaves. Rejects with ERR_TAKEOVER_FAILED
   * when it does not, and everything is as before.
   */
  async begin(command: ProcessCommand): Promise<number> {
    if (this.isUnderWay) throw failure('another takeover is under way');
    this.#isStarting = true;
    try {
      const obstacle = obstacleTo() ?? (await problemOf(command));
      if (obstacle !== null) throw failure(obstacle);
      return await this.#start(command);
    } finally {
      this.#isStarting = false;
    }
  }

  async #start(command: ProcessCommand): Promise<number> {
    const { log } = this.#options;
    const sockets = [...this.#options.sockets()];
    const start = (): ChildProcess =>
      spawn(command.executable, [...command.nodeArgs, command.program, ...command.args], {
        cwd: command.directory,
        env: environmentFor(
          command,
          sockets.map(([name]) => name),
        ),
        stdio: ['ignore', 'inherit', 'inherit', ...sockets.map(([, { fd }]) => fd), 'ipc'],
      });
    const child = atNormalPriority(start);
    this.#child = child;
    log.info('a successor was started', { pid: child.pid, sockets: sockets.map(([name]) => name) });
    try {
      await this.#untilReady(child);
    } catch (error) {
      const reason = messageOf(error);
      log.error('the successor does not serve; this process goes on', { pid: child.pid, reason });
      await ended(child);
      this.#child = null;
      this.#isStarting = false;
      await this.#options.resume();
      throw failure(reason);
    }
    this.#isHandedOver = true;
    this.#child = null;
    if (child.connected) child.disconnect();
    child.unref();
    log.info('the successor serves; this process finishes and ends', { pid: child.pid });
    return child.pid!;
  }

  /** This process ends by itself: a successor that is not there yet is not wanted. */
  async abort(): Promise<void> {
    if (this.#child !== null) await ended(this.#child);
  }

  #untilReady(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`it was not ready within ${READY_TIMEOUT_MS / 1000} s`)),
        READY_TIMEOUT_MS,
      );
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      child.on('error', (error) => settle(new Error(`it cannot be started: ${error.message}`)));
      child.on('exit', (code, signal) => settle(new Error(`it ended with ${signal ?? `exit code ${code}`}`)));
      child.on('message', (message: FromSuccessor) => {
        switch (message.kind) {
          case 'claim':
            this.#handOver(child, message.protocol).catch((error: unknown) => settle(error as Error));
            return;
          case 'ready':
            settle();
            return;
          case 'failed':
            settle(new Error(message.reason));
        }
      });
    });
  }

  async #handOver(child: ChildProcess, protocol: number): Promise<void> {
    if (protocol !== TAKEOVER_PROTOCOL) {
      throw new Error('its version and this one do not understand each other; restart instead');
    }
    const message: FromPredecessor = { kind: 'inheritance', inheritance: await this.#options.suspend() };
    if (child.connected) child.send(message);
  }
}

function failure(reason: string): SignalboxError {
  return new SignalboxError('ERR_TAKEOVER_FAILED', reason);
}

const SMALL_INITS: ReadonlySet<string> = new Set(['tini', 'docker-init', 'catatonit', 'dumb-init']);
const IN_CONTAINER = 'the container ends with this process; start a second container beside it instead';

/** Why the end of this process would take the successor with it. */
function obstacleTo(): string | null {
  if (process.pid === 1 || isUnderSmallInit()) return IN_CONTAINER;
  const { SYSTEMD_EXEC_PID: unit, NOTIFY_SOCKET: notify } = process.env;
  if (unit === String(process.pid) && (notify ?? '') === '') {
    return 'systemd would end the successor with this process; its unit needs Type=notify and NotifyAccess=all';
  }
  return null;
}

/** Process 1 is one that container engines put there: it ends with its child, whoever else there is. */
function isUnderSmallInit(): boolean {
  if (process.ppid !== 1) return false;
  try {
    return SMALL_INITS.has(readFileSync('/proc/1/comm', 'utf8').trim());
  } catch {
    return false;
  }
}

/** Programs that others than this user, or root, could have put there are not started. */
async function problemOf({ executable, program, directory }: ProcessCommand): Promise<string | null> {
  for (const path of [executable, program]) {
    if (!isAbsolute(path)) return `${path} is no absolute path`;
    const info = await stat(path).catch(() => null);
    if (info?.isFile() !== true) return `${path} is no file`;
    const isOurs = info.uid === 0 || info.uid === process.getuid?.();
    if (!isOurs || (info.mode & 0o002) !== 0) return `${path} belongs to another user, or anybody may write to it`;
  }
  return isAbsolute(directory) ? null : `${directory} is no absolute path`;
}

/** Of this process, but for what the configuration reads: that is as the asker has checked it. */
function environmentFor(command: ProcessCommand, names: readonly string[]): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !NOT_INHERITED.test(name) && !OF_CONFIGURATION.test(name),
  );
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    ...configurationOf(command.environment),
    LISTEN_FDS: String(names.length),
    LISTEN_FDNAMES: names.join(':'),
    [SUCCEEDS_VARIABLE]: String(process.pid),
  };
}

function configurationOf(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && OF_CONFIGURATION.test(name) && name !== SUCCEEDS_VARIABLE,
  );
  return Object.fromEntries(found) as Record<string, string>;
}

/** Settles when the process is gone, by force if need be. */
function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
