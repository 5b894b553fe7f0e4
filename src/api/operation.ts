// What an operation of the API is: its place, its words for the OpenAPI description, and its answer. The table of all
// of them is operations.ts; transport and access are the admin server's.

import type { ServerResponse } from 'node:http';
import type { JsonSchema } from '../schema/schema.ts';
import type { Answer } from './answer.ts';

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

type Headers = Readonly<Record<string, string>>;

/** Said in JSON, with status 200. */
export interface Said<T> {
  readonly status: 200;
  readonly body: T;
  readonly headers?: Headers;
}

export interface Refusal {
  readonly status: number;
  readonly body: { readonly message: string };
  readonly headers?: Headers;
}

export type ApiAnswer<T = unknown> = Said<T> | Refusal;

interface Place {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** `/api/http/routers/{name}` */
  readonly path: string;
  readonly summary: string;
  /** Parameter name to its meaning. */
  readonly query?: Readonly<Record<string, string>>;
  /** What the body holds, and its type. */
  readonly body?: { readonly doc: string; readonly types: readonly string[] };
  /** In place of `handle`'s answer: the response stays open. */
  readonly stream?: (request: ApiRequest, response: ServerResponse) => void;
}

export interface Operation extends Place {
  /** Of the answer with status 200. */
  readonly answer: JsonSchema;
  readonly handle: (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>;
}

/** An operation whose handler returns what its description says. */
export function operation<T>(
  definition: Place & {
    readonly answer: Answer<T>;
    readonly handle: (request: ApiRequest) => ApiAnswer<NoInfer<T>> | Promise<ApiAnswer<NoInfer<T>>>;
  },
): Operation {
  return { ...definition, answer: definition.answer.schema };
}

export function say<T>(body: T, headers?: Headers): Said<T> {
  return headers === undefined ? { status: 200, body } : { status: 200, body, headers };
}

export function refuse(status: number, message: string): Refusal {
  return { status, body: { message } };
}
