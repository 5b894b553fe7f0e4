/// <reference types="node" preserve="true" />
// `signalbox/plugin`: what middlewares of your own are written with; docs/plugins.md shows how.

export * from './dataplane/middleware/plugin/plugin-api.ts';
