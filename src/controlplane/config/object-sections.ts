// The sections of a routing configuration that hold objects by name.

/** In the order of the file; each stands below the path that its place in a document has. */
export const SECTION_PATHS = {
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
} as const;

export type ObjectSection = keyof typeof SECTION_PATHS;

export const OBJECT_SECTIONS = Object.keys(SECTION_PATHS) as readonly ObjectSection[]; // Those of the table above.
