// What a door of the internal entry point opens, and what is said at it in one piece.

import type { ApiRequest } from '../operation.ts';
import type { Refusal } from './access.ts';

export interface DoorAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a door opens. */
export interface Door {
  readonly hasApi: boolean;
  readonly hasPing: boolean;
  readonly hasMetrics: boolean;
  readonly hasRest: boolean;
  readonly hasDashboard: boolean;
  /** One thing alone, whatever the path. */
  readonly only: 'ping' | 'metrics' | 'dashboard' | 'rest' | null;
  /** A Unix socket that this user alone can open: who comes through it may do everything. */
  readonly isOwners: boolean;
  /** The internal entry point's address: no router's guards stand before it. */
  readonly isOnNetwork: boolean;
  readonly isOnLoopback: boolean;
}

/** What may be done with one request. */
export interface Rights {
  readonly caller: ApiRequest['caller'];
  readonly door: Door;
  /** Null when it may change something. */
  readonly writingRefused: Refusal | null;
}

export const TEXT = 'text/plain; charset=utf-8';
export const NOT_FOUND: DoorAnswer = { status: 404, type: TEXT, body: '404 page not found\n' };

export function redirection(location: string): DoorAnswer {
  return { status: 302, type: TEXT, body: '', headers: { Location: location } };
}

export function refused({ status, ...said }: Refusal): DoorAnswer {
  const body = `${JSON.stringify(said)}\n`;
  const answer: DoorAnswer = { status, type: 'application/json', body };
  return status === 401 ? { ...answer, headers: { 'WWW-Authenticate': 'Bearer realm="signalbox"' } } : answer;
}

export function notAllowed(methods: string): DoorAnswer {
  return { ...refused({ status: 405, message: `Method Not Allowed; use ${methods}` }), headers: { Allow: methods } };
}
