// What plugins are written with: `signalbox/plugin`. Everything here is a promise to other people's code.

export { defineMiddleware } from '../define.ts';
export type { Middleware, MiddlewareContext, MiddlewareDefinition } from '../define.ts';
export { respond } from '../../http/respond.ts';
export type { Exchange, Handler, ResponseHook } from '../../http/exchange.ts';
export type { HeaderList } from '../../http/message/header-list.ts';
export { list, record } from '../../../schema/collection.ts';
export { optional, required, withDefault } from '../../../schema/field.ts';
export { object } from '../../../schema/object.ts';
export { boolean, duration, integer, oneOf, secret, string } from '../../../schema/scalar.ts';
export type { Field, Infer, Schema } from '../../../schema/schema.ts';
