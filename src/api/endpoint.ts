// What an endpoint of the API is: its place, its words for the OpenAPI description, and its answer. The table of all of
// them is endpoints.ts; transport and access are the admin server's.

import type { ServerResponse } from 'node:http';
import type { JsonSchema } from '../schema/schema.ts';

export interface ApiRequest {
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Text of the body; '' when there is none. */
  readonly body: string;
  readonly contentType: string;
  readonly lastEventId: number | null;
  /** `owner` came through the Unix socket that this user alone can open, `token` has shown the token. */
  readonly caller: 'owner' | 'token' | 'anyone';
  /** Who that is, for the log: `127.0.0.1, with the token`. */
  readonly from: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** `/api/http/routers/{name}` */
  readonly path: string;
  readonly summary: string;
  /** Parameter name to its meaning. */
  readonly query?: Readonly<Record<string, string>>;
  /** What the body holds, and its type. */
  readonly body?: { readonly doc: string; readonly types: readonly string[] };
  /** Of the answer with status 200. */
  readonly answer: JsonSchema;
  readonly handle: (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>;
  /** In place of `handle`'s answer: the response stays open. */
  readonly stream?: (request: ApiRequest, response: ServerResponse) => void;
}

export function ok(body: unknown, headers?: Readonly<Record<string, string>>): ApiAnswer {
  return headers === undefined ? { status: 200, body } : { status: 200, body, headers };
}

export function refuse(status: number, message: string): ApiAnswer {
  return { status, body: { message } };
}
