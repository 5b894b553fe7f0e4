// A server that authenticates connections, as NTLM and Negotiate do (RFC 4559): `NTLM one` is answered with a
// challenge, `NTLM three:NAME` behind it on the same connection makes that NAME's, `Negotiate NAME` does so at once.
// Each answer says who it was for and on which connection.

import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

interface Login {
  readonly id: number;
  hasBegun: boolean;
  user: string | null;
}

export interface AuthenticatingOrigin {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  readonly open: number;
  /** Users of the connections that are open. */
  users(): readonly (string | null)[];
  /** Answers that were held back, under /held. */
  release(): void;
  /** Settles when so many requests are held back. */
  holds(count: number): Promise<void>;
  until(condition: () => boolean): Promise<void>;
  /** Closes the connections of the user. */
  closeOf(user: string): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `challenges` are the WWW-Authenticate fields of a refusal. */
export async function startAuthenticatingOrigin(challenges: readonly string[]): Promise<AuthenticatingOrigin> {
  const logins = new Map<Socket, Login>();
  const held: (() => void)[] = [];
  const watchers = new Set<() => void>();
  let connections = 0;

  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
      });
    }
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const login = logins.get(request.socket)!;
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
    const refuse = (fields: readonly string[]): void => {
      response.writeHead(401, { 'WWW-Authenticate': [...fields], 'X-Connection': login.id });
      response.end('nobody');
    };
    if (/^ntlm$/i.test(scheme)) {
      if (token === 'one') {
        login.hasBegun = true;
        refuse(['NTLM two']);
        return;
      }
      if (!login.hasBegun) {
        refuse(challenges);
        return;
      }
      login.user = token.slice('three:'.length);
    } else if (/^negotiate$/i.test(scheme)) login.user = token;
    else if (login.user === null && scheme !== 'Basic' && request.url !== '/open') {
      refuse(challenges);
      return;
    }
    response.setHeader('X-Connection', login.id);
    const give = (): void => {
      response.end(login.user ?? 'nobody');
    };
    if (request.url !== '/held') give();
    else {
      held.push(give);
      wake();
    }
  }

  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(request, response));
  });
  server.keepAliveTimeout = 0;
  server.on('connection', (socket: Socket) => {
    logins.set(socket, { id: ++connections, hasBegun: false, user: null });
    socket.on('close', () => {
      logins.delete(socket);
      wake();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // A TCP server.
    get connections() {
      return connections;
    },
    get open() {
      return logins.size;
    },
    users: () => [...logins.values()].map(({ user }) => user),
    release() {
      for (const give of held.splice(0)) give();
    },
    holds: (count) => until(() => held.length >= count),
    until,
    closeOf(user) {
      for (const [socket, login] of logins) if (login.user === user) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
