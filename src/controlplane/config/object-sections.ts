// The sections of a routing configuration that hold objects by name.

import type { RoutingSections } from './routing-config.ts';

export type ObjectSection = keyof RoutingSections;

/** In the order of the file; each stands below the path that its place in a document has. */
export const SECTION_PATHS: Readonly<Record<ObjectSection, readonly [string, string]>> = {
  routers: ['http', 'routers'],
  middlewares: ['http', 'middlewares'],
  services: ['http', 'services'],
  serversTransports: ['http', 'serversTransports'],
  certificates: ['tls', 'certificates'],
  tlsOptions: ['tls', 'options'],
  tlsStores: ['tls', 'stores'],
  tcpRouters: ['tcp', 'routers'],
  tcpServices: ['tcp', 'services'],
  tcpMiddlewares: ['tcp', 'middlewares'],
  tcpServersTransports: ['tcp', 'serversTransports'],
  udpRouters: ['udp', 'routers'],
  udpServices: ['udp', 'services'],
};

export const OBJECT_SECTIONS = Object.keys(SECTION_PATHS) as readonly ObjectSection[]; // Those of the table above.
