/// <reference types="node" preserve="true" />
// What programs import: a router in process, and the types of its configuration.

export { defineConfig, startRouter } from './app/embedded.ts';
export type { Router, RouterAddress, StartOptions } from './app/embedded.ts';
export type { InstallInput, MiddlewareInput, RouterInput, RoutingInput, ServiceInput } from './app/input-types.ts';
export { SignalboxError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export type { Diagnostic, Severity } from './model/diagnostic.ts';
