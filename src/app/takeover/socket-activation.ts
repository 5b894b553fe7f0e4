// Sockets that were bound before this process began: by the service manager (sd_listen_fds(3)), or by the process it
// succeeds. An entry point gets the one with its name, or else the one with its address.

import type { Log } from '../../core/log.ts';
import type { ListenAddress } from '../../model/entry-point.ts';
import { adoptSocket } from '../../dataplane/net/inherited-socket.ts';
import type { BoundSocket } from '../../dataplane/net/listening-socket.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const FIRST_FD = 3;
const MAX_FDS = 1024;
const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'] as const;

interface Inherited extends BoundSocket {
  readonly fd: number;
  /** As the service manager calls it; its own default is the name of the unit. */
  readonly name: string;
}

export class InheritedSockets {
  readonly #waiting: Inherited[] = [];
  /** What is wrong with what was passed, for the log. */
  readonly #problems: string[] = [];
  /** How many were passed. */
  readonly count: number;

  private constructor(names: readonly string[], problem: string | null) {
    if (problem !== null) this.#problems.push(problem);
    this.count = names.length;
    for (const [index, name] of names.entries()) {
      const fd = FIRST_FD + index;
      const adopted = adoptSocket(fd);
      if (typeof adopted === 'string')
        this.#problems.push(`descriptor ${fd}${shownName(name)} cannot be used: ${adopted}`);
      else this.#waiting.push({ ...adopted, fd, name });
    }
  }

  /**
   * Those that are meant for this process; `ownPid` is null when the process that started it says so by other means.
   * The descriptors are marked close-on-exec by Node itself when it starts, so children do not get them.
   */
  static from(environment: Environment, ownPid: number | null): InheritedSockets {
    const { LISTEN_FDS: fds, LISTEN_PID: pid, LISTEN_FDNAMES: names = '' } = environment;
    if (fds === undefined) return new InheritedSockets([], null);
    if (ownPid !== null && pid !== String(ownPid)) {
      return new InheritedSockets(
        [],
        `LISTEN_FDS=${fds} is meant for process ${pid ?? '(none)'} and this is ${ownPid}: start the router itself, without a shell or npm between`,
      );
    }
    const count = Number(fds);
    if (!Number.isInteger(count) || count < 0 || count > MAX_FDS) {
      return new InheritedSockets([], `LISTEN_FDS=${fds} is no number of descriptors`);
    }
    const given = names.split(':');
    return new InheritedSockets(
      Array.from({ length: count }, (_, index) => given[index] ?? ''),
      null,
    );
  }

  /**
   * Null when there is none for the entry point. Each is given once. Whoever activates the router by a socket decides
   * where it listens; with `isExact` the configuration does, and a socket of the same name elsewhere does not count.
   */
  take(entryPoint: string, address: ListenAddress, isExact = false): BoundSocket | null {
    const fits = this.#waiting.filter((one) => one.address.protocol === address.protocol);
    const found =
      fits.find(({ name, address: own }) => name === entryPoint && isSame(own, address)) ??
      (isExact && address.port !== 0 ? undefined : fits.find(({ name }) => name === entryPoint)) ??
      fits.find((one) => isSame(one.address, address));
    if (found === undefined) return null;
    this.#waiting.splice(this.#waiting.indexOf(found), 1);
    return { handle: found.handle, address: found.address };
  }

  /** Says what came of it, and closes what nobody has taken. */
  finish(log: Log): void {
    for (const problem of this.#problems) log.warn(problem);
    for (const { handle, name, address } of this.#waiting.splice(0)) {
      log.warn('a socket was passed that belongs to no entry point; it is closed', { name, ...address });
      handle.close();
    }
  }

  /** Descriptors that could not be used stay open with whoever passed them. */
  static forget(environment: Record<string, string | undefined>): void {
    for (const name of VARIABLES) delete environment[name];
  }
}

function shownName(name: string): string {
  return name === '' ? '' : ` (${name})`;
}

/** Without a host, an entry point takes every address of the machine. */
function isSame(bound: ListenAddress, wanted: ListenAddress): boolean {
  if (bound.port !== wanted.port) return false;
  const isEverywhere = bound.host === '::' || bound.host === '0.0.0.0';
  return bound.host === wanted.host || (isEverywhere && wanted.host === '');
}
