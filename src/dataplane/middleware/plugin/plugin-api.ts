// What plugins are written with: `signalbox/plugin`. Everything here is a promise to other people's code.

export { defineMiddleware } from '../define.ts';
export type { Middleware, MiddlewareContext, MiddlewareDefinition } from '../define.ts';
export { respond } from '../../http/respond.ts';
export type { Exchange, Handler, ResponseHook } from '../../http/exchange.ts';
export type { HeaderList } from '../../http/message/header-list.ts';
export {
  boolean,
  duration,
  integer,
  list,
  object,
  oneOf,
  optional,
  record,
  required,
  string,
  withDefault,
} from '../../../schema/schema.ts';
export type { Field, Infer, Schema } from '../../../schema/schema.ts';
