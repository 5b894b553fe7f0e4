// Composes a request's stages once, when a generation is built: the first middleware is the outermost.

import type { Handler } from '../http/exchange.ts';
import type { Middleware } from '../middleware/define.ts';

export function composeChain(middlewares: readonly Middleware[], service: Handler): Handler {
  let handler = service;
  for (let index = middlewares.length - 1; index >= 0; index--) handler = middlewares[index]!(handler);
  return handler;
}
