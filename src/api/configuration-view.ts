// The configuration that is shown: the one in force. That is the newest one, or the snapshot that is pinned. Lists are
// made when they are asked for.

import type { HistoryEntry } from '../model/history.ts';
import { tcpServiceKey } from '../model/tcp.ts';
import { LISTED_SECTIONS, OBJECT_KINDS, type ListedSection } from '../controlplane/config/routing/object-kinds.ts';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import type { RawData, ShownObject } from './answers.ts';
import { internalMiddlewares, internalRouters } from './internal-view.ts';
import * as pinned from './pinned-view.ts';
import * as newest from './traefik-view.ts';
import type { HealthOf } from './traefik-view.ts';

type List = (section: ListedSection) => readonly ShownObject[];

export interface ConfigurationView {
  readonly list: List;
}

export function configurationView(pipeline: Pipeline, healthOf: HealthOf): ConfigurationView {
  const { pin, history, result, install } = pipeline;
  const entry = pin === null ? null : history.get(pin.version);
  const listWritten: List =
    entry === null
      ? (section) => newest.shownObjects(section, { result, healthOf, defaultEntryPoints: install.defaultEntryPoints })
      : pinnedObjects(entry, healthOf);
  const internal: Readonly<Partial<Record<ListedSection, () => readonly ShownObject[]>>> = {
    routers: () => internalRouters(install.admin),
    middlewares: () => internalMiddlewares(install.admin),
    services: () => internalServices(pipeline, list('routers')),
  };
  const list: List = (section) => [...listWritten(section), ...(internal[section]?.() ?? [])];
  return { list };
}

function pinnedObjects(entry: HistoryEntry, healthOf: HealthOf): List {
  const routers = pinned.pinnedRouters(entry);
  const tcpRouters = pinned.pinnedTcpRouters(entry);
  const udpRouters = pinned.pinnedUdpRouters(entry);
  const lists: Readonly<Record<ListedSection, () => readonly ShownObject[]>> = {
    routers: () => routers,
    middlewares: () => used(pinned.pinnedMiddlewares(entry), routers, 'middlewares'),
    services: () =>
      used(pinned.pinnedServices(entry), routers, 'service').map((service) =>
        newest.withHealth(service, healthOf(service.name), newest.shownServer),
      ),
    tcpRouters: () => tcpRouters,
    tcpMiddlewares: () => used(pinned.pinnedTcpMiddlewares(entry), tcpRouters, 'middlewares'),
    tcpServices: () =>
      used(pinned.pinnedTcpServices(entry), tcpRouters, 'service').map((service) =>
        newest.withHealth(service, healthOf(tcpServiceKey(service.name)), newest.shownTcpServer),
      ),
    udpRouters: () => udpRouters,
    udpServices: () => used(pinned.pinnedUdpServices(entry), udpRouters, 'service'),
  };
  return (section) => lists[section]();
}

/** With the routers that name each. */
function used(objects: readonly ShownObject[], routers: readonly ShownObject[], field: string): readonly ShownObject[] {
  const users = new Map<string, string[]>();
  for (const router of routers) {
    for (const name of [router[field]].flat()) {
      if (typeof name !== 'string') continue;
      const known = users.get(name);
      if (known === undefined) users.set(name, [router.name]);
      else known.push(router.name);
    }
  }
  return objects.map((object) => {
    const usedBy = users.get(object.name);
    return usedBy === undefined ? object : { ...object, usedBy: usedBy.toSorted() };
  });
}

/** Those that the program brings along, with who names them. */
function internalServices(pipeline: Pipeline, routers: readonly ShownObject[]): readonly ShownObject[] {
  const services = Object.keys(pipeline.current.services)
    .filter((name) => name.endsWith('@internal'))
    .map((name): ShownObject => ({ name, provider: 'internal', status: 'enabled' }));
  // A reference without a provider means that of the router.
  const qualified = routers.map((router) => ({
    ...router,
    service: newest.qualifiedName(router['service'], router.provider),
  }));
  return used(services, qualified, 'service');
}

export function rawData(view: ConfigurationView): Omit<RawData, 'pin'> {
  const besides = new Set(['name', 'provider', 'type']);
  const byName = (list: readonly ShownObject[]): RawData['routers'] =>
    Object.fromEntries(
      list.map((shown) => {
        const rest = Object.entries(shown).filter(([field]) => !besides.has(field));
        return [shown.name, { ...Object.fromEntries(rest), status: shown.status }];
      }),
    );
  // As in Traefik, sections without an object are left out, but for those of HTTP.
  return Object.fromEntries(
    LISTED_SECTIONS.map((section) => [section, byName(view.list(section))] as const).filter(
      ([section, objects]) => OBJECT_KINDS[section].at[0] === 'http' || Object.keys(objects!).length > 0,
    ),
  );
}
