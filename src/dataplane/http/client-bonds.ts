// Connections to servers that belong to one client connection. A server that authenticates the connection and not the
// request (NTLM, Negotiate: RFC 4559 §6) serves everything that comes on it as that user, which RFC 9110 §3.3 names as
// the danger it is to whoever shares connections. So such a connection is nobody else's from the first sign on, whoever
// gives it, until either side closes. Here is what the two sides know of each other; the server's is upstream/bond.ts.

import type { HeaderList } from './message/header-list.ts';

/** A connection to a server, as its client sees it. */
export interface BoundConnection {
  /** The client's connection has ended. */
  clientGone(): void;
}

/** What belongs to one client connection; made with the first. */
export class ClientBonds {
  private readonly byServer = new Map<object, BoundConnection>();

  /** `server` is any object that stands for it. */
  get(server: object): BoundConnection | undefined {
    return this.byServer.get(server);
  }

  /** The first server with a connection of this client for which the condition holds. */
  find<Server extends object>(isWanted: (server: object) => Server | null): Server | null {
    for (const server of this.byServer.keys()) {
      const found = isWanted(server);
      if (found !== null) return found;
    }
    return null;
  }

  add(server: object, connection: BoundConnection): void {
    this.byServer.set(server, connection);
  }

  remove(server: object): void {
    this.byServer.delete(server);
  }

  /** The client's connection has ended, and with it all that was its own. */
  dissolve(): void {
    const bound = [...this.byServer.values()];
    this.byServer.clear();
    for (const connection of bound) connection.clientGone();
  }
}

/** Schemes that authenticate the connection. */
const CREDENTIALS = /^(?:ntlm|negotiate)(?:$|[\t ])/i;
/** One of them among the challenges of a field, which may be several in one line (RFC 9110 §11.6.1). */
const CHALLENGE = /(?:^|,)[\t ]*(?:ntlm|negotiate)(?:$|[\t ,])/i;

export const CREDENTIALS_NONE = 0;
/** Of the request alone, such as Basic or a token. */
export const CREDENTIALS_OF_REQUEST = 1;
export const CREDENTIALS_OF_CONNECTION = 2;

/** What the request's credentials authenticate. */
export function credentialsOf(headers: HeaderList): 0 | 1 | 2 {
  if (!headers.has('authorization')) return CREDENTIALS_NONE;
  return headers.valuesOf('authorization')!.some((value) => CREDENTIALS.test(value))
    ? CREDENTIALS_OF_CONNECTION
    : CREDENTIALS_OF_REQUEST;
}

/** The value of a WWW-Authenticate field asks for credentials that authenticate the connection, or goes on doing so. */
export function challengesConnection(value: string): boolean {
  return CHALLENGE.test(value);
}
