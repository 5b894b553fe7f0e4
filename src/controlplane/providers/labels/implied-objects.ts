// What labels leave out and everybody expects: a service for the workload, a router in front of it, and the service of
// a router that names none. As Traefik implies them.

import { isEmptyText, isMap, isSwitchedOn } from '../../../schema/input.ts';
import { defaultsOf } from '../../../schema/object.ts';
import { listNames } from './list-names.ts';
import { SERVER_SECTIONS } from './label-schema.ts';
import {
  pathOf,
  serverSettings,
  type LabelObject,
  type LabelObjects,
  type LabelProblem,
  type WorkloadServer,
} from './label-objects.ts';
import type { ServiceSection } from '../../config/routing/provided-endpoints.ts';
import type { ObjectSection } from '../../config/routing/object-kinds.ts';

/** Everything that the labels of a workload come to. */
export interface Definition extends Pick<LabelObjects, 'servers' | 'problems' | 'unknown'> {
  readonly objects: readonly LabelObject[];
  /** HTTP routers that are to get the default rule. */
  readonly ruleless: readonly LabelObject[];
  /** What nobody has written: it is only there where the workload has an address. */
  readonly addressed: Addressed | null;
}

export interface Addressed {
  readonly service: LabelObject;
  /** That is to get the default rule; null where no router asks for the service. */
  readonly router: LabelObject | null;
}

interface Family {
  readonly routers: ObjectSection;
  readonly services: ServiceSection;
  /** Of which one is enough for the workload to be meant for this protocol. */
  readonly meaning: readonly ObjectSection[];
}

const HTTP: Family = {
  routers: 'routers',
  services: 'services',
  meaning: ['routers', 'services', 'middlewares', 'serversTransports'],
};
const OTHERS: readonly Family[] = [
  { routers: 'tcpRouters', services: 'tcpServices', meaning: ['tcpRouters', 'tcpServices'] },
  { routers: 'udpRouters', services: 'udpServices', meaning: ['udpRouters', 'udpServices'] },
];

/** `serviceName` is in the form of a name; `prefix` begins labels in hints. */
export function implied(said: LabelObjects, serviceName: string, prefix: string): Definition {
  const into: Implied = {
    objects: said.objects.filter(({ section }) => ![HTTP, ...OTHERS].some(({ routers }) => routers === section)),
    ruleless: [],
    servers: [...said.servers],
    problems: [...said.problems],
    addressed: null,
  };
  const isMeant = ({ meaning }: Family): boolean => said.objects.some(({ section }) => meaning.includes(section));
  const others = OTHERS.filter(isMeant);
  for (const family of isMeant(HTTP) || others.length === 0 ? [HTTP, ...others] : others) {
    implyFamily(family, said, serviceName, prefix, into);
  }
  return { ...into, unknown: said.unknown };
}

interface Implied {
  readonly objects: LabelObject[];
  readonly ruleless: LabelObject[];
  readonly servers: WorkloadServer[];
  readonly problems: LabelProblem[];
  addressed: Addressed | null;
}

function implyFamily(family: Family, said: LabelObjects, serviceName: string, prefix: string, into: Implied): void {
  const written = said.objects.filter(({ section }) => section === family.services);
  const service = impliedService(family, written, serviceName);
  const candidates = written.length > 0 ? written.map(({ name }) => name) : service === null ? [] : [service.name];
  const routers = said.objects.filter(({ section }) => section === family.routers);
  const isAlone = family === HTTP && routers.length === 0 && candidates.length === 1 && serviceName !== '';
  const router = isAlone ? labelObject('routers', serviceName, { service: candidates[0] }) : null;
  if (router !== null && service === null) into.ruleless.push(router);
  const parents = new Set(routers.flatMap(({ given }) => (isMap(given) ? listNames(given['parentRefs']) : [])));
  const asked = new Set<string>();
  for (const one of routers) {
    const linked = linkRouter(one, candidates, parents, prefix);
    if ('message' in linked) {
      into.problems.push(linked);
      continue;
    }
    const options = isMap(linked.given) ? linked.given : {};
    asked.add(String(options['service']).replace(/@.*$/, ''));
    const isEmpty = options['rule'] === undefined || isEmptyText(options['rule']);
    // Decoding says what is wrong with one that is no section.
    const isRuleless = family === HTTP && isMap(linked.given) && isEmpty;
    (isRuleless ? into.ruleless : into.objects).push(linked);
  }
  if (service === null) return;
  into.servers.push(serverOf(service, family.services));
  if (asked.has(service.name)) into.objects.push(service);
  else if (family === HTTP) into.addressed = { service, router };
  // Of TCP and UDP, one that no router asks for is of no use to anybody.
  else into.servers.pop();
}

/** Null where the labels have a service that the workload is the server of, or there is no name for one. */
function impliedService({ services }: Family, written: readonly LabelObject[], name: string): LabelObject | null {
  const kinds = SERVER_SECTIONS[services].map(({ kind }) => kind);
  const isServed = written.some(({ given }) => isMap(given) && kinds.some((kind) => kind in given));
  if (isServed || name === '' || written.some((one) => one.name === name)) return null;
  return labelObject(services, name, { [kinds[0]!]: {} });
}

function serverOf({ name }: LabelObject, section: ServiceSection): WorkloadServer {
  const row = SERVER_SECTIONS[section][0]!;
  const settings = serverSettings(row, defaultsOf(row.schema) as Readonly<Record<string, unknown>>); // A section.
  return { section, service: name, row, settings, labels: [], path: `${pathOf(section, name)}.${row.kind}.server` };
}

/** With its service; or why there is none. */
function linkRouter(
  router: LabelObject,
  candidates: readonly string[],
  parents: ReadonlySet<string>,
  prefix: string,
): LabelObject | LabelProblem {
  const { section, name, given } = router;
  const options = isMap(given) ? given : isSwitchedOn(given) ? {} : null;
  // Decoding says what is wrong with it.
  if (options === null) return router;
  if (options['service'] !== undefined && !isEmptyText(options['service'])) return router;
  if (parents.has(name) || candidates.length === 0) return router;
  if (candidates.length === 1) return withOptions(router, { ...options, service: candidates[0] });
  const path = pathOf(section, name);
  return {
    severity: 'error',
    code: 'missing-option',
    message: `the router "${name}" names no service, and there are several: ${candidates.join(', ')}; say which with the label ${prefix}${path}.service`,
    path: `${path}.service`,
    label: router.labels[0]?.label ?? null,
  };
}

/** The same object with other options. */
export function withOptions(object: LabelObject, given: unknown): LabelObject {
  return { ...object, given, text: JSON.stringify(given) };
}

function labelObject(section: ObjectSection, name: string, given: unknown): LabelObject {
  return { section, name, given, text: JSON.stringify(given), labels: [] };
}
