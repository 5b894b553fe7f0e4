// What a router stands on before its parts are made: what it is started with, its log, what has survived an earlier
// process, and what a predecessor leaves.

import type { Clock } from '../core/clock.ts';
import { SystemClock } from '../core/clock.ts';
import { ApplicationLog } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { createCells, type Cells } from '../model/message/cells.ts';
import type { Inheritance } from '../model/message/takeover.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { RUN_DIRECTORY_VARIABLE } from '../controlplane/config/install/install-sources.ts';
import { processSecret } from '../controlplane/store/process-secret.ts';
import type { BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { LineSink } from '../observe/access-log-writer.ts';
import { EventBus } from '../observe/event-bus.ts';
import { loadCertificateParts, type CertificateParts } from './control-plane.ts';
import type { InstallSource } from './install-watch.ts';
import { makeSocketDirectory, takeRunDirectory } from './process/socket-directory.ts';
import { standardError } from './process/standard-error.ts';
import { openState, type State } from './state.ts';
import type { Predecessor } from './takeover/predecessor.ts';
import type { InheritedSockets } from './takeover/socket-activation.ts';
import { SocketSource } from './takeover/socket-source.ts';
import { firstTicketKeys } from './ticket-keys.ts';

export interface StandaloneOptions {
  readonly install: InstallConfig;
  readonly workers: number;
  /** Where DNS providers find their credentials, and the local authority its place; empty when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Hosts that the local authority certifies beside the names of this machine. */
  readonly localNames?: readonly string[];
  /** Followed and read again; null for a router whose configuration is inline. */
  readonly source?: InstallSource;
  /** Sockets that were bound before this process began. */
  readonly inherited?: InheritedSockets;
  /** Bound by this process, by entry point. */
  readonly ownSockets?: ReadonlyMap<string, BoundSocket>;
  /** The process to succeed. */
  readonly predecessor?: Predecessor;
  /** A successor serves: this router has stopped accepting and is finishing. Without it there are no takeovers. */
  readonly onHandedOver?: (pid: number) => void;
  /** Where lines of the access log go; where the configuration says when left out. */
  readonly accessLogSink?: () => LineSink;
  /** For tests that want a worker which misbehaves. */
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
  /** Of the install configuration at start: shown already, and logged where the log is not what people look at. */
  readonly startDiagnostics?: readonly Diagnostic[];
  /** Called with diagnostics that are new since the last call; those of a running router are in the log as well. */
  onDiagnostics(diagnostics: readonly Diagnostic[], isRunning: boolean): void;
}

export interface Foundation {
  readonly options: StandaloneOptions;
  readonly log: ApplicationLog;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly parts: CertificateParts;
  readonly state: State | null;
  /** Null without a predecessor. */
  readonly inheritance: Inheritance | null;
  readonly isSuccessor: boolean;
  readonly cells: Cells;
  readonly sockets: SocketSource;
  /** Sockets of the internal services; readable by this user alone. */
  readonly socketDirectory: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Opens what lasts. Rejects when a log file or the state directory cannot be used. */
export async function layFoundation(options: StandaloneOptions): Promise<Foundation> {
  const { install, predecessor, inherited = null } = options;
  const log = new ApplicationLog(install.log, standardError());
  const parts = await loadCertificateParts(install);
  // From here on it writes no state any more, and the lock of the directory is free.
  const inheritance = (await predecessor?.claim()) ?? null;
  const state = await openState(install.state, log);
  const isSuccessor = predecessor !== undefined;
  const clock = new SystemClock();
  return {
    options,
    log,
    clock,
    events: new EventBus(() => clock.wall()),
    parts,
    state,
    inheritance,
    isSuccessor,
    cells: createCells(firstTicketKeys(inheritance?.ticketKeys ?? null), await secretOf(state, inheritance)),
    sockets: new SocketSource(inherited, isSuccessor, log, options.ownSockets),
    socketDirectory: await socketDirectoryOf(options),
    startedAt: clock.wall(),
  };
}

/** That of a container, which has one router, is named; everywhere else nobody is in the way of anybody. */
async function socketDirectoryOf({ environment = {} }: StandaloneOptions): Promise<string> {
  const named = environment[RUN_DIRECTORY_VARIABLE] ?? '';
  return (named === '' ? null : await takeRunDirectory(named)) ?? makeSocketDirectory();
}

/** What clients bring back stays good: that of the state, else the predecessor's. */
async function secretOf(state: State | null, inheritance: Inheritance | null): Promise<Uint8Array> {
  if (state !== null) return state.secret;
  return inheritance === null ? processSecret(null) : Buffer.from(inheritance.secret, 'base64');
}
