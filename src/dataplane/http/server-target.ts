// What a server is asked for: path and query of the exchange, below the path of the server where that is wanted.

import type { ServerSpec } from '../../model/service.ts';
import type { Exchange } from './exchange.ts';
import { withQuery } from './request-target.ts';

/** Path and query for the server. */
export function serverTarget(exchange: Exchange, server: ServerSpec): string {
  const path =
    server.preservePath && exchange.path !== '*' ? joinPath(server.path, exchange.forwardPath) : exchange.forwardPath;
  return withQuery(path, exchange);
}

function joinPath(base: string, path: string): string {
  return base.endsWith('/') ? base.slice(0, -1) + path : base + path;
}
